// Levels in shared memory: what a worker holds of a key stands in a cell of its own, so that a dead one's comes back.

import type { LevelSettings, Table } from '../contract/table.ts'
import { openTableCells, waysCount } from './table-cells.ts'
import type { TableCells } from './table-cells.ts'
import { countBusy, crowdPrint, openWays, unlockDead } from './table-ways.ts'
import type { Counting } from './table-ways.ts'

/** What somebody is told who finds no room: nobody knows when others give back. */
const waitMs = 1_000

/** Adds first and looks at the sum over all workers then: two workers at once may both refuse, never both exceed. */
export function createLevelTable (shared: SharedArrayBuffer, settings: LevelSettings, worker: number): Table {
  const cells = openTableCells(shared)
  const { counts, marks, prints, countWords } = cells
  const { levelMax } = settings
  const levelAt = (at: number): number => sumOf(counts, at, countWords)

  const counting: Counting = {
    charge (at, print, { units, whole }) {
      const own = at * countWords + worker
      Atomics.add(counts, own, units)
      if (print !== crowdPrint && (Atomics.load(marks, at) !== 0 || Atomics.load(prints, at) !== print)) {
        Atomics.sub(counts, own, units)
        return -1
      }
      const excess = Math.max(0, levelAt(at) - levelMax)
      if (excess === 0) return units
      const kept = whole ? 0 : Math.max(0, units - excess)
      Atomics.sub(counts, own, units - kept)
      return kept
    },
    isIdle: at => levelAt(at) === 0,
    replace (way, print) {
      // Marks first and sums then, while whoever takes adds first and looks for the mark then: one sees the other.
      Atomics.store(marks, way, 1)
      const idle = levelAt(way) === 0
      if (idle) Atomics.store(prints, way, print)
      Atomics.store(marks, way, 0)
      return idle
    }
  }
  const ways = openWays(cells, counting, worker)

  return {
    settings,
    take (name, units, whole) {
      if (units <= 0 || (whole && units > levelMax)) return 0
      return ways.take(name, { units, whole })
    },
    give (name, units) {
      // A key that holds units keeps its way, and one that holds them in the crowd gets none.
      const own = ways.find(name) * countWords + worker
      Atomics.sub(counts, own, Math.min(units, Atomics.load(counts, own)))
    },
    read (name, units) {
      const leftUnits = Math.max(0, levelMax - levelAt(ways.find(name)))
      return { leftUnits, waitMs: leftUnits >= Math.min(units, levelMax) ? 0 : waitMs }
    },
    keysCount: () => countBusy(cells, counting.isIdle)
  }
}

function sumOf (counts: Int32Array, at: number, countWords: number): number {
  let sum = 0
  for (let cell = at * countWords; cell < (at + 1) * countWords; cell++) sum += Atomics.load(counts, cell)
  return sum
}

/** After a worker's death: all that it held is free again. */
export function reclaimLevels (cells: TableCells, worker: number): void {
  const { counts, countWords, marks } = cells
  for (let own = worker; own < counts.length; own += countWords) {
    if (Atomics.load(counts, own) !== 0) Atomics.store(counts, own, 0)
  }
  unlockDead(cells, worker, first => {
    for (let way = first; way < first + waysCount; way++) Atomics.store(marks, way, 0)
  })
}
