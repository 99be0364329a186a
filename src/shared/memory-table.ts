// A memory of keys in shared memory, so that no worker takes what another one has taken: none is forgotten unnoticed.

import type { MemorySettings, Table, Taking } from '../contract/table.ts'
import { createKeyHash } from './key-hash.ts'
import { openTableCells, waysCount } from './table-cells.ts'
import type { TableCells } from './table-cells.ts'
import type { TableClock } from './table-clock.ts'
import { countBusy, lockSet, unlockDead } from './table-ways.ts'

/** Keys are known for so much longer, as the clock by which their time is told may be set a little meanwhile. */
const slackMsUsual = 1_000
/** Times are milliseconds in 32 bits that wrap around: what is further ahead has passed. */
const knownMsMost = 2 ** 30

export interface MemoryPart { readonly settings: MemorySettings, readonly worker: number, readonly clock: TableClock }

/**
 * A count is the time from which its key may be forgotten. A key without a way takes that of the one to be forgotten
 * first; the time of that one becomes the floor of its set, and what may be forgotten by the floor is not taken any
 * more. So a flood shortens for how long keys can be shown, in the sets that it fills, and lets none in twice. The
 * lock of the set costs little beside the check of a signature. A mark is the worker that may give its key back, plus
 * one; 0: nobody.
 */
export function createMemoryTable (shared: SharedArrayBuffer, { settings, worker, clock }: MemoryPart): Table {
  const cells = openTableCells(shared)
  const { counts, marks, prints, locks, sets } = cells
  const slackMs = settings.exact === true ? 0 : slackMsUsual
  const knownMsMax = Math.min(settings.knownMsMax, knownMsMost) + slackMs
  const key = createKeyHash(cells.seed)

  const leftMs = (at: number, nowMs: number): number => leftOf(Atomics.load(counts, at), nowMs, knownMsMax)

  /** The way of the key that was hashed last, while it is known; else -1. */
  const known = (first: number, nowMs: number): number =>
    wayWith(first, way => Atomics.load(prints, way) === key.fingerprint && leftMs(way, nowMs) > 0)

  function enter (set: number, knownMs: number): Taking {
    const first = set * waysCount
    const floor = sets * waysCount + set
    const nowMs = nowOf(clock)
    const own = known(first, nowMs)
    if (own !== -1) return Atomics.load(marks, own) === 0 ? 'used-up' : 'under-way'
    if (knownMs <= leftMs(floor, nowMs)) return 'used-up'
    const way = shortest(first, way => leftMs(way, nowMs))
    // The floor first: a worker that dies here has forgotten nothing unnoticed.
    if (leftMs(way, nowMs) > leftMs(floor, nowMs)) Atomics.store(counts, floor, Atomics.load(counts, way))
    Atomics.store(marks, way, worker + 1)
    Atomics.store(prints, way, key.fingerprint)
    Atomics.store(counts, way, nowMs + Math.min(Math.ceil(knownMs) + slackMs, knownMsMax) | 0)
    return 'taken'
  }

  /** Ends what this worker took: its time is over now and its way free, or nobody gives it back any more. */
  function end (name: string, isUsed: boolean): void {
    key.hash(name)
    const set = key.place & (sets - 1)
    // Without an answer from the lock it stays as it is: that refuses once too often, and lets none in twice.
    if (!lockSet(locks, set, worker)) return
    const nowMs = nowOf(clock)
    const way = known(set * waysCount, nowMs)
    if (way !== -1 && Atomics.load(marks, way) === worker + 1) {
      Atomics.store(marks, way, 0)
      if (!isUsed) Atomics.store(counts, way, nowMs)
    }
    Atomics.store(locks, set, 0)
  }

  function knownFor (name: string): number {
    key.hash(name)
    const nowMs = nowOf(clock)
    const way = known((key.place & (sets - 1)) * waysCount, nowMs)
    return way === -1 ? 0 : leftMs(way, nowMs)
  }

  return {
    settings,
    take: () => 0,
    give () {},
    read: name => ({ leftUnits: 0, waitMs: Math.max(0, knownFor(name) - slackMs) }),
    takeOnce (name, knownMs) {
      key.hash(name)
      const set = key.place & (sets - 1)
      // No answer from the lock means that its holder does not run: nothing is known, so nothing is taken now.
      if (!lockSet(locks, set, worker)) return 'under-way'
      const taken = enter(set, knownMs)
      Atomics.store(locks, set, 0)
      return taken
    },
    useOnce (name) { end(name, true) },
    giveOnce (name) { end(name, false) },
    keysCount () {
      const nowMs = nowOf(clock)
      return countBusy(cells, at => at >= sets * waysCount || leftMs(at, nowMs) === 0)
    }
  }
}

function wayWith (first: number, isIt: (way: number) => boolean): number {
  for (let way = first; way < first + waysCount; way++) if (isIt(way)) return way
  return -1
}

/** The way of the key to be forgotten first, or of one that is forgotten. */
function shortest (first: number, leftMs: (way: number) => number): number {
  let found = first
  for (let way = first + 1; way < first + waysCount; way++) if (leftMs(way) < leftMs(found)) found = way
  return found
}

/** How long a key of this time is still known; 0: it is forgotten. */
function leftOf (time: number, nowMs: number, knownMsMax: number): number {
  const left = time - nowMs | 0
  return left > 0 && left <= knownMsMax ? left : 0
}

function nowOf (clock: TableClock): number {
  return Math.floor(clock.steadyMs()) | 0
}

/** Sets all times to now, once, before anybody takes: a time of 0 may by chance lie ahead. */
export function fillMemory (shared: SharedArrayBuffer, clock: TableClock): void {
  openTableCells(shared).counts.fill(nowOf(clock))
}

/** Moves times that have passed up to now, which changes nothing, before they wrap around and seem to lie ahead. */
export function sweepMemory (shared: SharedArrayBuffer, clock: TableClock): void {
  const { counts } = openTableCells(shared)
  const nowMs = nowOf(clock)
  for (let at = 0; at < counts.length; at++) {
    const time = Atomics.load(counts, at)
    if ((time - nowMs | 0) < 0) Atomics.compareExchange(counts, at, time, nowMs)
  }
}

/** After a worker's death: what it took stays taken, as nobody knows what became of it. */
export function reclaimMemory (cells: TableCells, worker: number): void {
  const { marks } = cells
  for (let way = 0; way < marks.length; way++) if (Atomics.load(marks, way) === worker + 1) Atomics.store(marks, way, 0)
  unlockDead(cells, worker, () => {})
}
