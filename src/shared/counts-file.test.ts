// Counts of quotas survive a restart, a kill loses a second of them at most, and a broken file starts them over.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { silentLog } from '../../test/support/odd-envelopes.ts'
import { until } from '../../test/support/until.ts'
import type { Table } from '../contract/table.ts'
import { readCounts, startCountsFile } from './counts-file.ts'
import { createNodeTables } from './node-tables.ts'
import type { NodeTables, TablePlan } from './node-tables.ts'
import { createTable } from './table.ts'

const plan = (keysMax = 8): TablePlan =>
  ({ policy: 'quota', place: 'policies[0]', settings: { kind: 'window', window: 'day', unitsMax: 100, keysMax } })

function start (path: string, given = plan()): { node: NodeTables, table: Table } {
  const node = createNodeTables([given], 2, readCounts(path, silentLog))
  node.stop()
  return { node, table: createTable(node.memory[0] ?? new SharedArrayBuffer(0), given.settings, { worker: 1 }) }
}

t.test('what was used of a quota before a restart is used after it, key by key and for the crowd', async t => {
  const path = join(t.testdir(), 'deep', 'counts')
  const first = start(path)
  const keys = Array.from({ length: 60 }, (_, at) => `key ${at}`)
  for (const [at, key] of keys.entries()) first.table.take(key, 1 + at % 7, false)
  startCountsFile(path, () => first.node.keep(), silentLog).stop()
  const second = start(path)
  const left = ({ table }: { table: Table }): number[] => keys.map(key => table.read(key, 1).leftUnits)
  t.same(left(second), left(first))
  t.equal(second.table.keysCount(), first.table.keysCount())
  t.equal(second.table.take('key 0', 100, true), 0)
})

t.test('without a stop the file has what was counted a second ago', async t => {
  const path = join(t.testdir(), 'counts')
  const { node, table } = start(path)
  table.take('a', 7, true)
  const file = startCountsFile(path, () => node.keep(), silentLog)
  t.teardown(() => { file.stop() })
  await until(() => existsSync(path), { timeoutMs: 10_000, what: () => 'a file' })
  t.equal(start(path).table.read('a', 1).leftUnits, 93)
})

t.test('a table of another size, place or window starts over', async t => {
  const path = join(t.testdir(), 'counts')
  const { node, table } = start(path)
  table.take('a', 7, true)
  startCountsFile(path, () => node.keep(), silentLog).stop()
  const others: TablePlan[] = [
    plan(1_000), { ...plan(), place: 'policies[1]' },
    { ...plan(), settings: { kind: 'window', window: 'hour', unitsMax: 100, keysMax: 8 } }
  ]
  for (const other of others) t.equal(start(path, other).table.read('a', 1).leftUnits, 100)
  const more: TablePlan = { ...plan(), settings: { kind: 'window', window: 'day', unitsMax: 200, keysMax: 8 } }
  t.equal(start(path, more).table.read('a', 1).leftUnits, 193, 'a quota that is raised goes on')
})

t.test('a file that is torn or foreign is told of and left out', async t => {
  const path = join(t.testdir(), 'counts')
  const { node, table } = start(path)
  table.take('a', 7, true)
  startCountsFile(path, () => node.keep(), silentLog).stop()
  const whole = readFileSync(path, 'utf8')
  for (const text of ['', 'hello', '[]', whole.slice(0, -5), whole.replace('"sets":', '"sats":'), whole.replace(' 1\n', ' 2\n')]) {
    writeFileSync(path, text)
    const told: string[] = []
    t.same(readCounts(path, { ...silentLog, warn: (_fields, message) => { told.push(message) } }), [])
    t.match(told, [/torn or not ours/])
  }
  t.same(readCounts(join(path, 'nowhere'), silentLog), [])
})
