// Tests of the judge of limits: it finds planted violations, and accuses no bucket that kept its promise.

import t from 'tap'
import { deniedUnits, excessUnits } from './limit-trace.ts'
import type { Decision } from './limit-trace.ts'

const promised = { unitsPerSecondMax: 1_000, burstUnits: 10 }

function at (ms: number, grantedUnits: number, askedUnits = grantedUnits): Decision {
  return { beforeMs: ms, afterMs: ms, askedUnits, grantedUnits }
}

/** A bucket that keeps its promise, asked at random times for random parts, as three threads that wait see it. */
function honest (count: number, jitterMs: number): Decision[] {
  let state = 7
  const random = (): number => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647
  let nowMs = 100
  let levelUnits = promised.burstUnits
  return Array.from({ length: count }, () => {
    const passedMs = random() * 4
    nowMs += passedMs
    levelUnits = Math.min(promised.burstUnits, levelUnits + passedMs * promised.unitsPerSecondMax / 1e3)
    const askedUnits = 1 + Math.floor(random() * 6)
    const grantedUnits = Math.min(askedUnits, Math.floor(levelUnits))
    levelUnits -= grantedUnits
    return { beforeMs: nowMs - random() * jitterMs, afterMs: nowMs + random() * jitterMs, askedUnits, grantedUnits }
  })
}

t.test('a bucket that keeps its promise is not accused, however little is known of its times', async t => {
  for (const jitterMs of [0, 0.1, 3, 50]) {
    const decisions = honest(5_000, jitterMs)
    t.ok(excessUnits(decisions, promised) <= 1e-6, `${jitterMs} ms: ${excessUnits(decisions, promised)} too many`)
    t.ok(deniedUnits(decisions, promised) < 1 + 1e-6, `${jitterMs} ms: ${deniedUnits(decisions, promised)} denied`)
  }
})

t.test('one unit too many in any stretch is found', async t => {
  t.equal(excessUnits([at(0, 10), at(1, 1)], promised), 0)
  t.equal(excessUnits([at(0, 10), at(1, 2)], promised), 1)
  t.equal(excessUnits([at(0, 1), at(500, 10), at(505, 6)], promised), 1, 'not only from the beginning')
  const decisions = honest(5_000, 0.01)
  const planted = decisions.flatMap((one, place) => place === 2_500 ? [one, at(one.afterMs, 11)] : one)
  t.ok(excessUnits(planted, promised) > 0.9)
})

t.test('a refusal while there was room is found', async t => {
  t.equal(deniedUnits([at(0, 10), at(1, 0, 1)], promised), 1, 'the unit of this millisecond')
  t.equal(deniedUnits([at(0, 10), at(0.5, 0, 1)], promised), 0.5, 'not a whole one')
  t.equal(deniedUnits([at(0, 10), at(5, 2, 4)], promised), 3, 'a part of what was there')
  const [decisions, last] = [honest(5_000, 0.01), 100 + 5_000 * 4]
  t.equal(deniedUnits([...decisions, at(last + 20, 0, 1)], promised), 10)
})
