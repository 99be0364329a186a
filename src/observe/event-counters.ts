// Counters of events by door and route: plain array increments per event, turned into metrics only when asked for.

import type { Ack, RefusalCode } from '../contract/outcome.ts'
import { refusals } from '../contract/outcome.ts'
import { family, prefix } from './metric.ts'
import type { Family, Sample } from './metric.ts'

const acks = ['kafka', 'disk', 'none'] as const satisfies readonly Ack[]
const codes = Object.keys(refusals) as RefusalCode[]
const results: readonly string[] = [...acks, ...codes]
const durationBoundsMs = [1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000] as const
const payloadBoundsBytes = [100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000] as const

// The cells of one door and route, in this order. Numbers are exact up to 2 ** 53.
const receivedAt = 0
const resultsAt = receivedAt + 1
const durationSumAt = resultsAt + results.length
const durationCountsAt = durationSumAt + 1
const refusalSumAt = durationCountsAt + durationBoundsMs.length + 1
const refusalCountsAt = refusalSumAt + 1
const payloadSumAt = refusalCountsAt + durationBoundsMs.length + 1
const payloadCountsAt = payloadSumAt + 1
const lostAt = payloadCountsAt + payloadBoundsBytes.length + 1
const cellCount = lostAt + 1

const resultOffset = new Map(results.map((result, at) => [result, resultsAt + at]))

export interface CountersLayout {
  /** Names of the doors; a door's number is its place here. */
  readonly doors: readonly string[]
  /** Names of the routes; a route's number is its place here. -1 stands for events refused before they had a route. */
  readonly routes: readonly string[]
}

export interface EventCounters {
  /** An event that has its route. `payloadBytes` is the size of its data. */
  received (door: number, route: number, payloadBytes: number): void
  /** Its end. An event without a route (-1) counts as received here, because nobody could say so earlier. */
  settled (door: number, route: number, result: Ack | RefusalCode, durationMs: number): void
  /** An event acknowledged with `ack: none` was lost afterwards. */
  lost (door: number, route: number): void
  /** Everything as metrics. Combinations that were never used are left out. */
  families (): Family[]
}

/** How much memory `createEventCounters` needs. */
export function eventCountersBytes ({ doors, routes }: CountersLayout): number {
  return doors.length * (routes.length + 1) * cellCount * Float64Array.BYTES_PER_ELEMENT
}

/**
 * Counters of one worker. Given a SharedArrayBuffer of `eventCountersBytes`, another thread that makes the same over it
 * reads them at any time, even when the worker is stuck or gone; only one thread may write. Reads are not atomic across
 * cells: a scrape may see an event received and not yet counted as settled.
 */
export function createEventCounters (
  layout: CountersLayout, memory: ArrayBufferLike = new ArrayBuffer(eventCountersBytes(layout))
): EventCounters {
  const cells = new Float64Array(memory)
  const rowCount = layout.routes.length + 1
  const baseOf = (door: number, route: number): number => (door * rowCount + route + 1) * cellCount

  function add (cell: number, amount: number): void {
    cells[cell] = (cells[cell] ?? 0) + amount
  }

  return {
    received (door, route, payloadBytes) {
      const base = baseOf(door, route)
      add(base + receivedAt, 1)
      add(base + payloadSumAt, payloadBytes)
      add(base + payloadCountsAt + bucketOf(payloadBoundsBytes, payloadBytes), 1)
    },
    settled (door, route, result, durationMs) {
      const base = baseOf(door, route)
      const offset = resultOffset.get(result)
      if (offset === undefined) return
      if (route < 0) add(base + receivedAt, 1)
      add(base + offset, 1)
      // A refusal is quick: among the acks it would make the gateway look faster the worse it does.
      const isRefusal = offset >= resultsAt + acks.length
      add(base + (isRefusal ? refusalSumAt : durationSumAt), durationMs)
      add(base + (isRefusal ? refusalCountsAt : durationCountsAt) + bucketOf(durationBoundsMs, durationMs), 1)
    },
    lost (door, route) { add(baseOf(door, route) + lostAt, 1) },
    families: () => readFamilies(layout, cells)
  }
}

