// Runs costly checks a few at a time, by turns of who asks, with bounds for those that wait, and once for the same key.

export interface CheckQueue<Answer> {
  /** Who asks most waits longest. The same key while its check has not ended shares its answer. */
  run (key: string, asker: string, check: () => Promise<Answer>): Promise<Answer>
  readonly runningCount: () => number
  readonly waitingCount: () => number
}

interface Bounds<Answer> {
  readonly runningMax: number
  readonly waitingMax: number
  /** How long a check may wait for its turn. */
  readonly waitMs: number
  /** For whoever finds no room, has to give it up, or has waited too long. */
  readonly tooMany: Answer
}

/** Called with false where its turn never comes. */
type Waiter = (isTurn: boolean) => void

export function createCheckQueue<Answer> (bounds: Bounds<Answer>): CheckQueue<Answer> {
  const { runningMax, waitingMax, tooMany } = bounds
  const underWay = new Map<string, Promise<Answer>>()
  const line = new Line(bounds.waitMs)
  let runningCount = 0

  async function go (asker: string, check: () => Promise<Answer>): Promise<Answer> {
    if (runningCount < runningMax) runningCount++
    else {
      if (line.count >= waitingMax && !line.makeRoom(asker)) return tooMany
      if (!await line.wait(asker)) return tooMany
    }
    try {
      return await check()
    } finally {
      // Whoever ends hands the place on, so that it is never free while somebody waits.
      const next = line.next()
      if (next === undefined) runningCount--
      else next(true)
    }
  }

  return {
    run (key, asker, check) {
      const same = underWay.get(key)
      if (same !== undefined) return same
      const answer = go(asker, check).finally(() => { underWay.delete(key) })
      underWay.set(key, answer)
      return answer
    },
    runningCount: () => runningCount,
    waitingCount: () => line.count
  }
}

/** Who waits, by who asks. */
class Line {
  readonly #waitMs: number
  /** Whose turn is next comes first; nobody is in it without one that waits. */
  readonly #waiting = new Map<string, Waiter[]>()
  count = 0

  constructor (waitMs: number) { this.#waitMs = waitMs }

  /** True: it is its turn. False: it has waited too long, or gave up its place. */
  wait (asker: string): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const timer = setTimeout(() => { if (this.#leave(asker, waiter)) resolve(false) }, this.#waitMs)
    const waiter = (isTurn: boolean): void => {
      clearTimeout(timer)
      resolve(isTurn)
    }
    const own = this.#waiting.get(asker)
    if (own === undefined) this.#waiting.set(asker, [waiter])
    else own.push(waiter)
    this.count++
    return promise
  }

  next (): Waiter | undefined {
    const [first] = this.#waiting
    if (first === undefined) return undefined
    const [asker, [waiter]] = first
    if (waiter !== undefined) this.#leave(asker, waiter)
    const others = this.#waiting.get(asker)
    // To the end of the round.
    this.#waiting.delete(asker)
    if (others !== undefined) this.#waiting.set(asker, others)
    return waiter
  }

  /** Whoever has most gives up its latest. False: nobody has so much more than this one. */
  makeRoom (asker: string): boolean {
    let [most, ofMost = []]: [string, Waiter[]?] = ['']
    for (const [other, own] of this.#waiting) if (own.length > ofMost.length) [most, ofMost] = [other, own]
    const last = ofMost.at(-1)
    if (last === undefined || ofMost.length <= (this.#waiting.get(asker)?.length ?? 0) + 1) return false
    this.#leave(most, last)
    last(false)
    return true
  }

  #leave (asker: string, waiter: Waiter): boolean {
    const own = this.#waiting.get(asker) ?? []
    const at = own.indexOf(waiter)
    if (at < 0) return false
    own.splice(at, 1)
    if (own.length === 0) this.#waiting.delete(asker)
    this.count--
    return true
  }
}
