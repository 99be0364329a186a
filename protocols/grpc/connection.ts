// One HTTP/2 connection: who is at its other end, and how much of what costs the server more than the client it asks.

import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Peer } from '../../src/contract/envelope.ts'
import type { Door } from './door.ts'

/** RFC 9113 section 7: the peer asks too much. */
const enhanceYourCalm = 0xb
const cancelCode = 0x8
const noError = 0x0
const lastStreamMax = 0x7fffffff
const secondMs = 1_000

/** Counts by whole seconds of its own: at most twice the limit passes within any second. */
export class Connection {
  readonly peer: Peer
  readonly session: ServerHttp2Session
  readonly #door: Door
  /** Streams of other services than ours, which nobody ends on the way to the exit. */
  readonly #others = new Set<ServerHttp2Stream>()
  #cutting = false
  #secondAtMs = 0
  #pingsCount = 0
  #resetsCount = 0
  #streamsCount = 0

  constructor (door: Door, session: ServerHttp2Session, peer: Peer) {
    this.#door = door
    this.session = session
    this.peer = peer
    session.on('ping', () => { this.#count('pings') })
  }

  /** A stream begins. False: it is one too many, and the connection is cut. */
  countStream (): boolean { return this.#count('streams') }

  /** A client broke its call off. */
  countReset (): void { this.#count('resets') }

  /** Keeps a stream of another service in mind. */
  keep (stream: ServerHttp2Stream): void {
    this.#others.add(stream)
    stream.once('close', () => { this.#others.delete(stream) })
  }

  /**
   * Tells the client to begin nothing more here (RFC 9113 section 6.8). It names no last stream yet: calls that are on
   * their way are answered, and so their clients hear why nothing is taken.
   */
  giveNotice (): void { if (!this.session.destroyed) this.session.goaway(noError, lastStreamMax) }

  /** Takes no further call, and ends when those under way have ended. */
  leave (): void { if (!this.session.destroyed && !this.session.closed) this.session.close() }

  /** Ends what would keep it open for ever, such as somebody who watches the health. */
  endOthers (): void { for (const stream of this.#others) stream.close(cancelCode) }

  #count (what: 'pings' | 'resets' | 'streams'): boolean {
    if (this.#cutting || this.session.destroyed) return false
    const nowMs = performance.now()
    if (nowMs - this.#secondAtMs >= secondMs) {
      this.#secondAtMs = nowMs
      this.#pingsCount = this.#resetsCount = this.#streamsCount = 0
    }
    const { pingsPerSecondMax, resetsPerSecondMax, streamsPerSecondMax } = this.#door.config
    let fine = true
    if (what === 'pings') fine = ++this.#pingsCount <= pingsPerSecondMax
    else if (what === 'resets') fine = ++this.#resetsCount <= resetsPerSecondMax
    else fine = ++this.#streamsCount <= streamsPerSecondMax
    if (!fine) this.#cut(what)
    return fine
  }

  #cut (what: string): void {
    this.#cutting = true
    this.#door.cutCount += 1
    this.#door.log.debug({ peer: this.peer.address, what }, 'connection cut: too many in a second')
    this.session.goaway(enhanceYourCalm)
    // Not now: this may be called while bytes are parsed, and the frame above would not get out.
    setImmediate(() => { this.session.destroy(new Error(`too many ${what} in a second`), enhanceYourCalm) })
  }
}
