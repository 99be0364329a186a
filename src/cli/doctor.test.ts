// Proves what doctor prints and how it ends, for a journal, for a Kafka that is not there, and for programs.

import t from 'tap'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCli, temporaryFolder } from '../../test/support/run-cli.ts'

const config = (kafka: string): string => `listeners: [ { protocol: http, port: 8080 } ]
${kafka}
routes:
  - { name: a, channel: a, topic: a }
  - { name: b, channel: "b/{x}", topic: "b.{x}", parameters: { x: { pattern: "[a-z]+" } } }
`

t.test('a journal needs no doctor', async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'sluice.yaml'), config('sink: journal'))
  t.strictSame(await runCli(['doctor'], { cwd }), {
    code: 0, stdout: 'ok       sink: journal: there is no Kafka to look at\n', stderr: '0 errors, 0 warnings\n'
  })
})

t.test('a Kafka that is not there is an error with its reason, and ends with 1', async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'kafka.yaml'), config('kafka: { brokers: ["127.0.0.1:1"] }'))
  const { code, stdout, stderr } = await runCli(['doctor', '-c', 'kafka.yaml'], { cwd })
  t.equal(code, 1)
  t.match(stdout, /^error {4}broker 127.0.0.1:1: no Kafka broker accepts connections at its address/)
  t.match(stdout, /warning {2}route b: its topics b.\{x\} are known only when events come\n {9}name the values/)
  t.equal(stderr, '1 error, 1 warning\n')
  const asJson = await runCli(['doctor', '-c', 'kafka.yaml', '--json'], { cwd })
  t.match(asJson.stdout.trim().split('\n').map((line) => JSON.parse(line) as unknown), [{ level: 'error' }, { level: 'warning' }])
  t.equal(asJson.stderr, '')
})

t.test('a config with mistakes ends as it does for every verb', async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'bad.yaml'), 'sink: jurnal')
  t.match(await runCli(['doctor', '-c', 'bad.yaml'], { cwd }), { code: 78, stderr: /jurnal/ })
})
