// The requests of one connection whose client does not wait for answers: so many are under way, the others wait.

import type { Duplex } from 'node:stream'

/** A request that has begun. */
interface Begun {
  /** True where its connection ends with its answer. */
  closes: boolean
}

/**
 * Pipelining, RFC 9112 section 9.3.2: answers have to come in order, but requests begin together. What a chunk has
 * beyond the limit waits here, and no further one is read until all of that has begun.
 */
export class RequestQueue<One extends Begun> {
  /** The one that began last. */
  last: One | undefined
  readonly #socket: Duplex
  readonly #underWayMax: number
  #underWayCount = 0
  #waiting: (() => void)[] = []
  #isWatching = false
  #isScheduled = false
  readonly #advance = (): void => {
    this.#isScheduled = false
    if (this.#socket.destroyed) return this.drop()
    while (this.#underWayCount < this.#underWayMax) {
      const begin = this.#waiting.shift()
      if (begin === undefined) break
      this.#underWayCount += 1
      begin()
    }
    if (this.#waiting.length === 0) this.#socket.resume()
  }

  constructor (socket: Duplex, underWayMax: number) {
    this.#socket = socket
    this.#underWayMax = underWayMax
  }

  /** True: a request begins now, and counts until `ended`. */
  admits (): boolean {
    if (this.#underWayCount >= this.#underWayMax || this.#waiting.length > 0) return false
    this.#underWayCount += 1
    return true
  }

  /** Calls `begin` in its turn. */
  wait (begin: () => void): void {
    this.#waiting.push(begin)
    this.#socket.pause()
    if (this.#isWatching) return
    this.#isWatching = true
    // Whoever reads the body of one of them resumes the connection.
    this.#socket.on('resume', () => { if (this.#waiting.length > 0) this.#socket.pause() })
  }

  /** One has its answer. Others begin in a turn of their own: its outcome may come from within the sink. */
  ended (): void {
    this.#underWayCount -= 1
    if (this.#waiting.length === 0 || this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(this.#advance)
  }

  /**
   * True: the connection ends with this answer. At the end of the gateway too, but not ahead of answers to requests
   * that came behind it and have begun.
   */
  endsWith (one: One, isStopping: boolean): boolean {
    if (isStopping && this.last === one) one.closes = true
    if (one.closes) this.drop()
    return one.closes
  }

  /** The connection ends with what has begun: its client sends the others again elsewhere. */
  drop (): void { this.#waiting = [] }
}
