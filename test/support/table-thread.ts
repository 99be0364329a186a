// A worker thread for tests of tables: takes from one as fast as it can and writes down when it got how much.

import { parentPort, workerData } from 'node:worker_threads'
import type { TableSettings } from '../../src/contract/table.ts'
import { createTableClock } from '../../src/shared/table-clock.ts'
import { createTable } from '../../src/shared/table.ts'

/** What such a thread is told. */
export interface TableOrder {
  readonly shared: SharedArrayBuffer
  readonly settings: TableSettings
  readonly worker: number
  /** Times in milliseconds and units of each decision, pairs of numbers; units 0: refused. */
  readonly trace: SharedArrayBuffer
  /** All threads begin when so many are there; the last cell counts decisions of all. */
  readonly gate: SharedArrayBuffer
  readonly threadsCount: number
  readonly decisionsCount: number
  /** Decisions about other keys, one new one each, between two about the key. */
  readonly strangersEach: number
  /** True: gives back again at once what it took, for ever. */
  readonly gives: boolean
}

const order = workerData as TableOrder
const { settings, worker, threadsCount, decisionsCount, strangersEach } = order
const system = createTableClock()
let readMs = 0
const clock = { steadyMs: () => readMs = system.steadyMs(), wallMs: system.wallMs }
const table = createTable(order.shared, settings, { worker, clock })
const trace = new Float64Array(order.trace)
const gate = new Int32Array(order.gate)

Atomics.add(gate, 0, 1)
Atomics.notify(gate, 0)
for (let there = 1; there < threadsCount; there = Atomics.load(gate, 0)) Atomics.wait(gate, 0, there)

for (let at = 0; order.gives || at < decisionsCount; at++) {
  for (let other = 0; other < strangersEach; other++) table.take(`stranger ${worker} ${at} ${other}`, 1, true)
  const units = table.take('key', 1 + at % 3, false)
  if (order.gives) {
    Atomics.add(gate, 1, 1)
    table.give('key', units)
    continue
  }
  trace[2 * at] = readMs
  trace[2 * at + 1] = units
}
parentPort?.postMessage('done')
