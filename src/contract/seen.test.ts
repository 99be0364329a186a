// Tests of the memory of proofs: nothing is taken twice, whatever has to be forgotten.

import fc from 'fast-check'
import t from 'tap'
import { createSeen } from './seen.ts'

t.test('a proof is taken once, as long as it holds', async t => {
  const seen = createSeen({ holdsMs: 10_000, countMax: 100 })
  t.equal(seen.take('a', 50_000, 50_000), true)
  t.equal(seen.take('a', 50_000, 50_000), false)
  t.equal(seen.take('a', 50_000, 59_999), false)
  t.equal(seen.take('b', 50_000, 59_999), true)
})

t.test('what does not hold any more is forgotten, and not taken either', async t => {
  const seen = createSeen({ holdsMs: 10_000, countMax: 100 })
  for (let i = 0; i < 50; i++) seen.take(`${i}`, i * 1_000, i * 1_000)
  t.ok(seen.keptCount() <= 12, `${seen.keptCount()} are kept`)
  t.equal(seen.take('0', 0, 50_000), false)
  t.equal(seen.take('new', 0, 50_000), false)
})

t.test('without room the oldest stop to hold, and the new ones are taken', async t => {
  const seen = createSeen({ holdsMs: 300_000, countMax: 100 })
  for (let i = 0; i < 1_000; i++) t.equal(seen.take(`${i}`, i * 1_000, i * 1_000), true)
  t.ok(seen.keptCount() <= 100)
  t.equal(seen.take('999', 999_000, 999_000), false, 'kept')
  t.equal(seen.take('800', 800_000, 999_000), false, 'forgotten')
  t.equal(seen.take('late', 800_000, 999_000), false, 'as old as what is forgotten')
  t.equal(seen.take('late', 950_000, 999_000), true)
})

t.test('no order of proofs and times has one taken twice, or more kept than may be', async () => {
  const pastMs = fc.integer({ min: -2_000, max: 12_000 })
  const step = fc.record({ proof: fc.nat(30), pastMs, passesMs: fc.nat(3_000) })
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 20 }), (steps, countMax) => {
    const seen = createSeen({ holdsMs: 10_000, countMax })
    const taken = new Set<string>()
    const madeAt = new Map<string, number>()
    let nowMs = 1_000_000
    for (const { proof, pastMs, passesMs } of steps) {
      nowMs += passesMs
      const name = String(proof)
      // A proof always says the same of itself.
      const atMs = madeAt.get(name) ?? nowMs - pastMs
      madeAt.set(name, atMs)
      if (!seen.take(name, atMs, nowMs)) continue
      if (taken.has(name)) return false
      taken.add(name)
    }
    return seen.keptCount() <= countMax
  }))
})
