// Judges events by two tables of counts, one of events and one of bytes: what both have room for passes.

import type { Eventually } from './adapter.ts'
import type { Envelope } from './envelope.ts'
import type { LimitKey } from './limit-key.ts'
import type { Refusal } from './outcome.ts'
import type { Admitted, JudgeContext, Verdict } from './policy.ts'
import type { Table } from './table.ts'

export interface EventLimit {
  /** Absent: not limited. */
  readonly events: Table | undefined
  readonly bytes: Table | undefined
  readonly keyOf: LimitKey
  /** Why an event of this key and so many bytes does not pass now. */
  readonly refusalOf: (key: string, bytes: number) => Refusal
}

/** The judge of such a limit. It holds nothing: what passed is used up, whatever becomes of it. */
export interface EventLimitJudge {
  judge (envelope: Envelope, context: JudgeContext): Eventually<Verdict>
  judgeMany (envelopes: readonly Envelope[], context: JudgeContext): Eventually<Admitted>
}

/** Bytes are those of the data. A promise only where a table has to fetch units first. */
export function createEventLimit ({ events, bytes, keyOf, refusalOf }: EventLimit): EventLimitJudge {
  /** With an event in hand. */
  function judgeBytes (key: string, size: number): Eventually<Verdict> {
    if (bytes === undefined || size === 0) return undefined
    const taken = takeEventually(bytes, { key, units: size, whole: true })
    // The event is not given back after a wait: by then it is no longer this worker's last.
    if (taken instanceof Promise) return taken.then(late => late === size ? undefined : refusalOf(key, size))
    if (taken === size) return undefined
    events?.give(key, 1)
    return refusalOf(key, size)
  }

  function admitBytes (key: string, envelopes: readonly Envelope[], grantedCount: number): Eventually<Admitted> {
    const admitted = (passedCount: number): Admitted => {
      const next = envelopes[passedCount]
      return { passedCount, refusal: next === undefined ? undefined : refusalOf(key, sizeOf(next)) }
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

  return {
    judge (envelope, { route }) {
      const key = keyOf(envelope, route)
      const size = sizeOf(envelope)
      const taken = events === undefined ? 1 : takeEventually(events, { key, units: 1, whole: true })
      if (taken instanceof Promise) return taken.then(late => late === 1 ? judgeBytes(key, size) : refusalOf(key, size))
      return taken === 1 ? judgeBytes(key, size) : refusalOf(key, size)
    },

    judgeMany (envelopes, { route }) {
      const [first] = envelopes
      if (first === undefined) return { passedCount: 0, refusal: undefined }
      const key = keyOf(first, route)
      const { length } = envelopes
      const taken = events === undefined ? length : takeEventually(events, { key, units: length, whole: false })
      if (taken instanceof Promise) return taken.then(late => admitBytes(key, envelopes, late))
      return admitBytes(key, envelopes, taken)
    }
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
