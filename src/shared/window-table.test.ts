// Windows start over at the full UTC hour or day and hold exactly what they may, also when the wall clock is set.

import t from 'tap'
import type { WindowSettings } from '../contract/table.ts'
import { tableRig } from '../../test/support/table-rig.ts'

const hour = (unitsMax: number, keysMax = 64): WindowSettings => ({ kind: 'window', window: 'hour', unitsMax, keysMax })
const at = (text: string): number => Date.parse(`2026-11-26T${text}Z`)

t.test('an hour ends on the hour, for all workers', async t => {
  const { tables: [one, other], time } = tableRig(hour(10), 2)
  if (one === undefined || other === undefined) return t.fail('two workers were expected')
  time.wallOffsetMs = at('10:59:59.000') - time.nowMs
  t.equal(one.take('a', 7, true), 7)
  t.equal(other.take('a', 4, true), 0)
  t.equal(other.take('a', 4, false), 3)
  t.same(other.read('a', 1), { leftUnits: 0, waitMs: 1_000 })
  other.give('a', 2)
  t.equal(one.read('a', 1).leftUnits, 2)
  t.equal(one.keysCount(), 1)
  time.nowMs += 1_000
  t.equal(one.keysCount(), 0)
  t.equal(other.take('a', 20, false), 10)
})

t.test('a day ends at midnight UTC', async t => {
  const { table, time } = tableRig({ kind: 'window', window: 'day', unitsMax: 10, keysMax: 8 })
  time.wallOffsetMs = at('23:00:00.000') - time.nowMs
  t.equal(table.take('a', 10, true), 10)
  t.equal(table.read('a', 1).waitMs, 3_600_000)
  time.nowMs += 3_599_999
  t.equal(table.take('a', 1, true), 0)
  time.nowMs += 1
  t.equal(table.take('a', 1, true), 1)
})

t.test('a wall clock that is put back over the full hour gives no second quota; one that was days wrong is forgotten', async t => {
  const { table, time } = tableRig(hour(10))
  time.wallOffsetMs = at('11:00:00.500') - time.nowMs
  t.equal(table.take('a', 10, true), 10)
  time.wallOffsetMs -= 1_000
  t.equal(table.take('a', 1, true), 0)
  time.wallOffsetMs += 1_000
  t.equal(table.take('a', 1, true), 0)
  time.wallOffsetMs += 36 * 3_600_000
  t.equal(table.take('a', 10, true), 10)
  time.wallOffsetMs -= 36 * 3_600_000
  t.equal(table.take('a', 10, true), 10)
})

t.test('a window counts more than 32 bits of bytes', async t => {
  const { table } = tableRig(hour(2 ** 43))
  t.equal(table.take('a', 2 ** 42, true), 2 ** 42)
  t.equal(table.take('a', 2 ** 42 + 1, true), 0)
  t.equal(table.take('a', 2 ** 42, true), 2 ** 42)
})

t.test('more keys than ways share the crowd\'s sum', async t => {
  const { table, time } = tableRig(hour(5, 1))
  const units = Array.from({ length: 20 }, (_, key) => table.take(`key ${key}`, 5, false))
  t.equal(units.filter(taken => taken === 5).length, 9)
  time.nowMs += 3_600_000
  t.equal(table.take('key 19', 5, true), 5)
})

t.test('a way that a dead worker was about to give to another key is free', async t => {
  const { table, shared, reclaim } = tableRig(hour(5, 1))
  table.take('a', 5, true)
  const words = new Int32Array(shared)
  words[16] = 1
  reclaim(0)
  t.equal(words[16], 0)
  t.equal(table.take('b', 5, true), 5)
  t.equal(table.take('a', 1, true), 0)
})
