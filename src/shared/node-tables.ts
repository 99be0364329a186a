// The tables of counts of a whole node, as its main thread keeps them: their memory, their upkeep, how full they are.

import { randomBytes } from 'node:crypto'
import type { TableSettings, WindowSettings } from '../contract/table.ts'
import type { KeySeed } from './key-hash.ts'
import { openTableCells } from './table-cells.ts'
import { createTableClock } from './table-clock.ts'
import { createTable, createTableMemory, reclaimTable, sweepMs, sweepTable } from './table.ts'
import { fillWindows, readWindows } from './window-table.ts'
import type { KeptCount } from './window-table.ts'

/** One table that some policy of the config asks for. */
export interface TablePlan {
  readonly policy: string
  /** Where that policy stands in the config, e.g. `routes.orders.policies[0]`. */
  readonly place: string
  readonly settings: TableSettings
}

/** The counts of a table of windows as they outlive the node. */
export interface KeptTable {
  readonly policy: string
  readonly place: string
  readonly window: WindowSettings['window']
  readonly sets: number
  readonly seed: KeySeed
  readonly counts: readonly KeptCount[]
}

export interface NodeTables {
  /** In the order of the plans, for every worker. */
  readonly memory: readonly SharedArrayBuffer[]
  /** A worker is gone: what it held is free, what it had locked is open. */
  reclaim (worker: number): void
  /** Keys with a count of their own, by table. */
  keys (): { readonly labels: Readonly<Record<string, string>>, readonly value: number }[]
  /** What is counted in windows now. */
  keep (): KeptTable[]
  stop (): void
}

/** Keeps the tables swept until `stop`. Windows go on where `kept` knows them; one of another size starts over. */
export function createNodeTables (
  plans: readonly TablePlan[], workerCount: number, kept: readonly KeptTable[] = []
): NodeTables {
  const clock = createTableClock()
  const memory = plans.map(plan => {
    const { settings } = plan
    const bytes = randomBytes(8)
    const seed = { low: bytes.readInt32LE(0), high: bytes.readInt32LE(4) }
    const fresh = createTableMemory(settings, { workerCount, clock, seed })
    const known = settings.kind === 'window' ? kept.find(one => isOf(one, plan, settings)) : undefined
    if (known === undefined || known.sets !== openTableCells(fresh).sets) return fresh
    const shared = createTableMemory(settings, { workerCount, clock, seed: known.seed })
    fillWindows(shared, known.counts)
    return shared
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
    keep: () => tables.flatMap(({ labels: { policy, place }, settings, shared }) => {
      if (settings.kind !== 'window') return []
      const { sets, seed } = openTableCells(shared)
      return { policy, place, window: settings.window, sets, seed, counts: readWindows(shared) }
    }),
    stop () { clearInterval(timer) }
  }
}

function isOf (kept: KeptTable, { policy, place }: TablePlan, { window }: WindowSettings): boolean {
  return kept.policy === policy && kept.place === place && kept.window === window
}
