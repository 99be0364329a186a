// Judges events by two tables of counts, one of events and one of bytes: what both have room for passes.

import type { Eventually } from './adapter.ts'
import type { Envelope } from './envelope.ts'
import { compileLimitKey, countsSenderAlone } from './limit-key.ts'
import type { LimitKey } from './limit-key.ts'
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
  judge (envelope: Envelope, context: JudgeContext): Eventually<Verdict>
  judgeMany (envelopes: readonly Envelope[], context: JudgeContext): Eventually<Admitted>
  limits (envelope: Envelope, context: JudgeContext): readonly LimitState[]
}

interface Told { readonly table: Table, readonly limit: Limit }

/** The tables with what may be told of them. */
function toldOf ({ events, bytes, per, window }: EventLimit): Told[] {
  return [
    ...events === undefined ? [] : [{ table: events, limit: describeLimit('events', events.settings, { window, per }) }],
    ...bytes === undefined ? [] : [{ table: bytes, limit: describeLimit('bytes', bytes.settings, { window, per }) }]
  ]
}

/** Bytes are those of the data. A promise only where a table has to fetch units first. */
export function createEventLimit (limit: EventLimit): EventLimitJudge {
  const tables = new TwoTables(limit)
  return {
    judge: (envelope, context) => tables.judge(envelope, context),
    judgeMany: (envelopes, context) => tables.judgeMany(envelopes, context),
    limits: (envelope, context) => tables.limits(envelope, context)
  }
}

class TwoTables {
  readonly #limit: EventLimit
  readonly #keyOf: LimitKey
  readonly #isAlone: boolean
  readonly #told: readonly Told[]

  constructor (limit: EventLimit) {
    this.#limit = limit
    this.#keyOf = compileLimitKey(limit.per)
    this.#isAlone = countsSenderAlone(limit.per)
    this.#told = toldOf(limit)
  }

  limits (envelope: Envelope, { route }: JudgeContext): readonly LimitState[] {
    if (!this.#isAlone) return noLimits
    const key = this.#keyOf(envelope, route)
    return this.#told.map(({ table, limit }) => {
      const { leftUnits, waitMs } = table.read(key, Number.MAX_SAFE_INTEGER)
      return { limit, leftUnits, resetMs: waitMs }
    })
  }

  judge (envelope: Envelope, { route }: JudgeContext): Eventually<Verdict> {
    const { events } = this.#limit
    const key = this.#keyOf(envelope, route)
    const size = sizeOf(envelope)
    const taken = events === undefined ? 1 : takeEventually(events, { key, units: 1, whole: true })
    if (taken instanceof Promise) {
      return taken.then(late => late === 1 ? this.#judgeBytes(key, size) : this.#refuse(events, key, size))
    }
    return taken === 1 ? this.#judgeBytes(key, size) : this.#refuse(events, key, size)
  }

  judgeMany (all: readonly Envelope[], { route }: JudgeContext): Eventually<Admitted> {
    const { eventBytesMax, refusalOf } = this.#limit
    const [first] = all
    if (first === undefined) return { passedCount: 0, refusal: undefined }
    const key = this.#keyOf(first, route)
    const large = all.filter(one => sizeOf(one) > eventBytesMax)
    if (large.length === 0) return this.#admit(key, all)
    const apart = new Map(large.map(one => [one, refusalOf(key, sizeOf(one))]))
    const admitted = this.#admit(key, all.filter(one => sizeOf(one) <= eventBytesMax))
    return admitted instanceof Promise ? admitted.then(late => ({ ...late, apart })) : { ...admitted, apart }
  }

  #refuse (short: Table | undefined, key: string, size: number): Refusal {
    const refusal = this.#limit.refusalOf(key, size)
    const limit = this.#told.find(({ table }) => table === short)?.limit
    if (limit === undefined || refusal.code !== 'rate-limited') return refusal
    // Some may have come back meanwhile, but the decision was that there is not enough.
    return { ...refusal, limit: { limit, leftUnits: 0, resetMs: refusal.retryAfterMs } }
  }

  /** With an event in hand. */
  #judgeBytes (key: string, size: number): Eventually<Verdict> {
    const { events, bytes } = this.#limit
    if (bytes === undefined || size === 0) return undefined
    const taken = takeEventually(bytes, { key, units: size, whole: true })
    // The event is not given back after a wait: by then it is no longer this worker's last.
    if (taken instanceof Promise) return taken.then(late => late === size ? undefined : this.#refuse(bytes, key, size))
    if (taken === size) return undefined
    events?.give(key, 1)
    return this.#refuse(bytes, key, size)
  }

  #admit (key: string, envelopes: readonly Envelope[]): Eventually<Admitted> {
    const { events } = this.#limit
    const { length } = envelopes
    const taken = events === undefined ? length : takeEventually(events, { key, units: length, whole: false })
    if (taken instanceof Promise) return taken.then(late => this.#admitBytes(key, envelopes, late))
    return this.#admitBytes(key, envelopes, taken)
  }

  #admitBytes (key: string, envelopes: readonly Envelope[], grantedCount: number): Eventually<Admitted> {
    const { events, bytes } = this.#limit
    const admitted = (passedCount: number): Admitted => {
      const next = envelopes[passedCount]
      const short = passedCount < grantedCount ? bytes : events
      return { passedCount, refusal: next === undefined ? undefined : this.#refuse(short, key, sizeOf(next)) }
    }
    if (bytes === undefined) return admitted(grantedCount)
    const granted = envelopes.slice(0, grantedCount)
    const wantedBytes = granted.reduce((sum, envelope) => sum + sizeOf(envelope), 0)
    const taken = wantedBytes === 0 ? 0 : takeEventually(bytes, { key, units: wantedBytes, whole: false })
    if (taken instanceof Promise) return taken.then(late => admitted(fitting(granted, late).count))
    const { count, usedBytes } = fitting(granted, taken)
    bytes.give(key, taken - usedBytes)
    events?.give(key, grantedCount - count)
    return admitted(count)
  }
}

interface Wish { readonly key: string, readonly units: number, readonly whole: boolean }

/** What the table has, and what it can fetch beyond that. */
function takeEventually (table: Table, { key, units, whole }: Wish): Eventually<number> {
  const taken = table.take(key, units, whole)
  if (taken === units || table.takeSoon === undefined) return taken
  return table.takeSoon(key, units - taken, whole)?.then(more => taken + more) ?? taken
}

/** How many of the first events so many bytes are enough for, and how many of these they need. */
function fitting (envelopes: readonly Envelope[], grantedBytes: number): { count: number, usedBytes: number } {
  let usedBytes = 0
  let count = 0
  for (const envelope of envelopes) {
    if (usedBytes + sizeOf(envelope) > grantedBytes) break
    usedBytes += sizeOf(envelope)
    count++
  }
  return { count, usedBytes }
}

function sizeOf ({ data }: Envelope): number {
  return data?.length ?? 0
}
