// How many TLS handshakes begin in a second: the rest waits unread, and each address has its turn after the others.

import type { Socket } from 'node:net'

export interface HandshakesOptions {
  readonly perSecondMax: number
  /** How long a connection waits; then it is closed. */
  readonly waitMs: number
  readonly nowMs?: () => number
}

export interface Handshakes {
  /** Calls `start` at once or in the turn of `address`; never where the connection closes before. */
  begin (socket: Socket, address: string, start: () => void): void
  /** Lets begin whoever may by now; a timer does it while somebody waits. */
  turn (): void
  readonly gauges: ReadonlyMap<string, () => number>
}

interface Waiting {
  readonly address: string
  readonly sinceMs: number
  readonly start: () => void
  readonly close: () => void
}

/** Between two turns everything else has the event loop for this long: a handshake is about a millisecond of work. */
const turnMs = 2

/** Those of a worker. Only admitted connections wait: the caps on these are the bound of the queue. */
export function createHandshakes (options: HandshakesOptions): Handshakes {
  return new HandshakeQueue(options)
}

class HandshakeQueue implements Handshakes {
  readonly gauges: ReadonlyMap<string, () => number>
  readonly #perSecondMax: number
  readonly #waitMs: number
  readonly #nowMs: () => number
  /** In the order they came, which is that in which their time ends. */
  readonly #waiting = new Set<Waiting>()
  /** The same by address, in the order in which these are served. */
  readonly #perAddress = new Map<string, Set<Waiting>>()
  readonly #burst: number
  #left: number
  #filledMs: number
  #begunCount = 0
  #lateCount = 0
  #timer: NodeJS.Timeout | undefined

  constructor ({ perSecondMax, waitMs, nowMs = () => performance.now() }: HandshakesOptions) {
    this.#perSecondMax = perSecondMax
    this.#waitMs = waitMs
    this.#nowMs = nowMs
    this.#burst = Math.max(1, perSecondMax * turnMs / 1_000)
    this.#left = this.#burst
    this.#filledMs = nowMs()
    this.gauges = new Map([
      ['handshakes_waiting', () => this.#waiting.size],
      ['handshakes_begun_total', () => this.#begunCount],
      ['handshakes_late_total', () => this.#lateCount]
    ])
  }

  begin (socket: Socket, address: string, start: () => void): void {
    const nowMs = this.#nowMs()
    this.#fill(nowMs)
    if (this.#waiting.size === 0 && this.#left >= 1) return this.#start(start)
    // Until the server that speaks on it takes the errors, a reset would end the worker.
    const ignore = (): void => {}
    const leave = (): void => { this.#remove(one) }
    const one: Waiting = {
      address, sinceMs: nowMs,
      start: () => {
        socket.off('close', leave)
        socket.off('error', ignore)
        start()
      },
      close: () => { socket.destroy() }
    }
    socket.on('error', ignore)
    socket.once('close', leave)
    this.#waiting.add(one)
    const own = this.#perAddress.get(address)
    if (own === undefined) this.#perAddress.set(address, new Set([one]))
    else own.add(one)
    this.#turnSoon()
  }

  #turnSoon (): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.turn()
      // Once the work of what has begun is done.
      if (this.#waiting.size > 0) setImmediate(() => { this.#turnSoon() })
    }, turnMs).unref()
  }

  #start (start: () => void): void {
    this.#left -= 1
    this.#begunCount += 1
    start()
  }

  #fill (nowMs: number): void {
    this.#left = Math.min(this.#burst, this.#left + (nowMs - this.#filledMs) / 1_000 * this.#perSecondMax)
    this.#filledMs = nowMs
  }

  #remove (one: Waiting): void {
    this.#waiting.delete(one)
    const own = this.#perAddress.get(one.address)
    own?.delete(one)
    if (own?.size === 0) this.#perAddress.delete(one.address)
  }

  turn (): void {
    const nowMs = this.#nowMs()
    this.#fill(nowMs)
    for (const one of this.#waiting) {
      if (one.sinceMs > nowMs - this.#waitMs) break
      this.#remove(one)
      this.#lateCount += 1
      one.close()
    }
    while (this.#left >= 1) {
      const [first] = this.#perAddress
      if (first === undefined) break
      const [address, own] = first
      const [one] = own
      // To the end of the line, behind every other address.
      this.#perAddress.delete(address)
      if (own.size > 1) this.#perAddress.set(address, own)
      if (one === undefined) continue
      this.#remove(one)
      this.#start(one.start)
    }
  }
}
