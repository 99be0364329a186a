// Sums over calendar windows in shared memory: window and sum are one word of 64 bits, changed by compare-and-swap.

import type { Table, WindowSettings } from '../contract/table.ts'
import { openTableCells, waysCount } from './table-cells.ts'
import type { TableCells } from './table-cells.ts'
import type { TableClock } from './table-clock.ts'
import { countBusy, crowdPrint, openWays, unlockDead } from './table-ways.ts'
import type { Counting } from './table-ways.ts'

const sumBits = 44n
const sumMask = (1n << sumBits) - 1n
/** Sums end here: 17.6 TB or 17.6 billion thousands of events. */
export const windowUnitsMax = 2 ** 44 - 1
/** Stands for no count: another key is about to get this way. */
const dead = 2n ** 64n - 1n
const lengthMs = { hour: 3_600_000, day: 86_400_000 } as const

export interface WindowPart { readonly settings: WindowSettings, readonly worker: number, readonly clock: TableClock }

/**
 * Windows are numbered from the epoch, by 20 bits (hours until 2089). A count of the window after the present one is
 * kept, so that a wall clock which is put back a little over the full hour gives nobody a second quota; one of any
 * other window is over, or was made by a clock that was wrong.
 */
export function createWindowTable (shared: SharedArrayBuffer, { settings, worker, clock }: WindowPart): Table {
  const cells = openTableCells(shared)
  const { wideCounts: counts, prints } = cells
  const unitsMax = Math.min(settings.unitsMax, windowUnitsMax)
  const last = { key: '', at: -1, units: 0, window: 0 }
  const windowNow = (): number => windowAt(settings, clock)

  const counting: Counting = {
    charge (at, print, { units, whole }) {
      for (;;) {
        const word = Atomics.load(counts, at)
        if (word === dead || (print !== crowdPrint && Atomics.load(prints, at) !== print)) return -1
        const window = windowOf(word, windowNow())
        const sum = sumOf(word, window)
        const some = Math.min(units, unitsMax - sum)
        if (some <= 0 || (whole && some < units)) return 0
        if (Atomics.compareExchange(counts, at, word, wordOf(window, sum + some)) !== word) continue
        last.at = at
        last.units = some
        last.window = window
        return some
      }
    },
    isIdle (at) {
      const word = Atomics.load(counts, at)
      return word !== dead && sumOf(word, windowOf(word, windowNow())) === 0
    },
    replace (way, print) {
      const word = Atomics.load(counts, way)
      const window = windowNow()
      if (Atomics.load(prints, way) !== crowdPrint && sumOf(word, windowOf(word, window)) > 0) return false
      if (Atomics.compareExchange(counts, way, word, dead) !== word) return false
      Atomics.store(prints, way, print)
      Atomics.store(counts, way, wordOf(window, 0))
      return true
    }
  }
  const ways = openWays(cells, counting, worker)

  return {
    settings,
    take (name, units, whole) {
      if (units <= 0 || (whole && units > unitsMax)) return 0
      last.key = name
      last.at = -1
      return ways.take(name, { units, whole })
    },
    give (name, units) {
      if (last.key !== name || last.at === -1) return
      const back = Math.min(units, last.units)
      for (;;) {
        const word = Atomics.load(counts, last.at)
        // Within its window a way keeps its key, so that this is still the sum that was taken from.
        const sum = sumOf(word, last.window)
        const next = wordOf(last.window, sum - back)
        if (sum < back || Atomics.compareExchange(counts, last.at, word, next) === word) break
      }
      last.at = -1
    },
    read (name, units) {
      const word = Atomics.load(counts, ways.find(name))
      const window = windowNow()
      const leftUnits = Math.max(0, unitsMax - (word === dead ? 0 : sumOf(word, windowOf(word, window))))
      const length = lengthMs[settings.window]
      const restMs = length - clock.wallMs() % length
      return { leftUnits, waitMs: leftUnits >= Math.min(units, unitsMax) ? 0 : Math.ceil(restMs) }
    },
    keysCount: () => countBusy(cells, counting.isIdle)
  }
}

function windowAt ({ window }: WindowSettings, clock: TableClock): number {
  return Math.floor(clock.wallMs() / lengthMs[window]) % 2 ** 20
}

/** The window in which the next unit of this word counts. */
function windowOf (word: bigint, window: number): number {
  return Number(word >> sumBits) === window + 1 ? window + 1 : window
}

function sumOf (word: bigint, window: number): number {
  return Number(word >> sumBits) === window ? Number(word & sumMask) : 0
}

function wordOf (window: number, sum: number): bigint {
  return BigInt(window) << sumBits | BigInt(sum)
}

/** One count that says something, as it outlives the node: which count, whose it is, and how much of which window. */
export type KeptCount = readonly [at: number, print: number, window: number, sum: number]

/** What is counted now. A way that changes hands in this moment is left out: it was idle. */
export function readWindows (shared: SharedArrayBuffer): KeptCount[] {
  const { prints, wideCounts, sets } = openTableCells(shared)
  const kept: KeptCount[] = []
  for (let at = 0; at < sets * (waysCount + 1); at++) {
    const isWay = at < sets * waysCount
    const print = isWay ? Atomics.load(prints, at) : crowdPrint
    const word = Atomics.load(wideCounts, at)
    if (word === dead || (word & sumMask) === 0n || (isWay && Atomics.load(prints, at) !== print)) continue
    kept.push([at, print, Number(word >> sumBits), Number(word & sumMask)])
  }
  return kept
}

/** Fills a new table of the same size and seed, before anybody takes. */
export function fillWindows (shared: SharedArrayBuffer, kept: readonly KeptCount[]): void {
  const { prints, wideCounts } = openTableCells(shared)
  for (const [at, print, window, sum] of kept) {
    if (at < prints.length) prints[at] = print
    if (at < wideCounts.length) wideCounts[at] = wordOf(window, sum)
  }
}

/** After a worker's death: what it took stays taken, a way that it was about to give to another key is free. */
export function reclaimWindows (cells: TableCells, worker: number): void {
  unlockDead(cells, worker, first => {
    for (let way = first; way < first + waysCount; way++) {
      if (Atomics.load(cells.wideCounts, way) !== dead) continue
      Atomics.store(cells.prints, way, crowdPrint)
      Atomics.store(cells.wideCounts, way, 0n)
    }
  })
}
