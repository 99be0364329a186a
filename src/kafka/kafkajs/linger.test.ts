// Lanes wait for company only where it is likely to come.

import t from 'tap'
import type { Lane } from './lane.ts'
import { Linger } from './linger.ts'

function lane (lastCount: number): { lane: Lane, went: () => number } {
  let count = 0
  return { lane: { lastCount, lingered: () => { count++ } } as unknown as Lane, went: () => count }
}

t.test('without a time, and for a lane with one sender, only this turn of the event loop is waited for', async (t) => {
  const [alone, busy, none] = [lane(1), lane(20), lane(20)]
  const linger = new Linger(3_600_000)
  linger.add(alone.lane)
  linger.add(busy.lane)
  new Linger(0).add(none.lane)
  t.same([alone.went(), busy.went(), none.went()], [0, 0, 0])
  await new Promise(setImmediate)
  t.same([alone.went(), busy.went(), none.went()], [1, 0, 1])
  linger.flush()
  t.equal(busy.went(), 1)
})

t.test('a lane with many senders goes when the time is over', async (t) => {
  const startMs = performance.now()
  await new Promise<void>((resolve) => {
    new Linger(20).add({ lastCount: 20, lingered: resolve } as unknown as Lane)
  })
  t.ok(performance.now() - startMs >= 18)
})
