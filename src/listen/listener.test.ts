// Listeners on real sockets: HTTP and HTTPS, peers, limits on who connects and how long it takes, and closing.

import { readFileSync } from 'node:fs'
import { Agent } from 'node:http'
import type { Server, ServerResponse } from 'node:http'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { makeCertificates } from '../../test/support/certificates.ts'
import { ask, dial, openListener, until } from '../../test/support/listener-rig.ts'
import type { Peer } from '../contract/envelope.ts'
import type { DataListenerSettings } from './config.ts'

const { caPath, certPath, keyPath } = await makeCertificates(t.testdir())
const ca = readFileSync(caPath, 'utf8')
const tls: DataListenerSettings['tls'] = { cert: certPath, key: keyPath, minVersion: 'TLSv1.2' }

t.test('a request over HTTP is served and its peer known', async t => {
  const rig = await openListener(t)
  t.match(rig, { protocol: 'http', host: '127.0.0.1', secure: false })
  t.ok(rig.port > 0)
  const { status, text } = await ask(rig)
  t.equal(status, 200)
  t.match(JSON.parse(text), { address: '127.0.0.1', secure: false, connectionId: 1 })
})

t.test('a request over HTTPS is served and its peer known', async t => {
  const rig = await openListener(t, { tls })
  t.equal(rig.secure, true)
  for (const connectionId of [1, 2]) {
    const peer = JSON.parse((await ask({ port: rig.port, ca })).text) as Peer
    t.match(peer, { address: '127.0.0.1', secure: true, connectionId })
    t.ok(peer.port > 0)
  }
  await until('closing', () => rig.connections.gauges.get('connections_active')?.() === 0)
})

t.test('a socket that was not admitted has no peer, which is a bug', async t => {
  const { listener } = await openListener(t)
  t.throws(() => listener.peerOf({}), /no listener admitted/)
})

