// A node's tables: one memory per plan in its order, shown by policy, and free of what a dead worker held.

import t from 'tap'
import { createNodeTables } from './node-tables.ts'
import type { TablePlan } from './node-tables.ts'
import { createTable } from './table.ts'

const plans: TablePlan[] = [
  { policy: 'in-flight-limit', place: 'policies[0]', settings: { kind: 'level', levelMax: 5, keysMax: 8 } },
  { policy: 'rate-limit', place: 'policies[1]', settings: { kind: 'bucket', unitsPerSecondMax: 0.01, burstUnits: 5, keysMax: 8 } }
]

t.test('a worker opens what the node keeps, and its death gives back levels but no rate', async t => {
  const node = createNodeTables(plans, 2)
  t.teardown(() => { node.stop() })
  const taken = plans.map(({ settings }, at) =>
    createTable(node.memory[at] ?? new SharedArrayBuffer(0), settings, { worker: 1 }).take('key', 5, true))
  t.same(taken, [5, 5])
  const keys = (counts: number[]): object[] => plans.map(({ policy, place, settings }, at) =>
    ({ labels: { policy, place, table: settings.kind }, value: counts[at] }))
  t.same(node.keys(), keys([1, 1]))
  node.reclaim(1)
  t.same(node.keys(), keys([0, 1]))
})

t.test('every node has seeds of its own', async t => {
  const seeds = [1, 2].map(() => {
    const node = createNodeTables(plans, 1)
    node.stop()
    return node.memory.map(shared => new Int32Array(shared).slice(3, 5).join())
  })
  t.equal(new Set(seeds.flat()).size, 4)
})
