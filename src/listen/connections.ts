// Every open connection of a worker: caps in all and per peer, and the small budget of the not yet authenticated.

import type { Socket } from 'node:net'
import type { Peer } from '../contract/envelope.ts'

export interface ConnectionLimits {
  /** All three are this worker's share of the node's. */
  readonly connectionsMax: number
  readonly connectionsPerPeerMax: number
  readonly preAuthBytesMax: number
  /** What one connection may hold before it has authenticated. */
  readonly preAuthBytesEach: number
}

export type RefusedFor = 'connections' | 'peer' | 'pre-auth'

export interface Connections {
  /** Counts a new connection in, or says which cap it is above; then the caller closes it. */
  admit (socket: Socket, secure: boolean): Peer | RefusedFor
  /** A TLS socket around an admitted one carries the requests from now on. False: its peer has gone already. */
  adopt (secured: Socket): boolean
  /** The peer of an admitted or adopted socket. */
  peerOf (socket: object): Peer | undefined
  /** Its bytes no longer count against the pre-auth budget. */
  authenticated (connectionId: number): void
  /** Takes more bytes of the pre-auth budget, for a body that is read before its sender is known. False: no room. */
  reservePreAuth (bytes: number): boolean
  releasePreAuth (bytes: number): void
  /** Calls `listener` when the connection of an admitted peer has closed. */
  watchClosed (listener: (peer: Peer) => void): void
  readonly gauges: ReadonlyMap<string, () => number>
}

/** Both ends: a peer may use one port of its own towards two listeners. */
function endpointOf (socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0} ${socket.localAddress ?? ''} ${socket.localPort ?? 0}`
}

/** The small budget of connections whose peer has not proved who it is. */
class PreAuth {
  readonly #limits: ConnectionLimits
  readonly #waiting = new Set<number>()
  #bodyBytes = 0

  constructor (limits: ConnectionLimits) { this.#limits = limits }

  get usedBytes (): number { return this.#waiting.size * this.#limits.preAuthBytesEach + this.#bodyBytes }
  hasRoom (bytes: number): boolean { return this.usedBytes + bytes <= this.#limits.preAuthBytesMax }
  begin (connectionId: number): void { this.#waiting.add(connectionId) }
  done (connectionId: number): void { this.#waiting.delete(connectionId) }

  reserve (bytes: number): boolean {
    if (!this.hasRoom(bytes)) return false
    this.#bodyBytes += bytes
    return true
  }

  release (bytes: number): void {
    this.#bodyBytes -= bytes
    if (this.#bodyBytes < 0) throw new Error(`pre-auth budget: ${-this.#bodyBytes} bytes more were given back than taken`)
  }
}

/** The table of one worker. A connection leaves it when its socket closes. */
export function createConnections (limits: ConnectionLimits): Connections {
  const peers = new WeakMap<object, Peer>()
  const perAddress = new Map<string, number>()
  const byEndpoint = new Map<string, Peer>()
  const preAuth = new PreAuth(limits)
  const refused: Record<RefusedFor, number> = { 'connections': 0, 'peer': 0, 'pre-auth': 0 }
  const closedListeners: ((peer: Peer) => void)[] = []
  let openCount = 0
  let lastId = 0

  function leave (peer: Peer, endpoint: string): void {
    openCount--
    // The next connection may have come from the same port before this one was known to be gone.
    if (byEndpoint.get(endpoint) === peer) byEndpoint.delete(endpoint)
    preAuth.done(peer.connectionId)
    const left = (perAddress.get(peer.address) ?? 1) - 1
    if (left > 0) perAddress.set(peer.address, left)
    else perAddress.delete(peer.address)
    for (const listener of closedListeners) listener(peer)
  }

  function capAbove (address: string): RefusedFor | undefined {
    if (openCount >= limits.connectionsMax) return 'connections'
    if ((perAddress.get(address) ?? 0) >= limits.connectionsPerPeerMax) return 'peer'
    if (!preAuth.hasRoom(limits.preAuthBytesEach)) return 'pre-auth'
    return undefined
  }

  return {
    admit (socket, secure) {
      const address = socket.remoteAddress ?? ''
      const above = capAbove(address)
      if (above !== undefined) {
        refused[above]++
        return above
      }
      const peer: Peer = { address, port: socket.remotePort ?? 0, secure, connectionId: ++lastId }
      openCount++
      perAddress.set(address, (perAddress.get(address) ?? 0) + 1)
      preAuth.begin(peer.connectionId)
      peers.set(socket, peer)
      const endpoint = secure ? endpointOf(socket) : ''
      if (secure) byEndpoint.set(endpoint, peer)
      socket.once('close', () => leave(peer, endpoint))
      return peer
    },
    adopt (secured) {
      const endpoint = endpointOf(secured)
      const peer = byEndpoint.get(endpoint)
      if (peer === undefined) return false
      byEndpoint.delete(endpoint)
      peers.set(secured, peer)
      return true
    },
    peerOf: socket => peers.get(socket),
    authenticated (connectionId) { preAuth.done(connectionId) },
    reservePreAuth: bytes => preAuth.reserve(bytes),
    releasePreAuth (bytes) { preAuth.release(bytes) },
    watchClosed (listener) { closedListeners.push(listener) },
    gauges: new Map([
      ['connections_active', () => openCount],
      ['connections_peers', () => perAddress.size],
      ['pre_auth_bytes', () => preAuth.usedBytes],
      ['pre_auth_limit_bytes', () => limits.preAuthBytesMax],
      ['connections_opened_total', () => lastId],
      ['connections_refused_total', () => refused.connections + refused.peer + refused['pre-auth']]
    ])
  }
}
