// One lane at a time per broker, in the order they asked.

import t from 'tap'
import type { Lane } from './lane.ts'
import { Turns } from './turns.ts'

t.test('lanes of one broker take turns, and brokers do not wait for each other', async (t) => {
  const turns = new Turns()
  const ran: string[] = []
  const lane = (name: string): Lane => ({ run: () => { ran.push(name) } }) as Lane
  const [a, b, c, d] = [lane('a'), lane('b'), lane('c'), lane('d')]
  turns.ask(a, 1)
  turns.ask(b, 1)
  turns.ask(c, 2)
  turns.ask(d, 1)
  t.same(ran, ['a', 'c'])
  t.equal(turns.heldCount, 2)
  turns.over(a)
  turns.over(a)
  t.same(ran, ['a', 'c', 'b'], 'a second end of the same turn counts for nothing')
  turns.over(b)
  turns.over(c)
  turns.over(d)
  t.same(ran, ['a', 'c', 'b', 'd'])
  t.equal(turns.heldCount, 0)
  turns.ask(b, 1)
  t.equal(ran.length, 5)
})
