// Finds the count of a key in its set, and gives a new key a way of its own, or the crowd's count where there is none.

import { createKeyHash } from './key-hash.ts'
import { waysCount } from './table-cells.ts'
import type { TableCells } from './table-cells.ts'

/** What a kind of table does with one count. `at` numbers the ways of all sets and, behind them, the crowds. */
export interface Counting {
  /** Takes of the count at `at`. -1: the way there belongs to another key than `print` meanwhile. */
  charge (at: number, print: number, request: Request): number
  /** True where the count says nothing: as good as new. */
  isIdle (at: number): boolean
  /** Gives an idle way to another key. False: it was used in between. */
  replace (way: number, print: number): boolean
}

export interface Request { readonly units: number, readonly whole: boolean }

/** In place of a fingerprint: the count is the crowd's, which belongs to nobody. */
export const crowdPrint = 0

const spinsMax = 200
const napMs = 1
const napsMax = 20

/** The counts of one table, by key, for one worker. */
export interface Ways {
  /** Where a key is counted now: its own way, or the crowd of its set. */
  find (name: string): number
  /** What `charge` of the key's count says. */
  take (name: string, request: Request): number
}

/**
 * A key is counted with the crowd of its set as long as the crowd's count says anything, even when a way is free
 * again: what it took there would else be forgotten. So keys that share a count are refused early, and none is ever
 * let through too often.
 */
export function openWays (cells: TableCells, counting: Counting, worker: number): Ways {
  const { locks, prints, sets, seed } = cells
  const key = createKeyHash(seed)

  /** The way of the key that was hashed last, or -1. Its set lies side by side in memory. */
  function own (first: number): number {
    for (let way = first; way < first + waysCount; way++) if (Atomics.load(prints, way) === key.fingerprint) return way
    return -1
  }

  /** Under the lock of its set: for a key that has no way yet, or whose way was given away in between. */
  function enter (set: number, request: Request): number {
    const first = set * waysCount
    const known = own(first)
    if (known !== -1) return counting.charge(known, key.fingerprint, request)
    const crowd = sets * waysCount + set
    for (let way = first; way < first + waysCount && counting.isIdle(crowd); way++) {
      const free = Atomics.load(prints, way) === crowdPrint || counting.isIdle(way)
      if (free && counting.replace(way, key.fingerprint)) return counting.charge(way, key.fingerprint, request)
    }
    return counting.charge(crowd, crowdPrint, request)
  }

  return {
    find (name) {
      key.hash(name)
      const set = key.place & (sets - 1)
      const way = own(set * waysCount)
      return way === -1 ? sets * waysCount + set : way
    },
    take (name, request) {
      key.hash(name)
      const set = key.place & (sets - 1)
      const way = own(set * waysCount)
      const taken = way === -1 ? -1 : counting.charge(way, key.fingerprint, request)
      if (taken !== -1) return taken
      // No answer from the lock means that its holder does not run: nothing is known, so nothing is given.
      if (!lockSet(locks, set, worker)) return 0
      const late = enter(set, request)
      Atomics.store(locks, set, 0)
      return late
    }
  }
}

/** Spins, then naps: the holder needs a few instructions, unless the system took its core away. */
export function lockSet (locks: Int32Array, set: number, worker: number): boolean {
  for (let nap = 0; nap < napsMax; nap++) {
    for (let spin = 0; spin < spinsMax; spin++) {
      if (Atomics.load(locks, set) === 0 && Atomics.compareExchange(locks, set, 0, worker + 1) === 0) return true
    }
    const holder = Atomics.load(locks, set)
    if (holder !== 0) Atomics.wait(locks, set, holder, napMs)
  }
  return false
}

/** The sets that a dead worker had locked; `mend` is called for each before it is unlocked. */
export function unlockDead ({ locks }: TableCells, worker: number, mend: (firstWay: number) => void): void {
  for (let set = 0; set < locks.length; set++) {
    if (Atomics.load(locks, set) !== worker + 1) continue
    mend(set * waysCount)
    Atomics.store(locks, set, 0)
  }
}

/** How many counts say something; a crowd is one. */
export function countBusy (cells: TableCells, isIdle: (at: number) => boolean): number {
  let busy = 0
  const ways = cells.sets * waysCount
  for (let way = 0; way < ways; way++) if (Atomics.load(cells.prints, way) !== crowdPrint && !isIdle(way)) busy++
  for (let set = 0; set < cells.sets; set++) if (!isIdle(ways + set)) busy++
  return busy
}
