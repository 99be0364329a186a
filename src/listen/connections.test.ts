// The table of connections: caps in all, per peer and before authentication, and what closing frees.

import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import t from 'tap'
import { createConnections } from './connections.ts'
import type { ConnectionLimits, Connections } from './connections.ts'

const wide: ConnectionLimits = {
  connectionsMax: 100, connectionsPerPeerMax: 100, preAuthBytesMax: 1_000_000, preAuthBytesEach: 100,
  frameBytesMax: 100
}

let lastPort = 40_000

/** As much of a socket as the table looks at. */
function socketFrom (remoteAddress: string | undefined, remotePort = ++lastPort, localPort = 8_080): Socket {
  return Object.assign(new EventEmitter(), {
    remoteAddress, remotePort, localAddress: '127.0.0.1', localPort
  }) as unknown as Socket
}

function admitted (connections: Connections, socket: Socket, secure = false): number {
  const peer = connections.admit(socket, secure)
  if (typeof peer === 'string') throw new Error(`refused for ${peer}`)
  return peer.connectionId
}

function gauge (connections: Connections, name: string): number | undefined { return connections.gauges.get(name)?.() }

t.test('an admitted connection has a peer of its own until it closes', async t => {
  const connections = createConnections(wide)
  const first = socketFrom('10.0.0.1', 5_000)
  const second = socketFrom('10.0.0.1', 5_001)
  t.same(connections.admit(first, false), { address: '10.0.0.1', port: 5_000, secure: false, connectionId: 1 })
  t.equal(admitted(connections, second), 2)
  t.equal(connections.peerOf(first)?.connectionId, 1)
  t.equal(connections.peerOf(socketFrom('10.0.0.1', 5_000)), undefined)
  t.same([gauge(connections, 'connections_active'), gauge(connections, 'connections_peers')], [2, 1])
  first.emit('close')
  t.equal(gauge(connections, 'connections_active'), 1)
  second.emit('close')
  t.same([gauge(connections, 'connections_active'), gauge(connections, 'connections_peers')], [0, 0])
  t.equal(gauge(connections, 'connections_opened_total'), 2)
})

t.test('connections above the cap in all are refused until one closes', async t => {
  const connections = createConnections({ ...wide, connectionsMax: 2 })
  const first = socketFrom('10.0.0.1')
  admitted(connections, first)
  admitted(connections, socketFrom('10.0.0.2'))
  t.equal(connections.admit(socketFrom('10.0.0.3'), false), 'connections')
  t.equal(gauge(connections, 'connections_refused_total'), 1)
  first.emit('close')
  admitted(connections, socketFrom('10.0.0.3'))
})

t.test('one peer address cannot take more than its share, and others still get in', async t => {
  const connections = createConnections({ ...wide, connectionsPerPeerMax: 2 })
  const first = socketFrom('10.0.0.1')
  admitted(connections, first)
  admitted(connections, socketFrom('10.0.0.1'))
  t.equal(connections.admit(socketFrom('10.0.0.1'), false), 'peer')
  admitted(connections, socketFrom('10.0.0.2'))
  first.emit('close')
  admitted(connections, socketFrom('10.0.0.1'))
  t.equal(connections.admit(socketFrom('10.0.0.1'), false), 'peer')
})

t.test('who has not authenticated holds pre-auth bytes, authenticating or closing frees them', async t => {
  const connections = createConnections({ ...wide, preAuthBytesMax: 250 })
  const first = admitted(connections, socketFrom('10.0.0.1'))
  const second = socketFrom('10.0.0.2')
  admitted(connections, second)
  t.equal(gauge(connections, 'pre_auth_bytes'), 200)
  t.equal(connections.admit(socketFrom('10.0.0.3'), false), 'pre-auth')
  connections.authenticated(first)
  connections.authenticated(first)
  t.equal(gauge(connections, 'pre_auth_bytes'), 100)
  admitted(connections, socketFrom('10.0.0.3'))
  t.equal(connections.admit(socketFrom('10.0.0.4'), false), 'pre-auth')
  second.emit('close')
  admitted(connections, socketFrom('10.0.0.4'))
  t.equal(gauge(connections, 'pre_auth_limit_bytes'), 250)
})

t.test('one address cannot have all that is there for those who have not authenticated', async t => {
  const connections = createConnections({ ...wide, preAuthBytesMax: 600 })
  const peer = connections.admit(socketFrom('10.0.0.1'), false)
  if (typeof peer === 'string') throw new Error(peer)
  admitted(connections, socketFrom('10.0.0.1'))
  admitted(connections, socketFrom('10.0.0.1'))
  t.equal(connections.admit(socketFrom('10.0.0.1'), false), 'pre-auth')
  t.equal(connections.reservePreAuth(1, peer), false, 'nor by what it sends')
  admitted(connections, socketFrom('10.0.0.2'))
  t.same([gauge(connections, 'pre_auth_bytes'), gauge(connections, 'pre_auth_peers')], [400, 2])
  connections.authenticated(peer.connectionId)
  t.equal(gauge(connections, 'pre_auth_bytes'), 300)
  t.equal(connections.reservePreAuth(1, { ...peer, address: '10.0.0.2' }), true)
  connections.releasePreAuth(1, { ...peer, address: '10.0.0.2' })
})

