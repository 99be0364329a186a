// The simulation's clock: time jumps from event to event, and stands still while a turn runs.

import type { Clock } from '../../src/kafka/clock.ts'
import type { Random } from './random.ts'

/** Callbacks in one turn before it counts as one that never ends. */
const turnMax = 10_000

interface Event {
  readonly atMs: number
  /** Events of the same time keep their order. */
  readonly order: number
  run: (() => void) | undefined
}

export class VirtualClock implements Clock {
  readonly random: () => number
  #nowMs = 1_000
  #orders = 0
  /** A binary heap: the earliest is at 0. */
  readonly #events: Event[] = []
  #soon: (() => void)[] = []
  /** Events that have run. */
  eventCount = 0

  constructor (random: Random) {
    this.random = random.next
  }

  nowMs = (): number => this.#nowMs

  after (ms: number, run: () => void): () => void {
    const event: Event = { atMs: this.#nowMs + Math.max(0, ms), order: this.#orders++, run }
    this.#push(event)
    return () => { event.run = undefined }
  }

  soon (run: () => void): void {
    this.#soon.push(run)
  }

  /** Runs the next event and the rest of its turn. False: nothing is left to happen. */
  step (): boolean {
    this.#endTurn()
    for (let event = this.#pop(); event !== undefined; event = this.#pop()) {
      if (event.run === undefined) continue
      this.#nowMs = event.atMs
      this.eventCount++
      event.run()
      this.#endTurn()
      return true
    }
    return false
  }

  #endTurn (): void {
    for (let count = 0; this.#soon.length > 0; count++) {
      if (count > turnMax) throw new Error('a turn that does not end')
      const due = this.#soon
      this.#soon = []
      for (const run of due) run()
    }
  }

  #push (event: Event): void {
    const events = this.#events
    let at = events.length
    events.push(event)
    while (at > 0) {
      const parentAt = at - 1 >> 1
      const parent = events[parentAt]
      if (parent === undefined || !isBefore(event, parent)) break
      events[at] = parent
      at = parentAt
    }
    events[at] = event
  }

  #pop (): Event | undefined {
    const events = this.#events
    const first = events[0]
    const last = events.pop()
    if (first === undefined || last === undefined || first === last) return first
    let at = 0
    for (let childAt = 1; childAt < events.length; childAt = 2 * at + 1) {
      const left = events[childAt]
      const right = events[childAt + 1]
      if (left === undefined) break
      const isRight = right !== undefined && isBefore(right, left)
      const child = isRight ? right : left
      if (!isBefore(child, last)) break
      events[at] = child
      at = isRight ? childAt + 1 : childAt
    }
    events[at] = last
    return first
  }
}

function isBefore (one: Event, other: Event): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
}
