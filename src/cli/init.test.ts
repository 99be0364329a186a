// Proves that init writes a config that validates for every combination of answers, and is careful with files and keys.

import t from 'tap'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCli, temporaryFolder } from '../../test/support/run-cli.ts'
import { hashOf, looksWhole } from './api-key.ts'
import { loadText } from './config-file.ts'
import { renderConfig } from './init-config.ts'
import type { Answers, KafkaAnswers } from './init-config.ts'

t.test('every combination of answers gives a config without a mistake', async (t) => {
  const sasls: KafkaAnswers['sasl'][] = [
    undefined,
    ...['plain', 'scram-sha-256', 'scram-sha-512'].map((mechanism) => ({ mechanism, username: 'a "b"', password: '${env:PW}' }))
  ]
  const sinks: Answers['sink'][] = [{ kind: 'journal' }]
  for (const sasl of sasls) {
    for (const tls of [true, false, './ca "x".pem']) {
      for (const brokers of [['127.0.0.1:9092'], ['a:1', 'b:2']]) sinks.push({ kind: 'kafka', brokers, tls, sasl })
    }
  }
  for (const sink of sinks) {
    for (const keyHash of [undefined, hashOf('x')]) {
      for (const editorSchema of [undefined, './docs/sluice.schema.json']) {
        const text = renderConfig({ sink, keyHash, editorSchema, topic: 'orders.v1' })
        const loaded = await loadText(text, 'sluice.yaml', { PW: 'x' })
        t.equal('exitCode' in loaded ? loaded.text : '', '')
        t.notMatch(text, /[^\n]{121}/, 'no line is too long to read')
      }
    }
  }
})

t.test('what init writes without a terminal validates, and the key it shows is the one in the file', async (t) => {
  const cwd = temporaryFolder(t)
  const made = await runCli(['init', '--brokers', '127.0.0.1:9092', '--sasl', 'plain', '--topic', 'orders'], { cwd })
  t.equal(made.code, 0, made.stderr)
  const text = readFileSync(join(cwd, 'sluice.yaml'), 'utf8')
  const key = /sluice_\S+/.exec(made.stdout)?.[0] ?? ''
  t.ok(looksWhole(key))
  t.match(text, hashOf(key))
  t.notMatch(text, key)
  t.match(made.stderr, 'environment variable KAFKA_PASSWORD')
  t.equal(statSync(join(cwd, 'sluice.yaml')).mode & 0o007, 0, 'others may not read it')
  const valid = await runCli(['validate'], { cwd, env: { KAFKA_PASSWORD: 'x' } })
  t.strictSame(valid, { code: 0, stdout: 'sluice.yaml is valid: 2 listeners, 1 route, sink kafka\n', stderr: '' })
})

t.test('init replaces no file unless it is told to', async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'sluice.yaml'), 'mine')
  const refused = await runCli(['init', '--journal', '--no-api-key'], { cwd })
  t.equal(refused.code, 74)
  t.match(refused.stderr, 'sluice.yaml is there already; replace it with --force')
  t.equal(readFileSync(join(cwd, 'sluice.yaml'), 'utf8'), 'mine')
  const forced = await runCli(['init', '--journal', '--no-api-key', '--force'], { cwd })
  t.equal(forced.code, 0)
  t.notMatch(forced.stdout, 'sluice_')
  t.match(readFileSync(join(cwd, 'sluice.yaml'), 'utf8'), 'sink: journal')
})

t.test('answers that are missing, contradict each other or are wrong write nothing', async (t) => {
  const cwd = temporaryFolder(t)
  const rows: [string[], RegExp][] = [
    [[], /say where events go: --brokers HOST:PORT,... or --journal/],
    [['--journal', '--tls'], /--journal means no Kafka/],
    [['--brokers', 'a:1', '--username', 'x'], /need --sasl/],
    [['--brokers', 'a:1', '--sasl', 'plain', '--password-env', 'A', '--password-file', 'b'], /choose --password-env or/],
    [['--brokers', 'a:1', '--sasl', 'plane'], /Allowed choices are plain/],
    [['--brokers', 'no-port'], /kafka\.brokers\[0\]/],
    [['--journal', '--topic', '__secret'], /routes\[0\]\.topic/]
  ]
  for (const [words, message] of rows) {
    const ran = await runCli(['init', ...words], { cwd })
    t.equal(ran.code, 2, words.join(' '))
    t.match(ran.stderr, message)
  }
  t.equal((await runCli(['validate'], { cwd })).code, 78, 'there still is no config')
})
