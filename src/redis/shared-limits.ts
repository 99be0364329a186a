// The shared limits of one worker: the way to their store, and the tables that count over all nodes.

import type { Log } from '../contract/adapter.ts'
import type { Table } from '../contract/table.ts'
import { ClusterTable } from './cluster-table.ts'
import type { SharedLimitsSettings } from './config.ts'
import { systemLeaseClock } from './lease.ts'
import type { LeaseClock, LeaseStore } from './lease.ts'
import { Leasing } from './leasing.ts'
import { createRedisStore } from './store.ts'

export interface SharedLimits {
  /** Makes of the node's own table one for all nodes. `name` is the same in every node that shares it. */
  share (name: string, local: Table): Table
  /** Connects; resolves when that is done or has failed, in bounded time. */
  start (): Promise<void>
  close (): void
  readonly gauges: ReadonlyMap<string, () => number>
}

interface SharedLimitsParts {
  readonly settings: SharedLimitsSettings
  readonly log: Log
  /** Tests give their own. */
  readonly store?: LeaseStore
  readonly clock?: LeaseClock
}

export function createSharedLimits ({ settings, log, ...own }: SharedLimitsParts): SharedLimits {
  const { connectTimeoutMs, commandTimeoutMs } = settings.redis
  const { store = createRedisStore(settings.redis), clock = systemLeaseClock } = own
  const leasing = new Leasing({ store, connectTimeoutMs, commandTimeoutMs, log, clock })
  const tables: ClusterTable[] = []
  const sum = (read: (table: ClusterTable) => number): number => tables.reduce((all, table) => all + read(table), 0)
  return {
    share (name, local) {
      const { settings: counted } = local
      // Levels are of what is held in a node, and what was taken once is not counted: neither can be leased.
      if (counted.kind === 'level' || counted.kind === 'memory') return local
      const { onStoreFailure } = settings
      const table = new ClusterTable({ settings: counted, name, local, onStoreFailure, leasing, clock })
      tables.push(table)
      return table
    },
    start: () => leasing.start(),
    close () { leasing.close() },
    gauges: new Map([
      ...leasing.gauges,
      ['shared_limit_keys', () => sum(table => table.keysCount())],
      ['shared_limit_leased_units', () => sum(table => table.leasedUnits())],
      ['shared_limit_events_waiting', () => sum(table => table.waitingCount())],
      ['shared_limit_events_without_store_total', () => sum(table => table.storelessCount())]
    ])
  }
}
