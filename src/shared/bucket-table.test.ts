// Buckets keep to their rate exactly: against a plain model, over wrap-arounds of their time, and when sets overflow.

import fc from 'fast-check'
import t from 'tap'
import type { BucketSettings } from '../contract/table.ts'
import { tableRig } from '../../test/support/table-rig.ts'
import { ticksOf } from './bucket-ticks.ts'
import { tableBytes } from './table-cells.ts'

const bucket = (unitsPerSecondMax: number, burstUnits: number, keysMax = 64): BucketSettings =>
  ({ kind: 'bucket', unitsPerSecondMax, burstUnits, keysMax })

t.test('a bucket gives its burst, then its rate, then its burst again', async t => {
  const { table, time } = tableRig(bucket(10, 5))
  t.equal(table.take('a', 3, true), 3)
  t.equal(table.take('a', 3, true), 0, 'all or none')
  t.equal(table.take('a', 3, false), 2, 'or a part')
  t.equal(table.take('a', 1, true), 0)
  t.same(table.read('a', 1), { leftUnits: 0, waitMs: 100 })
  t.equal(table.take('b', 5, true), 5, 'another key has its own')
  time.nowMs += 99
  t.equal(table.take('a', 1, true), 0)
  time.nowMs += 1
  t.equal(table.take('a', 1, true), 1)
  time.nowMs += 10_000
  t.equal(table.take('a', 100, false), 5)
  t.equal(table.keysCount(), 1)
  time.nowMs += 10_000
  t.equal(table.keysCount(), 0, 'a full bucket says nothing')
})

t.test('units that are given back at once can be taken again, but not after somebody else took', async t => {
  const { tables: [one, other] } = tableRig(bucket(10, 5), 2)
  if (one === undefined || other === undefined) return t.fail('two workers were expected')
  one.take('a', 5, true)
  one.give('a', 2)
  t.equal(one.read('a', 1).leftUnits, 2)
  one.give('a', 2)
  t.equal(one.read('a', 1).leftUnits, 2, 'once only')
  one.take('a', 1, true)
  other.take('a', 1, true)
  one.give('a', 1)
  t.equal(one.read('a', 1).leftUnits, 0, 'it can no longer be told whether they would have been there')
  one.give('b', 1)
  t.equal(one.read('a', 1).leftUnits, 0)
})

const settingsOf = fc.record({
  unitsPerSecondMax: fc.oneof(
    fc.integer({ min: 1, max: 1_000_000_000 }), fc.double({ min: 0.001, max: 1_000, noNaN: true })
  ),
  burstUnits: fc.oneof(fc.integer({ min: 1, max: 1_000 }), fc.integer({ min: 1, max: 2 ** 34 }))
})

t.test('a unit costs whole ticks, a bucket a quarter of the range at most, and half of the range lasts a minute', async t => {
  fc.assert(fc.property(settingsOf, ({ unitsPerSecondMax, burstUnits }) => {
    const ticks = ticksOf(bucket(unitsPerSecondMax, burstUnits))
    const exact = unitsPerSecondMax <= 2 ** 31 / 60 && burstUnits <= 2 ** 30
    t.ok(ticks.burst >= 0 && ticks.burst <= 2 ** 30)
    t.ok(2 ** 31 / ticks.perMs >= 59_999, `${2 ** 31 / ticks.perMs} ms`)
    t.ok(ticks.costOf(1) >= 1 && Number.isInteger(ticks.costOf(1)))
    if (exact) t.equal(ticks.unitsIn(ticks.costOf(burstUnits)), burstUnits)
    else t.ok(ticks.unitsIn(ticks.burst) <= burstUnits)
  }))
})

const steps = fc.array(fc.oneof(
  fc.record({
    key: fc.nat(3), share: fc.double({ min: 0, max: 1.2, noNaN: true }), whole: fc.boolean(), back: fc.nat(5)
  }),
  fc.record({ passMs: fc.oneof(fc.integer({ min: 0, max: 50 }), fc.integer({ min: 0, max: 200_000 })) })
), { maxLength: 60 })

