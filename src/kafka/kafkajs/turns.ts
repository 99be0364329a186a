// Lets one batch at a time go to each broker, in the order the lanes asked.

import type { Lane } from './lane.ts'

/**
 * kafkajs lets one produce request of an idempotent producer be under way per broker. Waiting here in its place keeps
 * records in their queues, where they find company and can still be taken back.
 */
export class Turns {
  readonly #waiting = new Map<number, Lane[]>()
  readonly #held = new Map<Lane, number>()

  get heldCount (): number { return this.#held.size }

  /** Calls `lane.run()`, now or when it is its turn at that broker. */
  ask (lane: Lane, broker: number): void {
    const waiting = this.#waiting.get(broker)
    if (waiting !== undefined) {
      waiting.push(lane)
      return
    }
    this.#waiting.set(broker, [])
    this.#held.set(lane, broker)
    lane.run()
  }

  over (lane: Lane): void {
    const broker = this.#held.get(lane)
    if (broker === undefined) return
    this.#held.delete(lane)
    const waiting = this.#waiting.get(broker)
    const next = waiting?.shift()
    if (next === undefined) {
      this.#waiting.delete(broker)
      return
    }
    this.#held.set(next, broker)
    next.run()
  }
}
