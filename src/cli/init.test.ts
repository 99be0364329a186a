// Proves that init writes a config that validates for every combination of answers, and is careful with files and keys.

import t from 'tap'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCli, temporaryFolder } from '../../test/support/run-cli.ts'
import { hashOf, looksWhole } from './api-key.ts'
import { loadText } from './config-file.ts'
import { renderConfig } from './init-config.ts'
import type { Answers, KafkaAnswers } from './init-config.ts'
import { askLogin, mechanisms } from './init-login.ts'
import type { LoginOptions } from './init-login.ts'

const secrets = { PW: 'x', KAFKA_PASSWORD: 'x', KAFKA_TOKEN: 'x', KAFKA_CLIENT_SECRET: 'x' }
const users: readonly LoginOptions[] = [{}, { username: 'a "b"', passwordEnv: 'PW' }]
const tokenUrl = 'https://id.example/token'

/** Options with which each mechanism is tried; what they leave open takes its default. */
const saslOptions: Readonly<Record<string, readonly LoginOptions[]>> = {
  'plain': users,
  'scram-sha-256': users,
  'scram-sha-512': users,
  'oauthbearer': [{}, { passwordEnv: 'PW' }, { tokenUrl, clientId: 'a "b"', scope: 'kafka' }],
  'aws-msk-iam': [
    { region: 'eu-west-1' }, { region: 'eu-west-1', roleArn: 'arn:aws:iam::123456789012:role/sluice' },
    { region: 'us-gov-west-1', profile: 'machine' }
  ]
}

t.test('every combination of answers gives a config without a mistake', async (t) => {
  const sasls: KafkaAnswers['sasl'][] = [undefined]
  for (const mechanism of mechanisms) {
    for (const options of saslOptions[mechanism] ?? []) {
      const login = await askLogin(mechanism, options, (_, standard) => Promise.resolve(standard))
      if ('usage' in login) throw new Error(login.usage)
      sasls.push(login)
    }
  }
  t.equal(sasls.length, 13)
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
        const loaded = await loadText(text, 'sluice.yaml', secrets)
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

t.test('logins by token say what to provide, and go over TLS unless told otherwise', async (t) => {
  const rows: [string[], Record<string, string>, RegExp, RegExp][] = [
    [['oauthbearer'], { KAFKA_TOKEN: 'x' }, /provide the token for Kafka: environment variable KAFKA_TOKEN\./,
      /token: "\$\{env:KAFKA_TOKEN\}"/],
    [['oauthbearer', '--token-url', tokenUrl, '--client-id', 'c', '--password-env', 'S'], { S: 'x' },
      /provide the client secret for https:\/\/id\.example\/token: environment variable S\./,
      /clientSecret: "\$\{env:S\}"/],
    [['aws-msk-iam', '--region', 'eu-west-1', '--profile', 'p'], {}, /^\nThen:/, /region: "eu-west-1"\n {4}profile: "p"\n/]
  ]
  for (const [words, env, told, written] of rows) {
    const cwd = temporaryFolder(t)
    const made = await runCli(['init', '--brokers', '127.0.0.1:9092', '--no-api-key', '--sasl', ...words], { cwd })
    t.equal(made.code, 0, made.stderr)
    t.match(made.stderr, told)
    const text = readFileSync(join(cwd, 'sluice.yaml'), 'utf8')
    t.match(text, written)
    t.match(text, /^ {2}tls: true$/m)
    t.equal((await runCli(['validate'], { cwd, env })).code, 0)
  }
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
    [['--brokers', 'a:1', '--sasl', 'plane'], /Allowed choices are plain, .*, oauthbearer, aws-msk-iam/],
    [['--brokers', 'a:1', '--sasl', 'aws-msk-iam'], /--region REGION/],
    [['--brokers', 'a:1', '--sasl', 'plain', '--token-url', tokenUrl], /--token-url is nothing that --sasl plain needs/],
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
