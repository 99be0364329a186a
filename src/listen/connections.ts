// Every open connection of a worker: caps in all and per peer, and the small budget of the not yet authenticated.

import type { Socket } from 'node:net'
import { plainAddress } from '../contract/address.ts'
import type { Certificate, Peer } from '../contract/envelope.ts'
import { PreAuth } from './pre-auth.ts'

export interface ConnectionLimits {
  /** All three are this worker's share of the node's. */
  readonly connectionsMax: number
  readonly connectionsPerPeerMax: number
  readonly preAuthBytesMax: number
  /** What one connection may hold before it has authenticated. */
  readonly preAuthBytesEach: number
  /** What all unfinished WebSocket frames may hold. */
  readonly frameBytesMax: number
}

export type RefusedFor = 'connections' | 'peer' | 'pre-auth'

/** Whose a connection is, where that is not the one at its other end. */
export interface FarEnd { readonly address: string, readonly port: number }

export interface Connections {
  /** Counts in a connection that has yet to say whose it is, against the caps in all; `admit` follows. */
  hold (socket: Socket): RefusedFor | undefined
  /** Counts a new connection in, or says which cap it is above; then the caller closes it. */
  admit (socket: Socket, secure: boolean, farEnd?: FarEnd): Peer | RefusedFor
  /** A TLS socket around an admitted one carries the requests from now on. False: its peer has gone already. */
  adopt (secured: Socket, certificate?: Certificate): boolean
  /** The peer of an admitted or adopted socket. */
  peerOf (socket: object): Peer | undefined
  /** Its bytes no longer count against the pre-auth budget. */
  authenticated (connectionId: number): void
  /** Takes more bytes of the pre-auth budget, for a body that is read before its sender is known. False: no room. */
  reservePreAuth (bytes: number, peer: Peer): boolean
  releasePreAuth (bytes: number, peer: Peer): void
  /** Counts bytes of unfinished frames, or fewer of them where negative. False: they are above the cap now. */
  holdFrames (bytes: number): boolean
  /** Calls `listener` when the connection of an admitted peer has closed. */
  watchClosed (listener: (peer: Peer) => void): void
  readonly gauges: ReadonlyMap<string, () => number>
}