t.test('unfinished frames are counted up to their cap', async t => {
  const connections = createConnections(wide)
  t.equal(connections.holdFrames(100), true)
  t.equal(connections.holdFrames(1), false)
  connections.holdFrames(-101)
  t.equal(gauge(connections, 'unfinished_frame_bytes'), 0)
  t.equal(gauge(connections, 'unfinished_frame_limit_bytes'), 100)
})

t.test('a refused connection holds nothing', async t => {
  const connections = createConnections({ ...wide, connectionsMax: 1 })
  admitted(connections, socketFrom('10.0.0.1'))
  const refused = socketFrom('10.0.0.2')
  connections.admit(refused, false)
  refused.emit('close')
  t.equal(gauge(connections, 'connections_active'), 1)
  t.equal(connections.peerOf(refused), undefined)
})

t.test('a secured socket takes over the peer of the one it wraps, once', async t => {
  const connections = createConnections(wide)
  const plain = socketFrom('10.0.0.1', 5_000, 8_443)
  const other = socketFrom('10.0.0.1', 5_000, 9_443)
  const id = admitted(connections, plain, true)
  const otherId = admitted(connections, other, true)
  const secured = socketFrom('10.0.0.1', 5_000, 8_443)
  t.equal(connections.adopt(secured), true)
  t.equal(connections.peerOf(secured)?.connectionId, id, 'a peer may use one port towards two listeners')
  t.equal(connections.adopt(socketFrom('10.0.0.1', 5_000, 8_443)), false)
  const otherSecured = socketFrom('10.0.0.1', 5_000, 9_443)
  t.equal(connections.adopt(otherSecured), true)
  t.equal(connections.peerOf(otherSecured)?.connectionId, otherId)
})

t.test('a secured socket whose peer is gone or was never admitted is not adopted', async t => {
  const connections = createConnections(wide)
  const plain = socketFrom('10.0.0.1', 5_000)
  admitted(connections, plain, true)
  plain.emit('close')
  t.equal(connections.adopt(socketFrom('10.0.0.1', 5_000)), false)
  t.equal(connections.adopt(socketFrom(undefined)), false)
})

t.test('an old connection that closes late does not take the new one from the same port with it', async t => {
  const connections = createConnections(wide)
  const old = socketFrom('10.0.0.1', 5_000)
  admitted(connections, old, true)
  const id = admitted(connections, socketFrom('10.0.0.1', 5_000), true)
  old.emit('close')
  const secured = socketFrom('10.0.0.1', 5_000)
  t.equal(connections.adopt(secured), true)
  t.equal(connections.peerOf(secured)?.connectionId, id)
})

t.test('who has yet to say whose it is counts in all and before authentication, but against no peer', async t => {
  const connections = createConnections({ ...wide, connectionsMax: 2, connectionsPerPeerMax: 1 })
  const sockets = [socketFrom('10.0.0.1'), socketFrom('10.0.0.1'), socketFrom('10.0.0.1')]
  t.same(sockets.map(socket => connections.hold(socket)), [undefined, undefined, 'connections'])
  t.same([gauge(connections, 'connections_unnamed'), gauge(connections, 'pre_auth_bytes')], [2, 200])
  const [first, second] = sockets as [Socket, Socket, Socket]
  t.match(connections.admit(first, false, { address: '::ffff:203.0.113.7', port: 9 }), { address: '203.0.113.7', port: 9 })
  t.equal(connections.admit(second, false, { address: '203.0.113.7', port: 10 }), 'peer')
  t.same([gauge(connections, 'connections_unnamed'), gauge(connections, 'connections_active')], [0, 1])
  first.emit('close')
  t.same([gauge(connections, 'pre_auth_bytes'), gauge(connections, 'connections_peers')], [0, 0])
})

t.test('a secured socket brings the certificate to the peer that is there already', async t => {
  const connections = createConnections(wide)
  const plain = socketFrom('10.0.0.1', 5_000, 8_443)
  connections.admit(plain, true)
  const before = connections.peerOf(plain)
  const certificate = { subject: 'CN=a', dnsNames: [], uris: [], emails: [], fingerprint: 'ab', expiresAtMs: 1 }
  const secured = socketFrom('10.0.0.1', 5_000, 8_443)
  connections.adopt(secured, certificate)
  t.equal(connections.peerOf(secured), before)
  t.equal(before?.certificate, certificate)
})
