// Where an outcome is decided: Kafka or the journal. A record goes in with a settler, a ticket and a deadline.

import type { Refusal, Settler } from './outcome.ts'

/** One event as it is written: what Kafka calls a record. Encoded by `record.ts`. */
export interface SinkRecord {
  readonly topic: string
  /** `null`: no key. */
  readonly key: Buffer | null
  /** `null`: a tombstone. */
  readonly value: Buffer | null
  /** The header of this name stands before all others and holds the id. Absent: none of its own does. */
  readonly idName?: string | undefined
  /** Flat pairs: name, value, name, value. Text is UTF-8. Records may share one list: nobody changes it. */
  readonly headers: readonly (string | Buffer)[]
  /** Milliseconds since the epoch. */
  readonly timestampMs: number
  /** For the receipt, and for the header that `idName` says. */
  readonly id: string
  readonly source: string
}

/** Asked for every event: cheaper than `isRefusal`, which must tell refusals from anything. */
export function isRecord (made: SinkRecord | Refusal): made is SinkRecord {
  return (made as Partial<SinkRecord>).headers !== undefined
}

export interface SinkHealth {
  readonly ready: boolean
  /** Why not, in words for an operator; '' when ready. */
  readonly reason: string
}

/** One count or level with its own labels. The name is without prefix, its unit last; `_total` where it only grows. */
export interface Measure {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Sink {
  /** The ack level that a receipt of this sink stands for. */
  readonly ack: 'kafka' | 'disk'
  /**
   * Writes the record and settles the ticket once: a receipt when it is where `ack` says; a refusal when it certainly
   * is not; `delivery-timeout` when it may be. `deadlineMs` is on `performance.now()`; 0 is none. At the deadline an
   * unsent record is taken back and refused as `sink-unavailable`; a sent one settles `delivery-timeout`.
   */
  deliver (record: SinkRecord, settler: Settler, ticket: number, deadlineMs: number): void
  health (): SinkHealth
  /** Bytes it holds now and may hold, and whatever else has a level; by metric name without prefix, unit last. */
  readonly gauges: ReadonlyMap<string, () => number>
  /** What it counts by label, such as by broker or topic. Their number is bounded. */
  measures? (): Iterable<Measure>
  /** Resolves when every ticket is settled or `timeoutMs` is over, and connections are closed; `deliver` refuses. */
  drain (timeoutMs: number): Promise<void>
}