/** Both ends: a peer may use one port of its own towards two listeners. */
function endpointOf (socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0} ${socket.localAddress ?? ''} ${socket.localPort ?? 0}`
}

/** The address of those that have yet to say whose they are. */
const nobody = ''

/** A peer gets its certificate once, before anybody else sees it. */
type Newcomer = Omit<Peer, 'certificate'> & { certificate?: Certificate }

/** The table of one worker. A connection leaves it when its socket closes. */
export function createConnections (limits: ConnectionLimits): Connections {
  return new ConnectionTable(limits)
}

class ConnectionTable implements Connections {
  readonly gauges: ReadonlyMap<string, () => number>
  readonly #limits: ConnectionLimits
  readonly #peers = new WeakMap<object, Peer>()
  readonly #perAddress = new Map<string, number>()
  readonly #byEndpoint = new Map<string, Newcomer>()
  /** Sockets that have yet to say whose they are. */
  readonly #unnamed = new Set<Socket>()
  /** Peers that have not proved who they are, by connection. */
  readonly #unproven = new Map<number, Peer>()
  readonly #preAuth: PreAuth
  readonly #refused: Record<RefusedFor, number> = { 'connections': 0, 'peer': 0, 'pre-auth': 0 }
  readonly #closedListeners: ((peer: Peer) => void)[] = []
  #openCount = 0
  #frameBytes = 0
  #lastId = 0

  constructor (limits: ConnectionLimits) {
    this.#limits = limits
    this.#preAuth = new PreAuth(limits.preAuthBytesMax)
    this.gauges = new Map([
      ['connections_active', () => this.#openCount],
      ['connections_peers', () => this.#perAddress.size],
      ['connections_unnamed', () => this.#unnamed.size],
      ['pre_auth_bytes', () => this.#preAuth.bytes],
      ['pre_auth_peers', () => this.#preAuth.addressesCount],
      ['unfinished_frame_bytes', () => this.#frameBytes],
      ['unfinished_frame_limit_bytes', () => limits.frameBytesMax],
      ['pre_auth_limit_bytes', () => limits.preAuthBytesMax],
      ['connections_opened_total', () => this.#lastId],
      ['connections_refused_total', () => Object.values(this.#refused).reduce((sum, one) => sum + one, 0)]
    ])
  }

  #capAbove (address: string): RefusedFor | undefined {
    const { connectionsMax, connectionsPerPeerMax, preAuthBytesEach } = this.#limits
    if (this.#openCount + this.#unnamed.size >= connectionsMax) return 'connections'
    if ((this.#perAddress.get(address) ?? 0) >= connectionsPerPeerMax) return 'peer'
    return this.#preAuth.mayTake(preAuthBytesEach, address) ? undefined : 'pre-auth'
  }

  #refusalOf (address: string): RefusedFor | undefined {
    const above = this.#capAbove(address)
    if (above !== undefined) this.#refused[above]++
    return above
  }

  hold (socket: Socket): RefusedFor | undefined {
    const above = this.#refusalOf(nobody)
    if (above !== undefined) return above
    this.#unnamed.add(socket)
    this.#preAuth.take(this.#limits.preAuthBytesEach, nobody)
    socket.once('close', () => { this.#named(socket) })
    return undefined
  }

  /** It has said whose it is, or has gone. */
  #named (socket: Socket): void {
    if (this.#unnamed.delete(socket)) this.#preAuth.give(this.#limits.preAuthBytesEach, nobody)
  }

  admit (socket: Socket, secure: boolean, farEnd?: FarEnd): Peer | RefusedFor {
    this.#named(socket)
    const address = plainAddress(farEnd?.address ?? socket.remoteAddress ?? '')
    const above = this.#refusalOf(address)
    if (above !== undefined) return above
    const port = farEnd?.port ?? socket.remotePort ?? 0
    const peer: Newcomer = { address, port, secure, connectionId: ++this.#lastId }
    this.#openCount++
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1)
    this.#unproven.set(peer.connectionId, peer)
    this.#preAuth.take(this.#limits.preAuthBytesEach, address)
    this.#peers.set(socket, peer)
    const endpoint = secure ? endpointOf(socket) : ''
    if (secure) this.#byEndpoint.set(endpoint, peer)
    socket.once('close', () => this.#leave(peer, endpoint))
    return peer
  }

  #leave (peer: Peer, endpoint: string): void {
    this.#openCount--
    // The next connection may have come from the same port before this one was known to be gone.
    if (this.#byEndpoint.get(endpoint) === peer) this.#byEndpoint.delete(endpoint)
    this.authenticated(peer.connectionId)
    const left = (this.#perAddress.get(peer.address) ?? 1) - 1
    if (left > 0) this.#perAddress.set(peer.address, left)
    else this.#perAddress.delete(peer.address)
    for (const listener of this.#closedListeners) listener(peer)
  }

  adopt (secured: Socket, certificate?: Certificate): boolean {
    const endpoint = endpointOf(secured)
    const peer = this.#byEndpoint.get(endpoint)
    if (peer === undefined) return false
    this.#byEndpoint.delete(endpoint)
    if (certificate !== undefined) peer.certificate = certificate
    this.#peers.set(secured, peer)
    return true
  }

  peerOf (socket: object): Peer | undefined { return this.#peers.get(socket) }

  authenticated (connectionId: number): void {
    const peer = this.#unproven.get(connectionId)
    if (peer === undefined) return
    this.#unproven.delete(connectionId)
    this.#preAuth.give(this.#limits.preAuthBytesEach, peer.address)
  }

  watchClosed (listener: (peer: Peer) => void): void { this.#closedListeners.push(listener) }

  holdFrames (bytes: number): boolean {
    this.#frameBytes += bytes
    return this.#frameBytes <= this.#limits.frameBytesMax
  }

  reservePreAuth (bytes: number, { address }: Peer): boolean {
    if (!this.#preAuth.mayTake(bytes, address)) return false
    this.#preAuth.take(bytes, address)
    return true
  }

  releasePreAuth (bytes: number, { address }: Peer): void { this.#preAuth.give(bytes, address) }
}
