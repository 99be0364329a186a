// Tests of what requests share: ids, the coarse clock, who is told of the end.

import t from 'tap'
import { FakeIngress } from '../../test/support/fake-ingress.ts'
import { silentLog } from '../../test/support/odd-envelopes.ts'
import { restDefaults, until } from '../../test/support/rest-rig.ts'
import { Door } from './door.ts'
import type { Live } from './door.ts'

t.test('a request id is the one received where it is sane, else short and never the same', async t => {
  const door = new Door(restDefaults, new FakeIngress(), silentLog)
  t.equal(door.requestId('abc-1:2/3'), 'abc-1:2/3')
  const made = new Set([undefined, '', 'a b', 'x'.repeat(129), '\u00e9', 'a"'].map(id => door.requestId(id)))
  t.equal(made.size, 6)
  for (const id of made) t.match(id, /^[A-Za-z0-9_-]{8}-[0-9a-z]+$/)
  const other = new Door(restDefaults, new FakeIngress(), silentLog)
  t.not(door.requestId(undefined).slice(0, 8), other.requestId(undefined).slice(0, 8))
})

t.test('requests under way are swept and told of the end, the others are not', async t => {
  const ingress = new FakeIngress()
  const door = new Door({ ...restDefaults, bodyIdleTimeoutMs: 80 }, ingress, silentLog)
  t.equal(door.sweepMs, 20)
  t.equal(door.ticks(50), 3)
  const told: string[] = []
  const live: Live = { liveAt: -1, sweep (tick) { told.push(`tick ${tick}`) }, drain () { told.push('drain') } }
  door.begin(live)
  door.start()
  door.start()
  await until(() => told.length >= 2)
  t.same(told.slice(0, 2), ['tick 1', 'tick 2'])
  ingress.draining.set(true)
  t.ok(told.includes('drain'))
  let drained = false
  const draining = door.drain().then(() => { drained = true })
  await new Promise(resolve => { setImmediate(resolve) })
  t.equal(drained, false)
  door.end(live)
  await draining
  t.equal(drained, true)
})

t.test('requests end in any order, twice or without a beginning, and the others stay under way', async t => {
  const ingress = new FakeIngress()
  const door = new Door(restDefaults, ingress, silentLog)
  let told: number[] = []
  const made = Array.from({ length: 6 }, (_, at): Live => ({ liveAt: -1, sweep () {}, drain () { told.push(at) } }))
  const end = (at: number): void => { const one = made[at]; if (one !== undefined) door.end(one) }
  for (const one of made.slice(0, 5)) door.begin(one)
  door.start()
  for (const at of [1, 4, 1, 5, 0]) end(at)
  t.equal(door.liveCount, 2)
  ingress.draining.set(true)
  t.same(told.sort(), [2, 3])
  told = []
  for (const at of [3, 2]) end(at)
  t.equal(door.liveCount, 0)
  await door.drain()
})
