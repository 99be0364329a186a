// Memories: nothing is taken twice by any worker, whatever else comes, and new keys are let in however full they are.

import fc from 'fast-check'
import t from 'tap'
import type { MemorySettings, Table } from '../contract/table.ts'
import { tableRig } from '../../test/support/table-rig.ts'

const memory = (keysMax: number, knownMsMax = 60_000): MemorySettings => ({ kind: 'memory', keysMax, knownMsMax })

function once (table: Table | undefined, key: string, knownMs: number): boolean {
  return table?.takeOnce?.(key, knownMs) === 'taken'
}

t.test('a key is taken once in the whole node, until it may be forgotten', async t => {
  const { tables: [one, other], pass } = tableRig(memory(64), 2)
  t.equal(once(one, 'a', 10_000), true)
  t.equal(once(one, 'a', 10_000), false)
  t.equal(once(other, 'a', 10_000), false)
  t.equal(once(other, 'b', 10_000), true)
  t.equal(one?.keysCount(), 2)
  pass(9_999)
  t.equal(once(other, 'a', 1), false)
  pass(1_001)
  t.equal(other?.keysCount(), 0)
  t.equal(once(other, 'a', 10_000), true, 'it may be forgotten')
})

t.test('what was given back is taken once more, by whichever worker', async t => {
  const { tables: [one, other], pass } = tableRig(memory(64), 2)
  t.equal(once(one, 'a', 10_000), true)
  t.equal(once(one, 'b', 10_000), true)
  one?.giveOnce?.('a')
  one?.giveOnce?.('never taken')
  t.equal(one?.keysCount(), 1)
  t.equal(once(other, 'a', 10_000), true)
  t.equal(once(one, 'a', 10_000), false)
  t.equal(once(one, 'b', 10_000), false)
  other?.giveOnce?.('a')
  t.equal(once(one, 'a', 10_000), true)
  pass(11_001)
  one?.giveOnce?.('b')
  t.equal(once(one, 'b', 10_000), true)
})

t.test('what is under way is told apart from what was used up, or whose worker has died', async t => {
  const { tables: [one, other], reclaim } = tableRig(memory(64), 2)
  for (const key of ['a', 'b']) t.equal(once(one, key, 10_000), true)
  for (const table of [one, other]) t.equal(table?.takeOnce?.('a', 10_000), 'under-way')
  other?.useOnce?.('a')
  other?.giveOnce?.('a')
  t.equal(other?.takeOnce?.('a', 10_000), 'under-way', 'another worker has no say')
  one?.useOnce?.('a')
  for (const table of [one, other]) t.equal(table?.takeOnce?.('a', 10_000), 'used-up')
  one?.giveOnce?.('a')
  t.equal(one?.takeOnce?.('a', 10_000), 'used-up')
  reclaim(0)
  t.equal(other?.takeOnce?.('b', 10_000), 'used-up')
})

t.test('what had to make room stays taken, even when it is given back', async t => {
  const { table } = tableRig(memory(1, 400_000))
  t.equal(once(table, 'early', 300_000), true)
  for (let i = 0; i < 100; i++) once(table, `flood ${i}`, 350_000)
  table.giveOnce?.('early')
  t.equal(once(table, 'early', 300_000), false)
})

t.test('a memory takes nothing in any other way', async t => {
  const { table } = tableRig(memory(64))
  t.equal(table.take('a', 1, true), 0)
  table.give('a', 1)
  t.same(table.read('a', 1), { leftUnits: 0, waitMs: 0 })
})

t.test('a memory tells every worker for how long it knows a key, to the millisecond where it is exact', async t => {
  for (const exact of [undefined, true] as const) {
    const { tables: [one, other], pass } = tableRig({ ...memory(64), ...exact && { exact } }, 2)
    t.equal(once(one, 'a', 10_000), true)
    pass(4_000)
    t.equal(other?.read('a', 1).waitMs, 6_000)
    t.equal(other?.read('b', 1).waitMs, 0)
    pass(6_000)
    t.equal(other?.read('a', 1).waitMs, 0)
    t.equal(once(other, 'a', 10_000), exact === true)
  }
})

t.test('a flood of keys does not keep new ones out, but those that may be forgotten as early as what it displaced', async t => {
  const { table, time } = tableRig(memory(1, 400_000))
  t.equal(once(table, 'early', 300_000), true)
  for (let i = 0; i < 1_000; i++) {
    time.nowMs += 200
    t.equal(once(table, `flood ${i}`, 300_000), true)
  }
  t.equal(table.keysCount(), 8)
  t.equal(once(table, 'early', 100_000), false, 'displaced, and not taken again')
  t.equal(once(table, 'never seen, of the same age', 100_000), false)
  t.equal(once(table, 'new', 300_000), true)
  time.nowMs += 301_001
  t.equal(once(table, 'old', 1), true, 'nothing is left of the flood')
})

const moves = fc.array(fc.record({
  worker: fc.nat(2), key: fc.nat(30), passMs: fc.nat(3_000), dies: fc.boolean(), gives: fc.boolean()
}), { maxLength: 200 })

t.test('whoever takes what, gives it back and dies: no key is taken twice within its time', async () => {
  fc.assert(fc.property(moves, fc.constantFrom(1, 16, 64), (steps, keysMax) => {
    const { tables, time, pass, reclaim } = tableRig(memory(keysMax), 3)
    // Each key says of itself when it was made, and holds for 20 s after that.
    const madeMs = new Map<number, number>()
    const taken = new Set<number>()
    /** Who may give it back. */
    const takers = new Map<number, number>()
    for (const { worker, key, passMs, dies, gives } of steps) {
      pass(passMs)
      if (gives && takers.get(key) === worker) {
        tables[worker]?.giveOnce?.(`key ${key}`)
        taken.delete(key)
        takers.delete(key)
      } else if (gives) tables[worker]?.giveOnce?.(`key ${key}`)
      if (dies) {
        reclaim(worker)
        for (const [key, taker] of takers) if (taker === worker) takers.delete(key)
      }
      const made = madeMs.get(key) ?? time.nowMs
      madeMs.set(key, made)
      const leftMs = made + 20_000 - time.nowMs
      if (leftMs <= 0 || !once(tables[worker], `key ${key}`, leftMs)) continue
      if (taken.has(key)) throw new Error(`key ${key} was taken twice`)
      taken.add(key)
      takers.set(key, worker)
    }
  }), { numRuns: 500 })
})

t.test('what was taken stays taken over many turns of 32 bits, and nothing old seems to lie ahead', async t => {
  const dayMs = 86_400_000
  const { table, time, pass } = tableRig(memory(16, dayMs), 1, 2 ** 31 - 5_000)
  t.equal(once(table, 'a', 10_000), true)
  pass(9_000)
  t.equal(once(table, 'a', 1_000), false)
  pass(10_000)
  time.nowMs += 2 ** 31
  t.equal(once(table, 'a', 10_000), true)
  t.equal(table.keysCount(), 1)
})

t.test('a lock that a dead worker held is opened', async t => {
  const { tables: [one], shared, reclaim } = tableRig(memory(1), 2)
  t.equal(once(one, 'a', 10_000), true)
  new Int32Array(shared)[16] = 2
  t.equal(once(one, 'b', 10_000), false, 'nothing is known, so nothing is taken')
  reclaim(1)
  t.equal(once(one, 'b', 10_000), true)
  t.equal(once(one, 'a', 10_000), false)
})
