// Listeners that hand on connections: admitted, over TCP or TLS, and closed when all have ended.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { readFileSync } from 'node:fs'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import type { Test } from 'tap'
import { makeCertificates } from '../../test/support/certificates.ts'
import { until } from '../../test/support/listener-rig.ts'
import type { Listener } from './listener.ts'
import { openSocketListener } from '../../test/support/listener-rig.ts'

const { caPath, certPath, keyPath } = await makeCertificates(t.testdir())
const ca = readFileSync(caPath, 'utf8')
const tls = { cert: certPath, key: keyPath, minVersion: 'TLSv1.2' } as const

function echoing (listener: Listener): void {
  listener.onSocket(given => {
    const socket = given as Socket
    socket.on('error', () => {})
    socket.write(`${listener.peerOf(socket).connectionId} `)
    socket.pipe(socket)
  })
}

async function said (t: Test, socket: Socket, text: string): Promise<string> {
  t.teardown(() => { socket.destroy() })
  let heard = ''
  socket.on('error', () => {}).setEncoding('utf8').on('data', (chunk: string) => { heard += chunk })
  socket.end(text)
  await new Promise(resolve => { socket.once('close', resolve) })
  return heard
}

t.test('a connection over TCP is handed on with its peer', async t => {
  const { port, listener } = await openSocketListener(t, {}, echoing)
  t.equal(listener.server, undefined)
  t.equal(await said(t, connect(port, '127.0.0.1'), 'hello'), '1 hello')
})

t.test('a connection over TLS is handed on after its handshake, and speaks HTTP/2 by its name', async t => {
  const { port } = await openSocketListener(t, { tls }, echoing)
  const socket = connectTls({ host: '127.0.0.1', port, ca, ALPNProtocols: ['h2'] })
  t.equal(await said(t, socket, 'hello'), '1 hello')
  t.equal(socket.alpnProtocol, 'h2')
  const other = connectTls({ host: '127.0.0.1', port, ca, ALPNProtocols: ['http/1.1'] })
  t.equal(await said(t, other, 'hello'), '', 'another protocol is refused in the handshake')
})

t.test('a handshake that stalls is dropped', async t => {
  const { port, connections } = await openSocketListener(t, { tls, settings: { handshakeTimeoutMs: 100 } }, echoing)
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  await new Promise(resolve => { socket.on('error', () => {}).once('close', resolve) })
  await until('leaving', () => connections.gauges.get('connections_active')?.() === 0)
})

t.test('a connection above a cap is not handed on', async t => {
  let takenCount = 0
  const { port } = await openSocketListener(t, { limits: { connectionsMax: 1 } }, listener => {
    listener.onSocket(() => { takenCount += 1 })
  })
  const first = connect(port, '127.0.0.1')
  t.teardown(() => { first.destroy() })
  await until('the first one', () => takenCount === 1)
  t.equal(await said(t, connect(port, '127.0.0.1'), ''), '')
  t.equal(takenCount, 1)
})

t.test('closing takes nothing new and ends with the last connection', async t => {
  const { port, listener } = await openSocketListener(t, {}, echoing)
  const socket = connect(port, '127.0.0.1')
  t.teardown(() => { socket.destroy() })
  await new Promise(resolve => { socket.once('data', resolve) })
  let closed = false
  const closing = listener.close().then(() => { closed = true })
  t.equal(await said(t, connect(port, '127.0.0.1'), 'late'), '')
  t.equal(closed, false)
  socket.end()
  await closing
})