t.test('TLS 1.1 is refused, and TLS 1.2 where 1.3 is asked for', async t => {
  const handshake = (port: number, maxVersion: 'TLSv1.1' | 'TLSv1.2'): Promise<string> => new Promise(resolve => {
    const socket = connectTls({ host: '127.0.0.1', port, ca, minVersion: 'TLSv1', maxVersion, ciphers: 'DEFAULT@SECLEVEL=0' })
    socket.once('secureConnect', () => { resolve(socket.getProtocol() ?? ''); socket.destroy() })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
  const common = await openListener(t, { tls })
  t.equal(await handshake(common.port, 'TLSv1.1'), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
  t.equal(await handshake(common.port, 'TLSv1.2'), 'TLSv1.2')
  t.ok(common.messages.includes('TLS handshake failed'))
  const strict = await openListener(t, { tls: { ...tls, minVersion: 'TLSv1.3' } })
  t.equal(await handshake(strict.port, 'TLSv1.2'), 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION')
})

t.test('a plain request to a TLS listener is dropped', async t => {
  const rig = await openListener(t, { tls })
  const { socket, closed } = await dial(t, rig.port)
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  t.notMatch(await closed, 'HTTP/1.1 200')
})

t.test('a handshake that stalls is dropped', async t => {
  const rig = await openListener(t, { tls, settings: { handshakeTimeoutMs: 100 } })
  const { closed } = await dial(t, rig.port)
  t.equal(await closed, '')
  await until('leaving', () => rig.connections.gauges.get('connections_active')?.() === 0)
  t.equal((await ask({ port: rig.port, ca })).status, 200)
})

t.test('headers that do not come in time end the connection', async t => {
  const rig = await openListener(t, { settings: { headersTimeoutMs: 100 } })
  const slow = await dial(t, rig.port)
  slow.socket.write('GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ')
  t.match(await slow.closed, 'HTTP/1.1 408')
  const silent = await dial(t, rig.port)
  t.notMatch(await silent.closed, '200')
})

t.test('a header section above its limit is answered with 431', async t => {
  const rig = await openListener(t, { settings: { headerBytesMax: 2_048 } })
  const { socket, closed } = await dial(t, rig.port)
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(2_048)}\r\n\r\n`)
  t.match(await closed, 'HTTP/1.1 431')
  const fits = await dial(t, rig.port)
  fits.socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Long: ${'x'.repeat(1_500)}\r\n\r\n`)
  t.match(await fits.closed, 'HTTP/1.1 200')
})

t.test('a request of HTTP/1.1 without a host is the adapter\'s to refuse', async t => {
  const rig = await openListener(t, { handle: (request, response) => response.end(`host: ${request.headers.host}`) })
  const { socket, closed } = await dial(t, rig.port)
  socket.write('GET / HTTP/1.1\r\nConnection: close\r\n\r\n')
  t.match(await closed, 'host: undefined')
})

t.test('a connection that stands still while a request is under way is closed', async t => {
  const rig = await openListener(t, { settings: { idleTimeoutMs: 100 }, handle: () => {} })
  const { socket, closed } = await dial(t, rig.port)
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  t.equal(await closed, '')
})

t.test('an upgrade is left to whoever serves WebSocket; any other protocol is ignored', async t => {
  const rig = await openListener(t, { handle: (request, response) => response.end(`served ${request.headers.upgrade}`) })
  const server = rig.listener.server as Server
  const ask = async (upgrade: string): Promise<string> => {
    const { socket, closed } = await dial(t, rig.port)
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close, upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`)
    return closed
  }
  t.match(await ask('websocket'), 'served websocket', 'nobody serves it')
  server.on('upgrade', (_request, socket) => { socket.end('upgraded') })
  t.equal(await ask('WebSocket'), 'upgraded')
  t.match(await ask('h2c'), 'served h2c')
})

t.test('more headers than Node keeps by default are all kept', async t => {
  const rig = await openListener(t, {
    settings: { headerBytesMax: 65_536 }, handle: (request, response) => response.end(`${request.rawHeaders.length / 2}`)
  })
  const { socket, closed } = await dial(t, rig.port)
  const lines = Array.from({ length: 2_500 }, (_, at) => `X-${at}: 1\r\n`).join('')
  socket.write(`GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${lines}\r\n`)
  t.match(await closed, '2502')
})

for (const secured of [false, true]) {
  t.test(`a connection above a cap is closed at once, over ${secured ? 'TLS' : 'TCP'}`, async t => {
    const rig = await openListener(t, { ...(secured ? { tls } : {}), limits: { connectionsPerPeerMax: 1 } })
    const first = await dial(t, rig.port)
    await until('admission', () => rig.connections.gauges.get('connections_active')?.() === 1)
    const second = await dial(t, rig.port)
    t.equal(await second.closed, '')
    t.equal(rig.connections.gauges.get('connections_refused_total')?.(), 1)
    first.socket.destroy()
    await until('leaving', () => rig.connections.gauges.get('connections_active')?.() === 0)
    t.equal((await ask(secured ? { port: rig.port, ca } : rig)).status, 200)
  })
}

t.test('closing ends idle connections, lets requests finish and takes no new ones', async t => {
  const waiting: ServerResponse[] = []
  const rig = await openListener(t, {
    handle (request, response) {
      if (request.url === '/slow') waiting.push(response)
      else response.end('quick')
    }
  })
  const agent = new Agent({ keepAlive: true })
  const slowAgent = new Agent({ keepAlive: true })
  t.teardown(() => { agent.destroy(); slowAgent.destroy() })
  await ask({ port: rig.port, agent })
  const slow = ask({ port: rig.port, path: '/slow', agent: slowAgent })
  await until('the slow request', () => waiting.length === 1)
  t.equal(rig.connections.gauges.get('connections_active')?.(), 2)
  let closed = false
  const closing = rig.listener.close().then(() => { closed = true })
  await until('the idle one leaving', () => rig.connections.gauges.get('connections_active')?.() === 1)
  t.equal(closed, false)
  await t.rejects(ask(rig), { code: 'ECONNREFUSED' })
  waiting[0]?.end('done')
  t.equal((await slow).text, 'done')
  await closing
})

t.test('a request that was on its way to an idle connection when closing began is answered', async t => {
  const rig = await openListener(t, { handle: (_request, response) => response.end('heard') })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  await ask({ port: rig.port, agent })
  const closing = rig.listener.close()
  t.equal((await ask({ port: rig.port, agent })).text, 'heard')
  await closing
  await until('the connection leaving', () => rig.connections.gauges.get('connections_active')?.() === 0)
})

for (const secured of [false, true]) {
  t.test(`cutting ends what is still open, over ${secured ? 'TLS also in a handshake' : 'TCP'}`, async t => {
    const rig = await openListener(t, secured ? { tls } : {})
    const { closed } = await dial(t, rig.port)
    await until('admission', () => rig.connections.gauges.get('connections_active')?.() === 1)
    const closing = rig.listener.close()
    rig.listener.cut()
    t.equal(await closed, '')
    await closing
    t.equal(rig.connections.gauges.get('connections_active')?.(), 0)
  })
}

t.test('two listeners share a port where they are told to, and not where they are not', async t => {
  const first = await openListener(t, { shared: true, handle: (_request, response) => response.end('first') })
  const second = await openListener(t, {
    shared: true, port: first.port, handle: (_request, response) => response.end('second')
  })
  t.equal(second.port, first.port)
  const seen = new Set<string>()
  for (let i = 0; i < 200 && seen.size < 2; i++) seen.add((await ask(first)).text)
  t.same([...seen].sort(), ['first', 'second'])
  const alone = await openListener(t)
  await t.rejects(openListener(t, { port: alone.port }), { code: 'EADDRINUSE' })
})

t.test('TLS files that cannot be read or do not fit fail before anything listens', async t => {
  const other = await makeCertificates(t.testdir(), { name: 'other' })
  await t.rejects(openListener(t, { tls: { ...tls, cert: '/nowhere/cert.pem' } }), { code: 'ENOENT' })
  await t.rejects(openListener(t, { tls: { ...tls, key: other.keyPath } }), { message: /key values mismatch/ })
})
