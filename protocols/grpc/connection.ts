// One HTTP/2 connection: who is at its other end, and how much of what costs the server more than the client it asks.

import type { ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Peer } from '../../src/contract/envelope.ts'
import type { Attached, Door } from './door.ts'
import { Framing } from './framing.ts'

/** RFC 9113 section 7: the peer asks too much. */
const enhanceYourCalm = 0xb
const cancelCode = 0x8
const noError = 0x0
const lastStreamMax = 0x7fffffff
const secondMs = 1_000
const fragmentBytesMax = 64
/**
 * Who sends so much may send one more fragment: an honest frame comes in two pieces where a read ends, and is as small
 * as what the window has left where that ends. Both are once in tens of kilobytes.
 */
const bytesPerFragment = 8_192
const hastyResetWeight = 10
/** One for all: to make an error takes longer than to read what it is for, and nobody looks at its stack. */
const tooMuch = new Error('too much in a second')

/** Counts by whole seconds of its own: at most twice the limit passes within any second. */
export class Connection implements Attached {
  liveAt = -1
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
  #fragmentsCount = 0
  /** Of messages, beside fragments. */
  #messageBytes = 0
  /** Messages to the client. */
  #sentCount = 0
  #openCount = 0
  #idleSinceTick: number

  constructor (door: Door, session: ServerHttp2Session, peer: Peer) {
    this.#door = door
    this.session = session
    this.peer = peer
    this.#idleSinceTick = door.tick
    session.on('ping', () => { this.#count('pings') })
  }

  /** A stream begins. False: it is one too many, and the connection is cut. */
  countStream (stream: ServerHttp2Stream): boolean {
    if (!this.#count('streams')) return false
    this.#openCount += 1
    stream.once('close', this.#ended)
    return true
  }

  readonly #ended = (): void => {
    this.#openCount -= 1
    this.#idleSinceTick = this.#door.tick
  }

  /**
   * A message goes to the client, which may measure its way by a ping for each, as the libraries of gRPC do: their
   * servers count pings anew when they have sent something (gRFC A8).
   */
  countSent (): void { this.#sentCount += 1 }

  /** A call was broken off. Before it was a call, that is nothing but work for us: it counts ten times. */
  countReset (isCall: boolean): void {
    // All calls of a connection that is lost end like this, and nobody has broken them off.
    if (this.session.destroyed || this.session.socket.destroyed) return
    this.#count('resets', isCall ? 1 : hastyResetWeight)
  }

  /**
   * Counts the frames of a stream that begin no message and end none. Small ones cost far more to take than to send, so
   * they are counted as they arrive: whoever reads them later may find thousands of them that came in one piece.
   */
  watch (stream: ServerHttp2Stream): void {
    const framing = new Framing()
    const push = stream.push.bind(stream)
    stream.push = (chunk: Buffer | null): boolean => {
      if (chunk !== null) {
        const isWithin = !framing.take(chunk)
        if (isWithin && chunk.length < fragmentBytesMax) this.#count('fragments')
        else this.#messageBytes += chunk.length
      }
      return push(chunk)
    }
  }

  /** The library has this limit too, but may keep a connection for twice as long. */
  sweep (tick: number): void {
    const { connectionIdleMs } = this.#door.config
    if (this.#openCount > 0 || tick - this.#idleSinceTick <= this.#door.ticks(connectionIdleMs)) return
    // The platform waits for headers that have begun, and may wait for ever.
    if (this.session.closed) this.session.destroy()
    else this.leave()
  }

  /** Keeps a stream of another service in mind, which has begun. All its frames count: its messages are few. */
  keep (stream: ServerHttp2Stream): void {
    this.#others.add(stream)
    if (stream.listenerCount('data') > 0) {
      stream.on('data', ({ length }: Buffer) => { if (length < fragmentBytesMax) this.#count('fragments') })
    }
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

  #count (what: 'pings' | 'resets' | 'streams' | 'fragments', weight = 1): boolean {
    if (this.#cutting || this.session.destroyed) return false
    const nowMs = performance.now()
    if (nowMs - this.#secondAtMs >= secondMs) {
      this.#secondAtMs = nowMs
      this.#pingsCount = this.#resetsCount = this.#streamsCount = this.#fragmentsCount = this.#messageBytes = 0
      this.#sentCount = 0
    }
    const { pingsPerSecondMax, resetsPerSecondMax, streamsPerSecondMax, fragmentsPerSecondMax } = this.#door.config
    let fine = true
    if (what === 'pings') fine = ++this.#pingsCount <= pingsPerSecondMax + this.#sentCount
    else if (what === 'resets') fine = (this.#resetsCount += weight) <= resetsPerSecondMax
    else if (what === 'streams') fine = ++this.#streamsCount <= streamsPerSecondMax
    else fine = ++this.#fragmentsCount <= fragmentsPerSecondMax + this.#messageBytes / bytesPerFragment
    if (!fine) this.#cut(what)
    return fine
  }

  #cut (what: string): void {
    this.#cutting = true
    this.#door.cutCount += 1
    this.#door.log.debug({ peer: this.peer.address, what }, 'connection cut: too many in a second')
    // Now, though bytes are being parsed: the rest of them is passed over then. A GOAWAY still gets out.
    this.session.destroy(tooMuch, enhanceYourCalm)
  }
}
