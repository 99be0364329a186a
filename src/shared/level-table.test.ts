// Levels go up and down exactly, a dead worker's share comes back, and keys that share a count never get too much.

import fc from 'fast-check'
import t from 'tap'
import type { LevelSettings } from '../contract/table.ts'
import { tableRig } from '../../test/support/table-rig.ts'

const level = (levelMax: number, keysMax = 64): LevelSettings => ({ kind: 'level', levelMax, keysMax })

t.test('a level is one for all workers, and what a dead one held is free', async t => {
  const { tables: [one, other], reclaim } = tableRig(level(5), 2)
  if (one === undefined || other === undefined) return t.fail('two workers were expected')
  t.equal(one.take('a', 3, true), 3)
  t.equal(other.take('a', 3, true), 0, 'all or none')
  t.equal(other.take('a', 3, false), 2, 'or a part')
  t.same(other.read('a', 1), { leftUnits: 0, waitMs: 1_000 })
  t.equal(other.take('b', 5, true), 5)
  one.give('a', 1)
  t.same(other.read('a', 1), { leftUnits: 1, waitMs: 0 })
  reclaim(0)
  t.equal(other.read('a', 1).leftUnits, 3)
  t.equal(other.keysCount(), 2)
  other.give('a', 2)
  other.give('b', 5)
  t.equal(other.keysCount(), 0)
  other.give('a', 2)
  t.equal(other.read('a', 1).leftUnits, 5, 'nothing below zero')
})

const moves = fc.array(fc.record({
  worker: fc.nat(2), key: fc.nat(14), units: fc.nat(4), action: fc.constantFrom('take', 'part', 'give', 'die')
}), { maxLength: 120 })

t.test('whoever takes, gives and dies: no key holds more than the level, and none is refused its own way for no reason', async () => {
  fc.assert(fc.property(moves, fc.constantFrom(1, 64), (steps, keysMax) => {
    const { tables, reclaim } = tableRig(level(6, keysMax), 3)
    const held = tables.map(() => new Map<number, number>())
    for (const { worker, key, units, action } of steps) {
      const table = tables[worker]
      const mine = held[worker]
      if (table === undefined || mine === undefined) throw new Error('no such worker')
      const sum = held.reduce((all, one) => all + (one.get(key) ?? 0), 0)
      if (action === 'give') {
        const back = Math.min(units, mine.get(key) ?? 0)
        table.give(`key ${key}`, back)
        mine.set(key, (mine.get(key) ?? 0) - back)
      } else if (action === 'die') {
        reclaim(worker)
        mine.clear()
      } else {
        const taken = table.take(`key ${key}`, units, action === 'take')
        mine.set(key, (mine.get(key) ?? 0) + taken)
        const expected = action === 'take' && sum + units > 6 ? 0 : Math.min(units, 6 - sum)
        if (taken > expected || (keysMax === 64 && taken !== expected)) throw new Error(`took ${taken} of ${units}, held ${sum}`)
      }
    }
    for (const [worker, mine] of held.entries()) for (const [key, units] of mine) tables[worker]?.give(`key ${key}`, units)
    if (tables[0]?.keysCount() !== 0) throw new Error('something stayed taken')
  }), { numRuns: 400 })
})
