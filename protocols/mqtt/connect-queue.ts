// How many CONNECTs begin in a second: the rest waits, and each address has its turn after the others.

export interface ConnectQueueOptions {
  readonly perSecondMax: number
  readonly waitingMax: number
  readonly waitMs: number
  readonly nowMs: () => number
}

interface Waiting {
  readonly sinceMs: number
  readonly answer: (mayBegin: boolean) => void
}

const turnMs = 20
/** So much of a second may begin at once. */
const burstShare = 0.1

/** A client that comes again and again delays its own address, not the others. */
export class ConnectQueue {
  readonly #options: ConnectQueueOptions
  /** By address; a Map keeps the order in which they are served. */
  readonly #waiting = new Map<string, Waiting[]>()
  #waitingCount = 0
  #burst: number
  #left: number
  #filledMs: number
  #timer: NodeJS.Timeout | undefined

  constructor (options: ConnectQueueOptions) {
    this.#options = options
    this.#burst = Math.max(1, options.perSecondMax * burstShare)
    this.#left = this.#burst
    this.#filledMs = options.nowMs()
  }

  get waitingCount (): number { return this.#waitingCount }

  /** True at once or in its turn; false where there is no room or its time is over. */
  enter (address: string): true | Promise<boolean> {
    const nowMs = this.#options.nowMs()
    this.#fill(nowMs)
    if (this.#waitingCount === 0 && this.#left >= 1) {
      this.#left -= 1
      return true
    }
    if (this.#waitingCount >= this.#options.waitingMax) return Promise.resolve(false)
    return new Promise(answer => {
      const own = this.#waiting.get(address)
      const one = { sinceMs: nowMs, answer }
      if (own === undefined) this.#waiting.set(address, [one])
      else own.push(one)
      this.#waitingCount += 1
      this.#timer ??= setInterval(() => { this.turn() }, turnMs).unref()
    })
  }

  #fill (nowMs: number): void {
    const { perSecondMax } = this.#options
    this.#left = Math.min(this.#burst, this.#left + (nowMs - this.#filledMs) / 1_000 * perSecondMax)
    this.#filledMs = nowMs
  }

  /** Lets begin whoever may, and tells those whose time is over. */
  turn (): void {
    const nowMs = this.#options.nowMs()
    this.#fill(nowMs)
    for (const [address, own] of this.#waiting) this.#expire(address, own, nowMs)
    while (this.#left >= 1) {
      const [first] = this.#waiting
      if (first === undefined) break
      const [address, own] = first
      this.#left -= 1
      this.#waiting.delete(address)
      const one = own.shift()
      // To the end of the line, behind every other address.
      if (own.length > 0) this.#waiting.set(address, own)
      this.#waitingCount -= 1
      one?.answer(true)
    }
    if (this.#waitingCount > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #expire (address: string, own: Waiting[], nowMs: number): void {
    const lateMs = nowMs - this.#options.waitMs
    while (own[0] !== undefined && own[0].sinceMs <= lateMs) {
      this.#waitingCount -= 1
      own.shift()?.answer(false)
    }
    if (own.length === 0) this.#waiting.delete(address)
  }

  /** Nobody begins any more. */
  close (): void {
    for (const own of this.#waiting.values()) for (const one of own) one.answer(false)
    this.#waiting.clear()
    this.#waitingCount = 0
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
