// Tests of the heap: whatever is put in, changed and taken out, the first is always the one that belongs first.

import t from 'tap'
import { Heap } from './heap.ts'

interface Item { rank: number }

/** The same numbers each time. */
function createNumbers (): (below: number) => number {
  let seed = 1
  return below => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
}

t.test('the first is the one that comes before all others', async t => {
  const heap = new Heap<Item>((one, other) => one.rank < other.rank)
  const next = createNumbers()
  const items: Item[] = []
  for (let round = 0; round < 5_000; round++) {
    const known = items[next(Math.max(1, items.length))]
    const act = next(4)
    if (known === undefined || act < 2) {
      const item = { rank: next(1_000) }
      items.push(item)
      heap.put(item)
    } else if (act === 2) {
      known.rank = next(1_000)
      heap.put(known)
    } else {
      items.splice(items.indexOf(known), 1)
      heap.delete(known)
      heap.delete(known)
    }
    if (heap.first?.rank === Math.min(...items.map(({ rank }) => rank)) || items.length === 0) continue
    t.fail(`round ${round}: not the first`)
    break
  }
  t.equal(heap.size, items.length)
  const ranks: number[] = []
  for (let first = heap.first; first !== undefined; first = heap.first) {
    ranks.push(first.rank)
    heap.delete(first)
  }
  t.same(ranks, items.map(({ rank }) => rank).toSorted((one, other) => one - other))
})

t.test('to find the first of many takes no look at all of them', async t => {
  let comparedCount = 0
  const heap = new Heap<Item>((one, other) => {
    comparedCount += 1
    return one.rank < other.rank
  })
  const next = createNumbers()
  for (let at = 0; at < 20_000; at++) heap.put({ rank: next(1_000_000) })
  comparedCount = 0
  for (let round = 0; round < 1_000; round++) {
    const { first } = heap
    if (first !== undefined) heap.delete(first)
    heap.put({ rank: next(1_000_000) })
  }
  t.ok(comparedCount < 1_000 * 60, `${comparedCount / 1_000} comparisons a change`)
})
