// Tables of counts for tests: with a clock that only the test moves, and a node's memory opened by several workers.

import type { Table, TableSettings } from '../../src/contract/table.ts'
import type { TableClock } from '../../src/shared/table-clock.ts'
import { createTable, createTableMemory, reclaimTable, sweepTable } from '../../src/shared/table.ts'

export class TableTime implements TableClock {
  nowMs = 1_000
  /** Added to the time for the wall clock, which somebody may set. */
  wallOffsetMs = 1_790_000_000_000

  steadyMs (): number { return this.nowMs }
  wallMs (): number { return this.nowMs + this.wallOffsetMs }
}

export interface TableRig {
  readonly shared: SharedArrayBuffer
  readonly time: TableTime
  /** One per worker. */
  readonly tables: readonly Table[]
  /** The table of worker 0. */
  readonly table: Table
  reclaim (worker: number): void
  /** Lets time go by, swept as often as the node sweeps. */
  pass (ms: number): void
}

const seed = { low: 0x1234567, high: -0x7654321 }

export function tableRig (settings: TableSettings, workerCount = 1, startMs = 1_000): TableRig {
  const time = new TableTime()
  time.nowMs = startMs
  const shared = createTableMemory(settings, { workerCount, seed, clock: time })
  const tables = Array.from({ length: workerCount }, (_, worker) =>
    createTable(shared, settings, { worker, clock: time }))
  const [table] = tables
  if (table === undefined) throw new Error('a rig needs a worker')
  return {
    shared, time, tables, table,
    reclaim: worker => { reclaimTable(shared, settings, worker) },
    pass (ms) {
      for (let leftMs = ms; leftMs > 0; leftMs -= 15_000) {
        time.nowMs += Math.min(leftMs, 15_000)
        sweepTable(shared, settings, time)
      }
    }
  }
}

/** The tables that a policy's settings ask for, under one clock. */
export function tablesFor (wanted: readonly TableSettings[], time = new TableTime()): Table[] {
  return wanted.map(settings => {
    const shared = createTableMemory(settings, { workerCount: 1, seed, clock: time })
    return createTable(shared, settings, { worker: 0, clock: time })
  })
}
