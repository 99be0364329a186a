// Proves what status and principals print and how they end, against a real admin listener and against none.

import t from 'tap'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { adminToken, nodeStatus, startAdmin } from '../../test/support/admin-rig.ts'
import { runCli, temporaryFolder } from '../../test/support/run-cli.ts'
import type { Ran } from '../../test/support/run-cli.ts'
import { hashOf, makeApiKey } from './api-key.ts'

const env = { SLUICE_ADMIN_TOKEN: adminToken }

const config = (admin: string): string => `listeners:\n  - { protocol: http, port: 8080 }\n${admin}
sink: journal\nroutes: [ { name: a, channel: a, topic: a } ]\n`
const adminAt = (port: number): string =>
  `  - { protocol: admin, port: ${port} }\nadmin: { tokens: [ "${hashOf(adminToken)}" ] }`

t.test('status of the gateway that the config describes, for people and for programs', async (t) => {
  const cwd = temporaryFolder(t)
  const { port } = await startAdmin(t)
  writeFileSync(join(cwd, 'sluice.yaml'), config(adminAt(port)))
  writeFileSync(join(cwd, 'token'), `${adminToken}\n`)
  t.strictSame(await runCli(['status', '--token-file', 'token'], { cwd }), {
    code: 0, stderr: '', stdout: `degraded: 1 of 2 workers are running
version    1.2.3, config 0123456789abcdef
running    1 h 2 min, since 2026-01-02T03:04:05.000Z
workers    1 of 2, 3 replaced
listeners  http http://127.0.0.1:8080
sink       journal, ready
budget     1.6% of 64MiB in use
` })
  const asJson = await runCli(['status', '--url', `http://127.0.0.1:${port}/`, '--json'], { cwd, env })
  t.strictSame({ ...asJson, stdout: JSON.parse(asJson.stdout) as unknown }, { code: 0, stderr: '', stdout: nodeStatus })
})

t.test('an unavailable gateway ends with 1, and nothing of its words can steer a terminal', async (t) => {
  const cwd = temporaryFolder(t)
  const { port } = await startAdmin(t, {
    status: async () => ({ ...nodeStatus, status: 'unavailable', reasons: ['journal: \u001b[2J\nfull'] })
  })
  const { code, stdout } = await runCli(['status', '--url', `http://127.0.0.1:${port}`], { cwd, env })
  t.equal(code, 1)
  t.match(stdout, 'unavailable: journal: \\u001b[2J\\nfull\n')
})

t.test('every reason for no answer is told with what to do, and has its exit code', async (t) => {
  const cwd = temporaryFolder(t)
  const { port } = await startAdmin(t)
  const other = createServer((_request, response) => { response.end('hello') }).listen(0, '127.0.0.1')
  await new Promise((resolve) => { other.once('listening', resolve) })
  t.teardown(() => { other.close() })
  writeFileSync(join(cwd, 'none.yaml'), config(''))
  writeFileSync(join(cwd, 'free.yaml'), config(adminAt(0)))
  writeFileSync(join(cwd, 'bad.yaml'), 'sink: jurnal')
  const url = `http://127.0.0.1:${port}`
  const cases: [string[], Record<string, string>, number, string | RegExp][] = [
    [['--url', 'http://127.0.0.1:1'], env, 74, 'no answer from http://127.0.0.1:1: nothing listens there'],
    [['--url', `http://127.0.0.1:${(other.address() as AddressInfo).port}`], env, 1, /is no admin listener: status 200/],
    [['--url', 'ftp://x'], env, 2, '--url is no http or https address'],
    [['--url', url], {}, 2, 'name a file with --token-file, or set SLUICE_ADMIN_TOKEN'],
    [['--url', url], { SLUICE_ADMIN_TOKEN: makeApiKey().key }, 1, 'the gateway does not know this token'],
    [['--url', url], { SLUICE_ADMIN_TOKEN: `${makeApiKey().key}x` }, 1, 'this token is damaged'],
    [['--url', url], { SLUICE_ADMIN_TOKEN: makeApiKey().hash }, 2, 'this is the hash of a token'],
    [['--url', url], { SLUICE_ADMIN_TOKEN: 'a\r\nb: c' }, 2, 'characters that no token has'],
    [['--url', url, '--token-file', 'nowhere'], env, 74, 'cannot read the token in nowhere: there is no such file'],
    [['-c', 'none.yaml'], env, 78, /none.yaml has no admin listener. Add one.*key new.*protocol: admin/s],
    [['-c', 'free.yaml'], env, 2, 'name the present one with --url'],
    [['-c', 'bad.yaml'], env, 78, /jurnal.*--url/s]
  ]
  const ran = await Promise.all(cases.map(([words, given]) => runCli(['status', ...words], { cwd, env: given })))
  for (const [at, [words, given, code, told]] of cases.entries()) {
    const { code: ended, stdout, stderr } = ran[at] as Ran
    const token = given.SLUICE_ADMIN_TOKEN ?? ''
    t.equal(ended, code, words.join(' '))
    t.match(stderr, told, words.join(' '))
    t.equal(stdout, '')
    t.notOk(token !== '' && stderr.includes(token), 'the token is not repeated')
  }
})

t.test('principals are listed, disabled and enabled', async (t) => {
  const cwd = temporaryFolder(t)
  const { port, published } = await startAdmin(t)
  const principals = (...words: string[]): Promise<Ran> =>
    runCli(['principals', ...words, '--url', `http://127.0.0.1:${port}`], { cwd, env })
  t.strictSame(await principals('list'), { code: 0, stdout: 'anna  enabled  groups: shops\n', stderr: '' })
  t.match(await principals(), { code: 0, stdout: 'anna  enabled  groups: shops\n' }, 'without a verb it lists')
  t.strictSame(await principals('disable', 'anna'), {
    code: 0, stdout: 'anna  disabled  groups: shops\n',
    stderr: 'until the gateway restarts: take it out of the config to make it last\n'
  })
  t.match(await principals('disable', 'spiffe://a/b'), {
    code: 0, stdout: 'spiffe://a/b  disabled  not in the config\n', stderr: /Is it spelled right/
  })
  t.match(await principals('disable', 'third'), { code: 1, stdout: '', stderr: /list of disabled principals is full/ })
  const enabled = await principals('enable', 'anna', '--json')
  t.match(JSON.parse(enabled.stdout), { name: 'anna', disabled: false })
  t.same(published, [['anna'], ['anna', 'spiffe://a/b'], ['spiffe://a/b']])
})
