// Proves what send publishes over MQTT, at a real gateway, and what it says of refusals, silence and cut connections.

import t from 'tap'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { Command } from 'commander'
import { makeCertificates } from '../../test/support/certificates.ts'
import { startGatewayProcess } from '../../test/support/gateway-process.ts'
import { runCli, temporaryFolder } from '../../test/support/run-cli.ts'
import type { Ran } from '../../test/support/run-cli.ts'
import { readJournal } from '../journal/reader.ts'
import { makeHash } from '../../plugins/auth-basic/password-hash.ts'
import { makeApiKey } from './api-key.ts'
import { exitCodes } from './exit-codes.ts'
import { addSend } from './send.ts'
import type { Terminal } from './terminal.ts'
import type { Cli } from './verb.ts'

const folder = temporaryFolder(t)
const { caPath, certPath, keyPath } = await makeCertificates(folder)
const { key, hash } = makeApiKey()
writeFileSync(join(folder, 'key'), `${key}\n`)
const gateway = await startGatewayProcess(folder, `
workers: 1
sink: journal
listeners:
  - { protocol: mqtt, port: 0 }
  - { protocol: mqtt, port: 0, tls: { cert: "${certPath}", key: "${keyPath}" } }
mqtt: { inFlightMax: 4 }
principals:
  - { name: device, credentials: [ { apiKey: "${hash}" } ] }
  - { name: other, credentials: [ { basic: { username: someone, passwordHash: "${await makeHash('a password')}" } } ] }
authentication: [ auth-api-key, auth-basic ]
routes:
  - { name: orders, channel: "orders/{region}", topic: orders, ack: disk }
  - { name: closed, channel: closed, topic: closed, policies: [ { acl: { allow: [ "principal:other" ] } } ] }
`)
t.teardown(() => gateway.kill())
const [plain, secure] = gateway.ports
const url = `mqtt://127.0.0.1:${plain}`

interface Given { readonly key?: string | undefined, readonly stdin?: string }

/** The verb in this process; a real one takes seconds to start. */
async function send (words: readonly string[], given: Given = { key }): Promise<Ran> {
  const said = { stdout: '', stderr: '' }
  const same = (text: string): string => text
  const terminal: Terminal = {
    stdin: Readable.from([given.stdin ?? '']), interactive: false, closed: false,
    env: 'key' in given ? { SLUICE_API_KEY: given.key } : {}, color: { bold: same, dim: same, red: same, green: same },
    print: async text => { said.stdout += `${text}\n` },
    tell: text => { said.stderr += `${text}\n` }
  }
  const cli: Cli = { terminal, exitCode: 0 }
  const program = new Command().exitOverride().configureOutput({ writeErr: terminal.tell })
  addSend(program, cli)
  for (const command of program.commands) command.copyInheritedSettings(program)
  const usage = await program.parseAsync(['send', ...words], { from: 'user' })
    .then(() => undefined, (error: unknown) => error)
  return { code: usage === undefined ? cli.exitCode : exitCodes.usage.code, ...said }
}

/** Every event in the journal, by its data. */
async function kept (): Promise<Map<string, Record<string, string>>> {
  const found = new Map<string, Record<string, string>>()
  for await (const item of readJournal(join(folder, 'data/journal'), { from: 'beginning', follow: false })) {
    if (item.kind !== 'event') continue
    found.set(String(item.value), Object.fromEntries(item.headers.map(([name, value]) => [name, String(value)])))
  }
  return found
}

t.test('an event that is acknowledged is in the journal, at every QoS and over TLS', async t => {
  t.strictSame(await send(['orders/eu', '{"a":1}', '--url', url]), {
    code: 0, stdout: 'acknowledged orders/eu  qos 1\n', stderr: ''
  })
  const whole = ['orders/eu', 'two', '--url', url, '--qos', '2', '--type', 'a.b', '--id', 'i1', '--key-file', join(folder, 'key')]
  t.strictSame(await send(whole), { code: 0, stdout: 'acknowledged orders/eu  id i1, qos 2\n', stderr: '' })
  const json = await send(['orders/eu', '3', '--url', `mqtts://127.0.0.1:${secure}/`, '--cacert', caPath, '--json'])
  t.strictSame(JSON.parse(json.stdout), { channel: 'orders/eu', qos: 1, outcome: 'acknowledged', reasonCode: 0 })
  t.match(await send(['orders/eu', '4', '--url', url, '--qos', '0']), { code: 0, stdout: 'sent orders/eu  qos 0\n' })
  // A later acknowledgement: what was sent before it at QoS 0 has been written too, by the one worker.
  t.match(await send(['orders/eu', '5', '--url', url]), { code: 0 })
  const events = await kept()
  t.match(events.get('{"a":1}'), { 'content-type': 'application/json', 'ce_source': '/orders/eu' })
  t.match(events.get('two'), { 'content-type': 'text/plain', 'ce_id': 'i1', 'ce_type': 'a.b', 'ce_source': '/sluice/send' })
  t.ok(['3', '4', '5'].every(data => events.has(data)))
})

t.test('the program itself ends when it is done, also without an answer', async t => {
  const options = { cwd: folder, env: { SLUICE_API_KEY: key } }
  t.strictSame(await runCli(['send', 'orders/eu', '7', '--url', url], options), {
    code: 0, stdout: 'acknowledged orders/eu  qos 1\n', stderr: ''
  })
  const silent = await serve(t, () => { /* the acknowledgement is withheld */ })
  t.match(await runCli(['send', 'a', '1', '--url', silent, '--timeout', '0.2'], options), { code: 3, stdout: /^unknown: / })
})

