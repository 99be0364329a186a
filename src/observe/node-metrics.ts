// The node's metrics over time: what workers that are gone had counted is kept, so that no sum goes down.

import { createEventCounters, eventCountersBytes } from './event-counters.ts'
import type { CountersLayout } from './event-counters.ts'
import { departed, mergeSnapshots } from './metric.ts'
import type { Snapshot } from './metric.ts'

/** By worker: what it counts in shared memory, and what it told last. */
export class NodeMetrics {
  readonly #layout: CountersLayout
  #departed: Snapshot = []
  readonly #told = new Map<number, Snapshot>()
  readonly #counters = new Map<number, () => Snapshot>()

  constructor (layout: CountersLayout) { this.#layout = layout }

  /** Memory for the event counters of a worker about to start. */
  begin (worker: number): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(eventCountersBytes(this.#layout))
    this.#counters.set(worker, createEventCounters(this.#layout, memory).families)
    return memory
  }

  keep (worker: number, snapshot: Snapshot): void { this.#told.set(worker, snapshot) }

  gone (worker: number): void {
    const last = [this.#told.get(worker) ?? [], this.#counters.get(worker)?.() ?? []]
    this.#departed = mergeSnapshots([this.#departed, ...last.map(departed)])
    this.#told.delete(worker)
    this.#counters.delete(worker)
  }

  merged (extra: Snapshot): Snapshot {
    const counted = [...this.#counters.values()].map(read => read())
    return mergeSnapshots([...counted, ...this.#told.values(), this.#departed, extra])
  }
}
