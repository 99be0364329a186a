// The records of one topic-partition that travel together, and what is known of their fate.

import type { Outcome, Refusal, Settler } from '../../contract/outcome.ts'
import type { SinkRecord } from '../../contract/sink.ts'
import { timedOut, unavailable } from '../refusals.ts'
import type { ProducerLink } from './driver.ts'

/** One record that the sink holds. */
export interface Entry {
  readonly record: SinkRecord
  readonly settler: Settler
  readonly ticket: number
  /** On the clock of `performance.now()`; 0 is none. */
  readonly deadlineMs: number
  readonly bytes: number
  settled: boolean
}

/** What the sink holds, over all topics. Every ticket is settled here, and every byte given back. */
export class Ledger {
  /** Of records that wait or are under way, also after their tickets were settled. */
  heldBytes = 0
  /** Tickets that are not settled. */
  openCount = 0
  /** Records that wait for their batch. */
  queuedCount = 0
  /** Called when the last ticket is settled. */
  onSettled: (() => void) | undefined
  readonly #give: (bytes: number) => void

  /** `give` is told of bytes that are held no more. */
  constructor (give: (bytes: number) => void = () => {}) {
    this.#give = give
  }

  take (entry: Entry): void {
    this.heldBytes += entry.bytes
    this.openCount++
  }

  free (bytes: number): void {
    this.heldBytes -= bytes
    this.#give(bytes)
  }

  /** Settles once; a ticket that was settled stays as it is. */
  settle (entry: Entry, outcome: Outcome): void {
    if (entry.settled) return
    entry.settled = true
    this.openCount--
    entry.settler.settle(entry.ticket, outcome)
    if (this.openCount === 0) this.onSettled?.()
  }
}

export class Batch {
  readonly entries: readonly Entry[]
  /** The identity it is written under: set at the first attempt, and kept while it may be written. */
  link: ProducerLink | undefined
  /** True from the moment its bytes may have left in an attempt that is not known to have failed. */
  uncertain = false
  /** When its bytes may have left for the first time, on the clock of `performance.now()`; 0: never. */
  leftAtMs = 0
  /** Set where its tickets were settled as refused before its bytes left: they must not leave any more. */
  recalled = false
  readonly #ledger: Ledger

  constructor (entries: readonly Entry[], ledger: Ledger) {
    this.entries = entries
    this.#ledger = ledger
  }

  get hasWaiting (): boolean {
    return this.entries.some((entry) => !entry.settled)
  }

  /** Settles the tickets whose deadline is over. */
  expire (nowMs: number): void {
    for (const entry of this.entries) {
      if (entry.settled || entry.deadlineMs === 0 || entry.deadlineMs > nowMs) continue
      if (!this.uncertain) this.recalled = true
      this.#ledger.settle(entry, this.uncertain ? timedOut : unavailable)
    }
  }

  /** Refuses every ticket where the batch certainly is not written, else says that it may be. */
  giveUp (refusal: Refusal): void {
    if (!this.uncertain) this.recalled = true
    const outcome = this.uncertain ? timedOut : refusal
    for (const entry of this.entries) this.#ledger.settle(entry, outcome)
  }

  /** Settles every ticket with a receipt. `firstOffset` is undefined where Kafka no longer knows it. */
  receive (partition: number, firstOffset: number | undefined): void {
    let offset = firstOffset
    for (const entry of this.entries) {
      if (!entry.settled) {
        const { record } = entry
        this.#ledger.settle(entry, {
          outcome: 'written', id: record.id, source: record.source, ack: 'kafka', topic: record.topic, partition,
          offset, journal: undefined
        })
      }
      if (offset !== undefined) offset++
    }
  }

  free (): void {
    for (const entry of this.entries) this.#ledger.free(entry.bytes)
  }
}