function bucketOf (bounds: readonly number[], value: number): number {
  let at = 0
  while (at < bounds.length && value > (bounds[at] ?? 0)) at++
  return at
}

/** One used door and route. */
interface Row { readonly door: string, readonly route: string, readonly cells: Float64Array }

function readFamilies ({ doors, routes }: CountersLayout, cells: Float64Array): Family[] {
  const rows = doors.flatMap((door, doorAt) => ['', ...routes].map((route, routeAt): Row => {
    const base = (doorAt * (routes.length + 1) + routeAt) * cellCount
    return { door, route, cells: cells.slice(base, base + cellCount) }
  })).filter(row => row.cells.some(cell => cell !== 0))
  const each = (read: (row: Row) => number): Sample[] =>
    rows.map(row => ({ labels: { door: row.door, route: row.route }, value: read(row) }))

  return [
    family({ name: `${prefix}events_received_total`, help: 'Events that came in.', kind: 'counter' },
      each(row => row.cells[receivedAt] ?? 0)),
    family({ name: `${prefix}events_acked_total`, help: 'Events acknowledged, by what the ack meant.', kind: 'counter' },
      byResult(rows, 'ack', acks, resultsAt)),
    family({ name: `${prefix}events_refused_total`, help: 'Events not acknowledged, by code.', kind: 'counter' },
      byResult(rows, 'code', codes, resultsAt + acks.length)),
    family({ name: `${prefix}events_lost_total`, help: 'Events lost after ack none.', kind: 'counter' },
      each(row => row.cells[lostAt] ?? 0).filter(({ value }) => value > 0)),
    family({ name: `${prefix}events_in_flight`, help: 'Events received and not yet settled.', kind: 'gauge' },
      each(row => Math.max(0, (row.cells[receivedAt] ?? 0) - sum(row.cells.slice(resultsAt, durationSumAt))))),
    {
      name: `${prefix}event_ack_duration_seconds`, help: 'Time from the whole event to its ack, of acknowledged events.',
      kind: 'histogram', merge: 'sum', bounds: durationBoundsMs.map(ms => ms / 1000),
      samples: histogram(rows, { sumAt: durationSumAt, countsAt: durationCountsAt, endAt: refusalSumAt, scale: 1000 })
    },
    {
      name: `${prefix}event_refusal_duration_seconds`, kind: 'histogram', merge: 'sum',
      help: 'Time from receiving to the refusal, of events and requests that were not acknowledged.',
      bounds: durationBoundsMs.map(ms => ms / 1000),
      samples: histogram(rows, { sumAt: refusalSumAt, countsAt: refusalCountsAt, endAt: payloadSumAt, scale: 1000 })
    },
    {
      name: `${prefix}event_payload_bytes`, help: 'Size of the data of events that had a route.',
      kind: 'histogram', merge: 'sum', bounds: payloadBoundsBytes,
      samples: histogram(rows, { sumAt: payloadSumAt, countsAt: payloadCountsAt, endAt: lostAt, scale: 1 })
    }
  ]
}

function byResult (rows: readonly Row[], label: string, names: readonly string[], firstAt: number): Sample[] {
  return rows.flatMap(({ door, route, cells }) => names.map((name, at) => ({
    labels: { door, route, [label]: name }, value: cells[firstAt + at] ?? 0
  }))).filter(({ value }) => value > 0)
}

function histogram (
  rows: readonly Row[], { sumAt, countsAt, endAt, scale }: Record<'sumAt' | 'countsAt' | 'endAt' | 'scale', number>
): Sample[] {
  return rows.map(({ door, route, cells }) => ({
    labels: { door, route }, value: (cells[sumAt] ?? 0) / scale, counts: [...cells.slice(countsAt, endAt)]
  })).filter(({ counts }) => sum(counts) > 0)
}

function sum (numbers: Iterable<number>): number {
  let total = 0
  for (const number of numbers) total += number
  return total
}
