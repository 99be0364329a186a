// The list of what is under way: members leave in any order, twice does no harm, and its end is heard.

import t from 'tap'
import { LiveList } from './live-list.ts'

t.test('members leave in any order and keep their places', async t => {
  const list = new LiveList<{ name: string, liveAt: number }>()
  const [a, b, c] = ['a', 'b', 'c'].map(name => ({ name, liveAt: -1 })) as [never, never, never]
  for (const one of [a, b, c]) list.begin(one)
  list.end(a)
  list.end(a)
  t.same(list.all.map(({ name, liveAt }) => [name, liveAt]), [['c', 0], ['b', 1]])
  list.end(b)
  list.end(c)
  t.same(list.all, [])
})

t.test('its end is heard by all who wait, and at once where nothing is listed', async t => {
  const list = new LiveList<{ liveAt: number }>()
  await list.idle()
  const one = { liveAt: -1 }
  list.begin(one)
  let heardCount = 0
  const waiting = [1, 2].map(() => list.idle().then(() => { heardCount += 1 }))
  await Promise.resolve()
  t.equal(heardCount, 0)
  list.end(one)
  await Promise.all(waiting)
  t.equal(heardCount, 2)
})

t.test('a round visits each that stays once, in steps that lie apart', async t => {
  const list = new LiveList<{ name: number, liveAt: number }>()
  const members = Array.from({ length: 100 }, (_, name) => ({ name, liveAt: -1 }))
  for (const one of members) list.begin(one)
  const visited: number[] = []
  list.round(33, ({ name }) => {
    visited.push(name)
    // The last one takes its place.
    if (name === 90) list.end(members[90] as never)
  })
  t.same(visited, Array.from({ length: 20 }, (_, at) => at * 5), 'those that began together are not visited together')
  list.begin({ name: 100, liveAt: -1 })
  list.end(members[4] as never)
  while (visited.length < 99) {
    list.round(33, () => { t.fail('there is a round already') })
    await new Promise<void>(resolve => { setImmediate(resolve) })
  }
  t.same([...visited].sort((a, b) => a - b), members.map(({ name }) => name).filter(name => name !== 4))
  list.round(1_000, ({ name }) => { visited.push(name) })
  t.equal(visited.length, 109, 'ten at least in a step')
})

t.test('a round of nobody is over at once', t => {
  const list = new LiveList<{ liveAt: number }>()
  list.round(10, () => { t.fail('nobody is here') })
  const one = { liveAt: -1 }
  list.begin(one)
  let visitedCount = 0
  list.round(10, () => { visitedCount += 1 })
  t.equal(visitedCount, 1)
  t.end()
})
