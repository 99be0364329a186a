// Opens a table of counts of any kind over shared memory, and mends it after a worker's death.

import type { Table, TableSettings } from '../contract/table.ts'
import { createBucketTable, fillBuckets, reclaimBuckets, sweepBuckets } from './bucket-table.ts'
import type { KeySeed } from './key-hash.ts'
import { createLevelTable, reclaimLevels } from './level-table.ts'
import { createMemoryTable, fillMemory, reclaimMemory, sweepMemory } from './memory-table.ts'
import { createTableCells, openTableCells } from './table-cells.ts'
import { createTableClock } from './table-clock.ts'
import type { TableClock } from './table-clock.ts'
import { createWindowTable, reclaimWindows } from './window-table.ts'

/** Who opens a table: workers are numbered from 0. Without a clock, the system's. */
export interface TableSeat { readonly worker: number, readonly clock?: TableClock }

/** The table as this worker sees it. `shared` is of `createTableCells` with the same settings. */
export function createTable (shared: SharedArrayBuffer, settings: TableSettings, seat: TableSeat): Table {
  const { worker, clock = createTableClock() } = seat
  if (settings.kind === 'bucket') return createBucketTable(shared, { settings, worker, clock })
  if (settings.kind === 'window') return createWindowTable(shared, { settings, worker, clock })
  if (settings.kind === 'memory') return createMemoryTable(shared, { settings, worker, clock })
  return createLevelTable(shared, settings, worker)
}

/** Who opens the tables of a node. The seed must be one that no sender can know. */
export interface TableNode { readonly workerCount: number, readonly seed: KeySeed, readonly clock: TableClock }

/** Memory for a table, before any worker opens it. */
export function createTableMemory (settings: TableSettings, node: TableNode): SharedArrayBuffer {
  const { workerCount, seed, clock } = node
  const shared = createTableCells(settings, workerCount, seed)
  if (settings.kind === 'bucket') fillBuckets(shared, settings, clock)
  else if (settings.kind === 'memory') fillMemory(shared, clock)
  return shared
}

/** Takes back what a dead worker held. Called after its thread is gone and before its successor starts. */
export function reclaimTable (shared: SharedArrayBuffer, settings: TableSettings, worker: number): void {
  const cells = openTableCells(shared)
  if (settings.kind === 'bucket') reclaimBuckets(cells, worker)
  else if (settings.kind === 'window') reclaimWindows(cells, worker)
  else if (settings.kind === 'memory') reclaimMemory(cells, worker)
  else reclaimLevels(cells, worker)
}

/** To be called at least every `sweepMs`, by one thread. */
export function sweepTable (shared: SharedArrayBuffer, settings: TableSettings, clock: TableClock): void {
  if (settings.kind === 'bucket') sweepBuckets(shared, settings, clock)
  else if (settings.kind === 'memory') sweepMemory(shared, clock)
}

/** A time of a bucket wraps around after 75 s at the earliest. */
export const sweepMs = 15_000
