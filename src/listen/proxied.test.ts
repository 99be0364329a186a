// Listeners behind proxies, on real sockets: whose a connection is, over TCP and TLS, and who is cut.

import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { makeCertificates } from '../../test/support/certificates.ts'
import { ask, dial, openListener, until } from '../../test/support/listener-rig.ts'
import type { ListenerRig, ListenerRigOptions } from '../../test/support/listener-rig.ts'
import { binaryHeader } from '../../test/support/proxy-headers.ts'
import type { Peer } from '../contract/envelope.ts'

const { caPath, certPath, keyPath } = await makeCertificates(t.testdir())
const ca = readFileSync(caPath, 'utf8')
const tls = { cert: certPath, key: keyPath, minVersion: 'TLSv1.2' } as const
const trustedProxies = ['127.0.0.0/8']
const request = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
const line = Buffer.from('PROXY TCP4 203.0.113.7 10.0.0.1 51000 443\r\n')

const headers: [what: string, bytes: Buffer, expected: Partial<Peer>][] = [
  ['version 1', line, { address: '203.0.113.7', port: 51_000 }],
  ['version 2', binaryHeader({ source: '2001:db8::7', port: 51_001 }), { address: '2001:db8:0:0:0:0:0:7', port: 51_001 }],
  ['version 2 for mapped IPv4', binaryHeader({ source: '0:0:0:0:0:ffff:cb00:7107' }), { address: '203.0.113.7' }],
  ['a health check of the proxy', binaryHeader({ command: 0 }), { address: '127.0.0.1' }]
]

function peerIn (answer: string): Peer { return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as Peer }

/** Sends each piece once the one before has left for certain. */
async function sendPieces (socket: Socket, pieces: readonly Buffer[]): Promise<void> {
  socket.setNoDelay(true)
  for (const piece of pieces) {
    await new Promise<void>(resolve => { socket.write(piece, () => setImmediate(resolve)) })
  }
}

/** What is answered to a request over TLS that follows the header on the same connection. */
function askSecured (rig: ListenerRig, header: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const plain = connect({ host: '127.0.0.1', port: rig.port })
    plain.on('error', reject)
    plain.write(header)
    const secured = connectTls({ socket: plain, ca, servername: 'localhost' })
    let text = ''
    secured.on('error', reject).setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
    secured.on('end', () => resolve(text)).write(request)
  })
}

for (const [what, bytes, expected] of headers) {
  t.test(`${what} tells whose the connection is, in one piece, in many, and ahead of TLS`, async t => {
    const plain = await openListener(t, { trustedProxies })
    const one = await dial(t, plain.port)
    one.socket.write(Buffer.concat([bytes, Buffer.from(request)]))
    t.match(peerIn(await one.closed), { ...expected, secure: false })
    const many = await dial(t, plain.port)
    await sendPieces(many.socket, [...Buffer.concat([bytes, Buffer.from(request)])].map(octet => Buffer.from([octet])))
    t.match(peerIn(await many.closed), expected)
    const secured = await openListener(t, { trustedProxies, tls })
    t.match(peerIn(await askSecured(secured, bytes)), { ...expected, secure: true })
    for (const rig of [plain, secured]) {
      await until('leaving', () => rig.connections.gauges.get('connections_active')?.() === 0)
      t.equal(rig.connections.gauges.get('connections_unnamed')?.(), 0)
    }
  })
}

