// Judges events by two tables of counts, one of events and one of bytes: what both have room for passes.

import type { Envelope } from './envelope.ts'
import { compileLimitKey, countsSenderAlone } from './limit-key.ts'
import { describeLimit } from './limit-state.ts'
import type { Limit, LimitState } from './limit-state.ts'
import type { Refusal } from './outcome.ts'
import type { Admitted, JudgeContext, Verdict } from './policy.ts'
import type { Table } from './table.ts'

const noLimits: readonly LimitState[] = []

export interface EventLimit {
  /** Absent: not limited. */
  readonly events: Table | undefined
  readonly bytes: Table | undefined
  /** By what is counted: a `per` setting. */
  readonly per: string
  /** What the limit is for, e.g. `per-second`. */
  readonly window: string
  /** An event with more bytes never passes. */
  readonly eventBytesMax: number
  /** Why an event of this key and so many bytes does not pass now. */
  readonly refusalOf: (key: string, bytes: number) => Refusal
}

/** The judge of such a limit. It holds nothing: what passed is used up, whatever becomes of it. */
export interface EventLimitJudge {
  judge (envelope: Envelope, context: JudgeContext): Verdict
  judgeMany (envelopes: readonly Envelope[], context: JudgeContext): Admitted
  limits (envelope: Envelope, context: JudgeContext): readonly LimitState[]
}

interface Told { readonly table: Table, readonly limit: Limit }

/** Bytes are those of the data. */
export function createEventLimit ({
  events, bytes, eventBytesMax, per, window, refusalOf
}: EventLimit): EventLimitJudge {
  const keyOf = compileLimitKey(per)
  const isAlone = countsSenderAlone(per)
  const told: Told[] = [
    ...events === undefined ? [] : [{ table: events, limit: describeLimit('events', events.settings, { window, per }) }],
    ...bytes === undefined ? [] : [{ table: bytes, limit: describeLimit('bytes', bytes.settings, { window, per }) }]
  ]
  const refuseBy = (short: Table | undefined, key: string, size: number): Refusal => {
    const refusal = refusalOf(key, size)
    const limit = told.find(({ table }) => table === short)?.limit
    if (limit === undefined || refusal.code !== 'rate-limited') return refusal
    // Some may have come back meanwhile, but the decision was that there is not enough.
    return { ...refusal, limit: { limit, leftUnits: 0, resetMs: refusal.retryAfterMs } }
  }
  return {
    limits (envelope, { route }) {
      if (!isAlone) return noLimits
      const key = keyOf(envelope, route)
      return told.map(({ table, limit }) => {
        const { leftUnits, waitMs } = table.read(key, Number.MAX_SAFE_INTEGER)
        return { limit, leftUnits, resetMs: waitMs }
      })
    },


    judge (envelope, { route }) {
      const key = keyOf(envelope, route)
      const size = sizeOf(envelope)
      if (events !== undefined && events.take(key, 1, true) === 0) return refuseBy(events, key, size)
      if (bytes === undefined || size === 0 || bytes.take(key, size, true) === size) return undefined
      events?.give(key, 1)
      return refuseBy(bytes, key, size)
    },

    judgeMany (all, { route }) {
      const [first] = all
      if (first === undefined) return { passedCount: 0, refusal: undefined }
      const key = keyOf(first, route)
      const envelopes = all.filter(one => sizeOf(one) <= eventBytesMax)
      const grantedCount = events?.take(key, envelopes.length, false) ?? envelopes.length
      const passedCount = bytes === undefined ? grantedCount : fitting(bytes, key, envelopes.slice(0, grantedCount))
      events?.give(key, grantedCount - passedCount)
      const next = envelopes[passedCount]
      const short = passedCount < grantedCount ? bytes : events
      const refusal = next === undefined ? undefined : refuseBy(short, key, sizeOf(next))
      if (envelopes.length === all.length) return { passedCount, refusal }
      const large = all.filter(one => sizeOf(one) > eventBytesMax)
      return { passedCount, refusal, apart: new Map(large.map(one => [one, refusalOf(key, sizeOf(one))])) }
    }
  }
}

/**
 * How many of the first events the bytes are enough for. Events were granted before: what the bytes do not let through
 * goes back to the table of events, and the part of an event's bytes that was granted goes back to that of bytes.
 */
function fitting (bytes: Table, key: string, envelopes: readonly Envelope[]): number {
  const wantedBytes = envelopes.reduce((sum, envelope) => sum + sizeOf(envelope), 0)
  const grantedBytes = wantedBytes === 0 ? 0 : bytes.take(key, wantedBytes, false)
  let usedBytes = 0
  let count = 0
  for (const envelope of envelopes) {
    if (usedBytes + sizeOf(envelope) > grantedBytes) break
    usedBytes += sizeOf(envelope)
    count++
  }
  bytes.give(key, grantedBytes - usedBytes)
  return count
}

function sizeOf ({ data }: Envelope): number {
  return data?.length ?? 0
}
