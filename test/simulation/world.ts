// What all parts of one schedule share: its clock, its luck, its rules, and where they write down what happens.

import type { LogRules } from './partition-log.ts'
import type { Random } from './random.ts'
import type { VirtualClock } from './virtual-clock.ts'

/** What happened how often, so that a test can see that the schedules reach what they are for. */
export type Counts = Map<string, number>

export interface WorldRules extends LogRules {
  readonly requestTimeoutMs: number
  readonly connectionTimeoutMs: number
  /** A link that is closed by its owner tells so at once, or when the turn is over. */
  readonly tellsAtOnce: boolean
  /** Brokers name the invalid records (KIP-467) and the new leader (KIP-951), as later ones do. */
  readonly isTalkative: boolean
  /** Longest way of a packet and of a record to the followers. */
  readonly latencyMs: number
}

export interface World {
  readonly clock: VirtualClock
  readonly random: Random
  readonly rules: WorldRules
  readonly counts: Counts
  /** One line of the trace; the text is only made where somebody wants to read it. */
  note (text: () => string): void
  /** Something happened that never may. */
  fail (kind: string, text: string): void
}

export function count (counts: Counts, name: string, more = 1): number {
  const sum = (counts.get(name) ?? 0) + more
  counts.set(name, sum)
  return sum
}
