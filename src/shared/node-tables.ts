// The tables of counts of a whole node, as its main thread keeps them: their memory, their upkeep, how full they are.

import { randomBytes } from 'node:crypto'
import type { TableSettings } from '../contract/table.ts'
import { createTableClock } from './table-clock.ts'
import { createTable, createTableMemory, reclaimTable, sweepMs, sweepTable } from './table.ts'

/** One table that some policy of the config asks for. */
export interface TablePlan {
  readonly policy: string
  /** Where that policy stands in the config, e.g. `routes.orders.policies[0]`. */
  readonly place: string
  readonly settings: TableSettings
}

export interface NodeTables {
  /** In the order of the plans, for every worker. */
  readonly memory: readonly SharedArrayBuffer[]
  /** A worker is gone: what it held is free, what it had locked is open. */
  reclaim (worker: number): void
  /** Keys with a count of their own, by table. */
  keys (): { readonly labels: Readonly<Record<string, string>>, readonly value: number }[]
  stop (): void
}

/** Keeps the tables swept until `stop`. */
export function createNodeTables (plans: readonly TablePlan[], workerCount: number): NodeTables {
  const clock = createTableClock()
  const memory = plans.map(({ settings }) => {
    const bytes = randomBytes(8)
    const seed = { low: bytes.readInt32LE(0), high: bytes.readInt32LE(4) }
    return createTableMemory(settings, { workerCount, clock, seed })
  })
  const tables = plans.map(({ policy, place, settings }, at) => {
    const shared = memory[at] ?? new SharedArrayBuffer(0)
    return { labels: { policy, place, table: settings.kind }, settings, shared }
  })
  const views = tables.map(({ labels, settings, shared }) =>
    ({ labels, table: createTable(shared, settings, { worker: 0, clock }) }))
  const timer = setInterval(() => {
    for (const { shared, settings } of tables) sweepTable(shared, settings, clock)
  }, sweepMs)
  timer.unref()
  return {
    memory,
    reclaim (worker) { for (const { shared, settings } of tables) reclaimTable(shared, settings, worker) },
    keys: () => views.map(({ labels, table }) => ({ labels, value: table.keysCount() })),
    stop () { clearInterval(timer) }
  }
}
