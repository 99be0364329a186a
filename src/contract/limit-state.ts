// How a limit stands for whom it counts, so that a door can tell a sender before it is refused.

import type { TableSettings } from './table.ts'

/** What a limit allows. One object for each limit, the same in all its states: a door may keep its wire form. */
export interface Limit {
  /** Says what is counted, e.g. `events-per-second`. */
  readonly name: string
  readonly unit: 'events' | 'bytes' | 'events-in-flight'
  readonly limitUnits: number
  /** The time that the units are for, in milliseconds. Absent: they come back when events have their outcome. */
  readonly windowMs: number | undefined
}

export interface LimitState {
  readonly limit: Limit
  readonly leftUnits: number
  /**
   * Of a refusal: when to come back; else when all units of the limit are there again. In milliseconds, absent where
   * nobody can tell.
   */
  readonly resetMs: number | undefined
}

const hourMs = 3_600_000

/** Describes a table. `window` ends the name, e.g. `per-second`; `per`, where it is not the principal, follows it. */
export function describeLimit (
  unit: 'events' | 'bytes', settings: TableSettings, { window, per }: { window: string, per: string }
): Limit {
  const name = `${unit}-${window}${per === 'principal' ? '' : ` ${per}`}`
  if (settings.kind === 'level') return { name, unit: 'events-in-flight', limitUnits: settings.levelMax, windowMs: undefined }
  if (settings.kind === 'window') {
    return { name, unit, limitUnits: settings.unitsMax, windowMs: settings.window === 'hour' ? hourMs : 24 * hourMs }
  }
  if (settings.kind === 'memory') throw new Error('a memory of proofs limits nothing')
  const { burstUnits, unitsPerSecondMax } = settings
  // A full bucket and the time in which it fills; of a bucket that fills within a second, what it lets through in one.
  const fillMs = burstUnits / unitsPerSecondMax * 1_000
  return fillMs >= 1_000
    ? { name, unit, limitUnits: burstUnits, windowMs: fillMs }
    : { name, unit, limitUnits: Math.max(burstUnits, Math.floor(unitsPerSecondMax)), windowMs: 1_000 }
}
