// A clock for tests that moves only when the test says so.

import type { Clock } from '../../src/kafka/clock.ts'

export class ManualClock implements Clock {
  #nowMs = 1_000
  #timers: { readonly atMs: number, readonly run: () => void }[] = []
  #soon: (() => void)[] = []

  nowMs = (): number => this.#nowMs
  random = (): number => 0.5

  after (ms: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + ms, run }
    this.#timers.push(timer)
    return () => { this.#timers = this.#timers.filter(one => one !== timer) }
  }

  soon (run: () => void): void {
    this.#soon.push(run)
  }

  /** Ends the turn: what was to run soon runs, and what that asks for. */
  endTurn (): void {
    for (let count = 0; this.#soon.length > 0; count++) {
      if (count > 1_000) throw new Error('a turn that does not end')
      for (const run of this.#soon.splice(0)) run()
    }
  }

  /** Lets time go by, timer after timer. */
  pass (ms: number): void {
    this.endTurn()
    const endMs = this.#nowMs + ms
    for (let next = this.#next(endMs); next !== undefined; next = this.#next(endMs)) {
      const due = next
      this.#timers = this.#timers.filter(one => one !== due)
      this.#nowMs = due.atMs
      due.run()
      this.endTurn()
    }
    this.#nowMs = endMs
  }

  #next (endMs: number): { readonly atMs: number, readonly run: () => void } | undefined {
    const due = this.#timers.filter(({ atMs }) => atMs <= endMs)
    return due.toSorted((one, other) => one.atMs - other.atMs)[0]
  }
}
