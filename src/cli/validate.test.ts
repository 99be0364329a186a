// Proves what validate prints and how it ends, for good, bad and absent configs, and that it shows no secret.

import t from 'tap'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCli, temporaryFolder } from '../../test/support/run-cli.ts'

const bad = `listeners:
  - { protocol: http, port: 8080 }
sink: jurnal
routes:
  - { name: a, channel: a, topic: a }
`

t.test('a config with a mistake ends with 78 and its place', async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'bad.yaml'), bad)
  t.strictSame(await runCli(['validate', '-c', 'bad.yaml'], { cwd }), {
    code: 78, stdout: '', stderr: `bad.yaml:3:1  sink
  error  unknown value "jurnal"
         expected one of: kafka, journal   (did you mean "journal"?)
  help   Where events end up: a Kafka cluster, or the journal folder of this machine. (docs/config.md#sink)
1 error  (exit 78)
`
  })
  const { code, stdout } = await runCli(['validate', '-c', 'bad.yaml', '--json'], { cwd })
  t.equal(code, 78)
  t.match(JSON.parse(stdout), {
    valid: false, file: 'bad.yaml', mistakes: [{ path: 'sink', line: 3, column: 1, suggestion: 'journal' }]
  })
})

t.test('a good config ends with 0, also for programs', async (t) => {
  const cwd = temporaryFolder(t)
  writeFileSync(join(cwd, 'sluice.yaml'), bad.replace('jurnal', 'journal'))
  const { code, stdout } = await runCli(['validate', '--json'], { cwd })
  t.equal(code, 0)
  t.strictSame(JSON.parse(stdout), { valid: true, file: 'sluice.yaml', listeners: 1, routes: 1, sink: 'journal' })
})

t.test('a file that cannot be read ends with 78 and says why', async (t) => {
  const cwd = temporaryFolder(t)
  const absent = await runCli(['validate', '-c', 'none.yaml'], { cwd })
  t.strictSame(absent, { code: 78, stdout: '', stderr: 'cannot read none.yaml: there is no such file\n' })
  const folder = await runCli(['start', '-c', '.'], { cwd })
  t.strictSame(folder, { code: 78, stdout: '', stderr: 'cannot read .: it is a folder\n' })
  writeFileSync(join(cwd, 'large.yaml'), 'x'.repeat(1024 * 1024 + 1))
  t.match(await runCli(['validate', '-c', 'large.yaml'], { cwd }), { code: 78, stderr: /above the cap of 1048576/ })
})

t.test('secrets stay out of what validate prints, wherever they stand', async (t) => {
  const cwd = temporaryFolder(t)
  const canary = 'canary-51c0'
  writeFileSync(join(cwd, 'secret'), canary)
  const text = (sasl: string): string => `listeners: [ { protocol: http, port: "\${env:CANARY}" } ]
kafka: { brokers: [ "a:1" ], sasl: ${sasl} }
principals: [ { name: a, credentials: [ { apiKey: ${canary} } ] } ]
authentication: [ auth-api-key ]
routes: [ { name: a, channel: a, topic: "__\${file:secret}" } ]
`
  for (const sasl of [canary, `{ mechanism: plain, username: u, password: [ ${canary} ] }`, `{ pasword: ${canary} }`, `"${canary}`]) {
    writeFileSync(join(cwd, 'sluice.yaml'), text(sasl))
    for (const words of [['validate'], ['validate', '--json'], ['start'], ['tail', '--no-follow']]) {
      const ran = await runCli(words, { cwd, env: { CANARY: canary } })
      t.equal(ran.code, 78)
      t.notMatch(ran.stdout + ran.stderr, canary)
    }
  }
})