t.test('whatever is taken when, a bucket does what a model without a range does, also where its time wraps around', async () => {
  const near = fc.integer({ min: -3, max: 3 })
  fc.assert(fc.property(settingsOf, near, fc.nat(8), steps, (rates, nearTicks, wraps, moves) => {
    const settings = bucket(rates.unitsPerSecondMax, rates.burstUnits)
    const ticks = ticksOf(settings)
    // Just before or after the point where 32 bits turn negative or start over.
    const startMs = (wraps * 2 ** 31 + nearTicks * 1_000) / ticks.perMs
    const { table, time, pass } = tableRig(settings, 1, startMs)
    const fullAt = new Map<number, number>()
    for (const move of moves) {
      if ('passMs' in move) {
        pass(move.passMs)
        continue
      }
      const now = Math.floor(time.nowMs * ticks.perMs)
      const units = Math.floor(move.share * Math.min(settings.burstUnits, 1_000_000))
      const debt = Math.max(0, (fullAt.get(move.key) ?? now) - now)
      const expected = (lateTicks: number): number => {
        const some = Math.min(units, ticks.unitsIn(ticks.burst - debt - lateTicks))
        return move.whole && some < units ? 0 : Math.max(0, some)
      }
      const taken = table.take(`key ${move.key}`, units, move.whole)
      // One time of the 32 bits stands for none: what would be full just then is full a tick later.
      if (taken !== expected(0) && taken !== expected(1)) throw new Error(`took ${taken} of ${units}, the model ${expected(0)}`)
      if (taken === 0) continue
      const back = Math.min(move.back, taken)
      table.give(`key ${move.key}`, back)
      fullAt.set(move.key, now + debt + ticks.costOf(taken - back))
    }
  }), { numRuns: 400 })
})

t.test('a thread whose clock lags refuses early and never takes an old time for a full bucket', async t => {
  const { tables: [one, other], time } = tableRig(bucket(1_000, 100), 2, 50_000)
  t.equal(one?.take('a', 100, true), 100)
  for (const lagMs of [1, 100, 5_000, 14_000]) {
    time.nowMs = 50_000 - lagMs
    t.equal(other?.take('a', 1, true), 0, `${lagMs} ms behind`)
  }
})

t.test('more keys than ways share the crowd\'s bucket: early refusals, no more than one burst too few, none too many', async t => {
  const settings = bucket(10, 5, 1)
  const { table, time } = tableRig(settings)
  // One set: eight keys have ways of their own, all others are the crowd.
  const keys = Array.from({ length: 40 }, (_, at) => `key ${at}`)
  const takenBy = keys.map(key => table.take(key, 5, false))
  t.equal(takenBy.filter(units => units === 5).length, 9)
  t.equal(table.keysCount(), 9)
  time.nowMs += 100
  t.equal(table.take('key 0', 5, false), 1, 'who has a way keeps exactly its rate')
  t.equal(table.take('key 20', 5, false), 1)
  t.equal(table.take('key 21', 5, false), 0, 'the crowd shares')
  time.nowMs += 390
  // The ways are free again but for one, the crowd is not yet forgotten: who took with it is still counted with it.
  t.equal(table.take('key 20', 5, false), 3)
  time.nowMs += 600
  t.equal(table.take('key 20', 5, false), 5)
  t.equal(table.take('key 21', 5, false), 5, 'once the crowd is full again, new keys get ways of their own')
})

t.test('a million different keys need no more memory, and the limit of one that goes on stays exact', async t => {
  const settings = bucket(1_000, 10, 10_000)
  t.ok(tableBytes(settings, 8) < 1_200_000, `${tableBytes(settings, 8)} bytes`)
  const { table, time } = tableRig(settings)
  let taken = 0
  const startMs = time.nowMs
  for (let at = 0; at < 1_000_000; at++) {
    time.nowMs += 0.01
    table.take(`stranger ${at}`, 1, true)
    if (at % 5 !== 0) continue
    taken += table.take('known', 1, true)
    const mostUnits = 10 + (time.nowMs - startMs)
    if (taken > mostUnits + 1e-6 || taken < Math.floor(mostUnits) - 11) throw new Error(`${taken} of ${mostUnits}`)
  }
  t.ok(taken >= 10_000 && taken <= 10_010, `${taken} in 10 s`)
})

t.test('a way that a dead worker was about to give to another key is free, and its set is open again', async t => {
  const { table, shared, reclaim } = tableRig(bucket(10, 5, 1), 2)
  table.take('a', 5, true)
  const words = new Int32Array(shared)
  const lock = 16
  t.equal(words[lock], 0)
  words[lock] = 2
  t.equal(table.take('a', 5, false), 0, 'known keys need no lock')
  t.equal(table.take('b', 1, true), 0, 'a new key is refused while nobody answers for the lock')
  reclaim(0)
  t.equal(table.take('b', 1, true), 0, 'it is the other worker that is dead')
  reclaim(1)
  t.equal(table.take('b', 1, true), 1)
  t.equal(table.take('a', 1, true), 0, 'what was taken stays taken')
})