t.test('each line of stdin is an event of one connection, more of them than its window holds, and only bad ones are shown', async t => {
  const lines = Array.from({ length: 30 }, (_, at) => at === 6 ? '{"line":' : `{"line":${at}}`)
  const ran = await send(['orders/us', '--url', url], { key, stdin: `${lines.join('\n')}\n\n` })
  t.match(ran, { code: 1, stdout: /^line 7: refused malformed: .+\n {2}sending it again changes nothing\n$/ })
  t.equal(ran.stderr, '29 acknowledged, 1 refused\n')
  const events = await kept()
  t.same(lines.filter(line => !events.has(line)), ['{"line":'])
  const { stdout } = await send(['orders/us', '--url', url, '--json'], { key, stdin: '1\n2\n' })
  const told = stdout.trim().split('\n').map(line => JSON.parse(line) as unknown)
  t.match(told, [{ index: 0, outcome: 'acknowledged' }, { index: 1, outcome: 'acknowledged' }])
  t.match(await send(['orders/us', '--url', url]), { code: 0, stderr: 'no lines were sent\n' })
})

t.test('a refusal has the code and the words of the gateway, of a message and of the connection', async t => {
  for (const qos of ['1', '2']) {
    t.match(await send(['closed', '1', '--url', url, '--qos', qos]), {
      code: 1, stdout: /^refused forbidden: .+\n {2}sending it again changes nothing\n$/
    })
  }
  t.match(await send(['nowhere', '1', '--url', url]), { code: 1, stdout: /^refused no-route: / })
  const stranger = await send(['orders/eu', '1', '--url', url, '--json'], { key: 'wrong' })
  t.equal(stranger.code, 1)
  t.match(JSON.parse(stranger.stdout), { outcome: 'refused', code: 'unauthenticated', retryable: false, reasonCode: 0x86 })
  t.match(await send(['orders/eu', '--url', url], { stdin: '1\n2\n' }), { code: 1, stdout: /unauthenticated/ })
})

t.test('a channel that can be none is refused before anything is sent', async t => {
  const nobody = ['--url', 'mqtt://127.0.0.1:1']
  for (const channel of ['a/#', '+/a', 'a//b', '$SYS/a']) {
    t.match(await send([channel, '1', ...nobody]), {
      code: 1, stdout: /^refused malformed: the channel .+\n {2}sending it again changes nothing\n$/
    }, channel)
  }
  t.match(await send(['a/#', ...nobody], { key, stdin: '1\n2\n' }), { code: 1, stdout: /^refused malformed: .+wildcards/ })
  const { stdout } = await send(['a/#', '1', ...nobody, '--json'])
  t.match(JSON.parse(stdout), { channel: 'a/#', outcome: 'refused', code: 'malformed', retryable: false })
})

t.test('with --user the key is the password of that user', async t => {
  const words = ['closed', '6', '--url', url, '--user', 'someone']
  t.match(await send(words, { key: 'a password' }), { code: 0, stdout: /^acknowledged closed/ })
  t.match(await send(words, { key: 'another' }), { code: 1, stdout: /^refused unauthenticated/ })
  t.match(await send(words, {}), { code: 2, stderr: /--user needs a key/ })
})

/** A server that lets everybody in, and does as it is told with what comes behind CONNECT. */
async function serve (t: { teardown (done: () => void): unknown }, then: (socket: Socket) => void): Promise<string> {
  const server = createServer(socket => {
    socket.on('error', () => { /* its client is gone */ })
    socket.once('data', () => {
      socket.write(Buffer.from([0x20, 3, 0, 0, 0]))
      socket.once('data', () => { then(socket) })
    })
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.close() })
  return `mqtt://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('silence, a farewell and a cut leave it unknown whether the event was written', async t => {
  const silent = await serve(t, () => { /* the acknowledgement is withheld */ })
  t.match(await send(['a', '1', '--url', silent, '--timeout', '0.2']), {
    code: 3, stdout: /^unknown: no acknowledgement within 0.2 s; .+\n {2}it may have been written/
  })
  // Server shutting down, with the Reason String "bye".
  const farewell = Buffer.from([0xe0, 8, 0x8b, 6, 0x1f, 0, 3, 0x62, 0x79, 0x65])
  const leaving = await serve(t, socket => { socket.end(farewell) })
  t.match(await send(['a', '1', '--url', leaving]), { code: 3, stdout: /the connection ended: DISCONNECT 0x8b, bye\n/ })
  const cut = await serve(t, socket => { socket.destroy() })
  t.match(await send(['a', '--url', cut], { key, stdin: '1\n2\n' }), { code: 3, stdout: /^line 1: unknown: the connection ended/ })
})

t.test('a gateway that is not there ends with 74, and an address that cannot be used with 2', async t => {
  const nobody = await send(['a', '1', '--url', 'mqtt://127.0.0.1:1'])
  t.match(nobody, { code: 74, stderr: 'cannot send to mqtt://127.0.0.1:1: nothing listens there\n' })
  const strangers = await send(['a', '1', '--url', `mqtts://127.0.0.1:${secure}`])
  t.match(strangers, { code: 74, stderr: /^cannot send to mqtts:.+(CERT|SIGNATURE)/ })
  for (const [words, said] of [
    [['--url', 'mqtt://me:secret@127.0.0.1:1'], /--url has no place for a password/], [['--url', 'mqtt:///a'], /--url of MQTT is/],
    [['--url', `${url}/orders/eu`], /--url of MQTT is/], [['--url', url, '--key-header', 'x'], /--key-header is for HTTP/],
    [['--qos', '1'], /--user and --qos are for MQTT/], [['--url', url, '--qos', '3'], /QoS is 0, 1 or 2/]
  ] as const) {
    const ran = await send(['a', '1', ...words])
    t.match(ran, { code: 2, stderr: said })
    t.notMatch(ran.stderr, 'secret')
  }
})