t.test('a connection is kept alive, and its requests have one peer', async t => {
  const rig = await openListener(t, { trustedProxies })
  const { socket, closed } = await dial(t, rig.port)
  socket.write(Buffer.concat([line, Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')]))
  await new Promise(resolve => socket.once('data', resolve))
  socket.write(request)
  const answers = (await closed).split('HTTP/1.1 200 OK').slice(1).map(peerIn)
  t.equal(answers.length, 2)
  t.same(answers[0], answers[1])
})

const cut: [what: string, options: ListenerRigOptions, bytes: Buffer][] = [
  ['who is no trusted proxy', { trustedProxies: ['10.0.0.0/8'] }, line],
  ['everyone where no proxy is trusted', { trustedProxies: [] }, line],
  ['who sends a request without a header', { trustedProxies }, Buffer.from(request)],
  ['who sends TLS without a header', { trustedProxies, tls }, Buffer.from('16030100', 'hex')],
  ['who stops in the middle of a header', { trustedProxies, settings: { handshakeTimeoutMs: 100 } }, line.subarray(0, 20)],
  ['who says nothing', { trustedProxies, settings: { handshakeTimeoutMs: 100 } }, Buffer.alloc(0)],
  ['who never ends a header', { trustedProxies }, Buffer.from(`PROXY ${'x'.repeat(1_000)}`)],
  ['who comes above the cap of all', { trustedProxies, limits: { connectionsMax: 0 } }, line],
  ['whose peer comes above its cap', { trustedProxies, limits: { connectionsPerPeerMax: 0 } }, line],
  ['who comes above the cap before authentication', { trustedProxies, limits: { preAuthBytesMax: 1 } }, line]
]
for (const [who, options, bytes] of cut) {
  t.test(`${who} is cut without an answer, and holds nothing`, async t => {
    const rig = await openListener(t, options)
    const { socket, closed } = await dial(t, rig.port)
    socket.write(Buffer.concat([bytes, Buffer.from(bytes === line ? request : '')]))
    t.equal(await closed, '')
    await until('leaving', () => rig.connections.gauges.get('connections_unnamed')?.() === 0)
    t.same(['connections_active', 'pre_auth_bytes'].map(name => rig.connections.gauges.get(name)?.()), [0, 0])
  })
}

t.test('a proxy that ends or resets in the middle of its header leaves nothing behind', async t => {
  const rig = await openListener(t, { trustedProxies })
  for (const leave of [(socket: Socket) => socket.end(), (socket: Socket) => socket.resetAndDestroy()]) {
    const { socket, closed } = await dial(t, rig.port)
    socket.write(line.subarray(0, 10))
    await until('waiting', () => rig.connections.gauges.get('connections_unnamed')?.() === 1)
    leave(socket)
    await closed
    await until('leaving', () => rig.connections.gauges.get('connections_unnamed')?.() === 0)
  }
})

t.test('the cap per peer counts those behind the proxy, not the proxy', async t => {
  const rig = await openListener(t, { trustedProxies, limits: { connectionsPerPeerMax: 1 } })
  const open = async (source: string): Promise<{ socket: Socket, closed: Promise<string> }> => {
    const dialled = await dial(t, rig.port)
    dialled.socket.write(binaryHeader({ source }))
    return dialled
  }
  await open('203.0.113.1')
  await open('203.0.113.2')
  await until('both', () => rig.connections.gauges.get('connections_active')?.() === 2)
  const third = await open('203.0.113.1')
  t.equal(await third.closed, '')
  t.equal(rig.connections.gauges.get('connections_active')?.(), 2)
})

t.test('headers of requests that do not come in time end the connection behind a proxy too', async t => {
  const rig = await openListener(t, { trustedProxies, settings: { headersTimeoutMs: 100 } })
  const { socket, closed } = await dial(t, rig.port)
  socket.write(Buffer.concat([line, Buffer.from('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ')]))
  t.match(await closed, 'HTTP/1.1 408')
})

t.test('closing cuts who is still in the header', async t => {
  const rig = await openListener(t, { trustedProxies })
  const { closed } = await dial(t, rig.port)
  await until('waiting', () => rig.connections.gauges.get('connections_unnamed')?.() === 1)
  const closing = rig.listener.close()
  rig.listener.cut()
  t.equal(await closed, '')
  await closing
  await t.rejects(ask(rig), { code: 'ECONNREFUSED' })
})
