// Token buckets in shared memory: one time per key, moved forward by compare-and-swap, without a lock for known keys.

import type { BucketSettings, Table } from '../contract/table.ts'
import { ticksOf } from './bucket-ticks.ts'
import { openTableCells, waysCount } from './table-cells.ts'
import type { TableCells } from './table-cells.ts'
import type { TableClock } from './table-clock.ts'
import { countBusy, crowdPrint, openWays, unlockDead } from './table-ways.ts'
import type { Counting } from './table-ways.ts'

/** Stands for no time: another key is about to get this way. */
const dead = -(2 ** 31)
/**
 * A time is never further ahead than the burst, at most 2^30 ticks. What looks further ahead is so old that its 32
 * bits have wrapped around. The room between is for a thread that was stopped (15 s and more) between its clock and
 * its decision.
 */
const aheadTicksMax = 2 ** 30 + 2 ** 29

export interface BucketPart { readonly settings: BucketSettings, readonly worker: number, readonly clock: TableClock }

/**
 * The generic cell rate algorithm (ITU-T I.371): a count is the time at which its bucket will be full again. Taking
 * moves it ahead by what the units cost, and must not move it further than the burst ahead of now. A time that has
 * passed means a full bucket, whoever's it was: its way is free for the next key.
 */
export function createBucketTable (shared: SharedArrayBuffer, { settings, worker, clock }: BucketPart): Table {
  const cells = openTableCells(shared)
  const { counts, prints } = cells
  const ticks = ticksOf(settings)
  const { burst } = ticks
  const last = { key: '', at: -1, units: 0, time: 0 }
  const now = (): number => Math.floor(clock.steadyMs() * ticks.perMs) | 0

  const counting: Counting = {
    charge (at, print, { units, whole }) {
      for (;;) {
        const time = Atomics.load(counts, at)
        if (time === dead || (print !== crowdPrint && Atomics.load(prints, at) !== print)) return -1
        // Read after the time: a refusal is then true of the moment at which the time was read.
        const nowTicks = now()
        const debt = debtOf(time, nowTicks)
        const some = Math.min(units, ticks.unitsIn(burst - debt))
        if (some <= 0 || (whole && some < units)) return 0
        const next = timeAfter(nowTicks + debt + ticks.costOf(some))
        if (Atomics.compareExchange(counts, at, time, next) !== time) continue
        last.at = at
        last.units = some
        last.time = next
        return some
      }
    },
    isIdle: at => isIdle(Atomics.load(counts, at), now()),
    replace (way, print) {
      const nowTicks = now()
      const time = Atomics.load(counts, way)
      const empty = Atomics.load(prints, way) === crowdPrint
      // Not in the very tick, so that the way never has the same time under both keys.
      if (!empty && (time === nowTicks || !isIdle(time, nowTicks))) return false
      // Whoever decides about the old key right now finds its time changed and looks the key up again.
      if (Atomics.compareExchange(counts, way, time, dead) !== time) return false
      Atomics.store(prints, way, print)
      Atomics.store(counts, way, timeAfter(nowTicks))
      return true
    }
  }
  const ways = openWays(cells, counting, worker)

  return {
    settings,
    take (name, units, whole) {
      if (units <= 0 || (whole && units > settings.burstUnits)) return 0
      last.key = name
      last.at = -1
      return ways.take(name, { units, whole })
    },
    give (name, units) {
      if (last.key !== name || last.at === -1 || units <= 0) return
      const keptUnits = Math.max(0, last.units - units)
      const back = ticks.costOf(last.units) - ticks.costOf(keptUnits)
      Atomics.compareExchange(counts, last.at, last.time, timeAfter(last.time - back))
      last.at = -1
    },
    read (name, units) {
      const time = Atomics.load(counts, ways.find(name))
      const debt = time === dead ? 0 : debtOf(time, now())
      const missing = debt + Math.min(burst, ticks.costOf(units)) - burst
      return {
        leftUnits: Math.max(0, Math.min(settings.burstUnits, ticks.unitsIn(burst - debt))),
        waitMs: missing <= 0 ? 0 : Math.ceil(missing / ticks.perMs)
      }
    },
    keysCount: () => {
      const nowTicks = now()
      return countBusy(cells, at => isIdle(Atomics.load(counts, at), nowTicks))
    }
  }
}

/** How many ticks the bucket of `time` lacks. */
function debtOf (time: number, nowTicks: number): number {
  const ahead = time - nowTicks | 0
  return ahead > 0 && ahead <= aheadTicksMax ? ahead : 0
}

function isIdle (time: number, nowTicks: number): boolean {
  return time !== dead && debtOf(time, nowTicks) === 0
}

function timeAfter (ticks: number): number {
  const time = ticks | 0
  return time === dead ? time + 1 : time
}

/** Makes all buckets full, once, before anybody takes: a time of 0 may by chance lie ahead. */
export function fillBuckets (shared: SharedArrayBuffer, settings: BucketSettings, clock: TableClock): void {
  openTableCells(shared).counts.fill(timeAfter(Math.floor(clock.steadyMs() * ticksOf(settings).perMs)))
}

/** Moves times that have passed up to now, which changes nothing, before they wrap around and seem to lie ahead. */
export function sweepBuckets (shared: SharedArrayBuffer, settings: BucketSettings, clock: TableClock): void {
  const { counts } = openTableCells(shared)
  const { perMs } = ticksOf(settings)
  const nowTicks = Math.floor(clock.steadyMs() * perMs) | 0
  for (let at = 0; at < counts.length; at++) {
    const time = Atomics.load(counts, at)
    if (isIdle(time, nowTicks)) Atomics.compareExchange(counts, at, time, timeAfter(nowTicks))
  }
}

/** After a worker's death: what it took stays taken, a way that it was about to give to another key is free. */
export function reclaimBuckets (cells: TableCells, worker: number): void {
  unlockDead(cells, worker, first => {
    for (let way = first; way < first + waysCount; way++) {
      if (Atomics.load(cells.counts, way) !== dead) continue
      Atomics.store(cells.prints, way, crowdPrint)
      Atomics.store(cells.counts, way, 0)
    }
  })
}
