// The node-wide byte budget: its cap holds over workers, and a dead worker's share comes back.

import t from 'tap'
import { blockBytes, createBudget, createBudgetCells, reclaim } from './budget.ts'

t.test('a budget is never exceeded, whatever mix of sizes two workers take', async t => {
  const cells = createBudgetCells(2)
  const bytesMax = 20 * blockBytes
  const workers = [createBudget(cells, 0, bytesMax), createBudget(cells, 1, bytesMax)]
  const held: number[][] = [[], []]
  let seed = 7
  const random = (): number => { seed = (seed * 48271) % 2147483647; return seed / 2147483647 }
  for (let step = 0; step < 20_000; step++) {
    const which = random() < 0.5 ? 0 : 1
    const worker = workers[which]
    const mine = held[which]
    if (worker === undefined || mine === undefined) throw new Error('no such worker')
    if (random() < 0.55) {
      const bytes = Math.floor(random() * 3 * blockBytes)
      if (worker.take(bytes)) mine.push(bytes)
    } else {
      const bytes = mine.pop()
      if (bytes !== undefined) worker.give(bytes)
    }
    const usedBytes = workers.reduce((sum, one) => sum + one.usedBytes(), 0)
    if (usedBytes > bytesMax) t.fail(`used ${usedBytes} of ${bytesMax}`)
  }
  for (const [which, mine] of held.entries()) for (const bytes of mine) workers[which]?.give(bytes)
  t.equal(workers[0]?.usedBytes(), 0)
  t.ok((workers[0]?.leasedBytes() ?? Infinity) <= 2 * blockBytes, 'at most one spare block per worker stays leased')
})

t.test('the whole budget can be used by one worker and then refuses', async t => {
  const one = createBudget(createBudgetCells(2), 0, 4 * blockBytes)
  t.ok(one.take(4 * blockBytes))
  t.notOk(one.take(1))
  one.give(4 * blockBytes)
  t.ok(one.take(3 * blockBytes))
})

t.test('what a dead worker held is free for the others after reclaim', async t => {
  const cells = createBudgetCells(2)
  const dead = createBudget(cells, 0, 4 * blockBytes)
  const alive = createBudget(cells, 1, 4 * blockBytes)
  t.ok(dead.take(4 * blockBytes))
  t.notOk(alive.take(1))
  reclaim(cells, 0)
  t.ok(alive.take(4 * blockBytes))
})

t.test('giving back more than was taken is a bug and says so', async t => {
  const one = createBudget(createBudgetCells(1), 0, 4 * blockBytes)
  t.ok(one.take(10))
  t.throws(() => one.give(11), { message: /more were given back/ })
})

t.test('what is charged counts for all, also above the limit, until it is given back', async t => {
  const cells = createBudgetCells(2)
  const [one, other] = [createBudget(cells, 0, 2 * blockBytes), createBudget(cells, 1, 2 * blockBytes)]
  t.equal(one.take(2 * blockBytes), true)
  one.charge(blockBytes)
  t.equal(one.usedBytes(), 3 * blockBytes)
  t.equal(other.leasedBytes(), 3 * blockBytes)
  t.equal(other.take(1), false)
  one.give(3 * blockBytes)
  t.equal(other.take(1), true)
})
