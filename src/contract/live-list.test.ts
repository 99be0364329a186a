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
