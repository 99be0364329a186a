// Loaded into worker threads by fault tests only: writes down what their rate-limit policies took, when and of what.

import { getEnvironmentData } from 'node:worker_threads'
import { rateLimit } from '../../plugins/rate-limit/index.ts'
import type { Table } from '../../src/contract/table.ts'
import { createTableClock } from '../../src/shared/table-clock.ts'

/** The key of the environment data under which a test passes the memory of `recordCells`. */
export const recordName = 'sluice test decisions'

/** How many numbers a decision has: before and after it in milliseconds, units asked for and granted. */
export const recordNumbers = 4

/** Decisions in memory that all threads of the process share. The first cell counts them. */
export interface Record { readonly count: SharedArrayBuffer, readonly numbers: SharedArrayBuffer }

const record = getEnvironmentData(recordName) as Record | undefined
if (record !== undefined) recordInto(record)

function recordInto (shared: Record): void {
  const create = rateLimit.create.bind(rateLimit)
  rateLimit.create = setup => create({ ...setup, tables: setup.tables.map(table => recorded(table, shared)) })
}

function recorded (table: Table, shared: Record): Table {
  const clock = createTableClock()
  const count = new Int32Array(shared.count)
  const numbers = new Float64Array(shared.numbers)
  return {
    ...table,
    take (key, units, whole) {
      const beforeMs = clock.steadyMs()
      const grantedUnits = table.take(key, units, whole)
      const afterMs = clock.steadyMs()
      // Beyond its end nothing is written; the test sees by the count that there were more.
      const at = Atomics.add(count, 0, 1) * recordNumbers
      numbers[at] = beforeMs
      numbers[at + 1] = afterMs
      numbers[at + 2] = units
      numbers[at + 3] = grantedUnits
      return grantedUnits
    }
  }
}
