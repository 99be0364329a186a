// Tests of the packet ids of a session: known until released, few or many, in memory that does not grow with them.

import t from 'tap'
import { manyIdsBytes, PacketIds } from './packet-ids.ts'

function take (ids: PacketIds, packetId: number): void {
  ids.open(packetId)
  if (ids.settle(packetId)) ids.take(packetId)
}

t.test('an id is pending, then taken, then free', async t => {
  const ids = new PacketIds()
  t.equal(ids.known(9), undefined)
  ids.open(9)
  t.equal(ids.known(9), false)
  t.equal(ids.pendingCount, 1)
  t.equal(ids.settle(9), true)
  t.equal(ids.settle(9), false)
  ids.take(9)
  ids.take(9)
  t.equal(ids.known(9), true)
  t.equal(ids.count, 1)
  ids.release(9)
  ids.release(9)
  t.equal(ids.known(9), undefined)
  t.equal(ids.count, 0)
})

t.test('few ids cost nothing, and many as much as all of them', async t => {
  const ids = new PacketIds()
  const all = Array.from({ length: 8_190 }, (_, at) => 65_535 - at * 8)
  const some = all.slice(0, 32)
  for (const id of some) take(ids, id)
  t.equal(ids.bytes, 0)
  for (const id of all) if (id > 0 && !some.includes(id)) take(ids, id)
  t.equal(ids.bytes, manyIdsBytes)
  const taken = all.filter(id => id > 0)
  t.equal(ids.count, taken.length)
  t.same(ids.taken(), taken.toSorted((one, other) => one - other))
  t.equal(ids.known(65_535), true)
  t.equal(ids.known(65_534), undefined)
  for (const id of taken.slice(16)) ids.release(id)
  t.equal(ids.bytes, 0, 'few again')
  t.same(ids.taken(), taken.slice(0, 16).toSorted((one, other) => one - other))
  for (const id of taken.slice(0, 16)) ids.release(id)
  t.same(ids.taken(), [])
  t.equal(ids.count, 0)
})

t.test('one id that comes and goes does not change the form each time', async t => {
  const ids = new PacketIds()
  for (let id = 1; id <= 32; id++) take(ids, id)
  const sizes = new Set<number>()
  for (let round = 0; round < 10; round++) {
    take(ids, 33)
    sizes.add(ids.bytes)
    ids.release(33)
    sizes.add(ids.bytes)
  }
  t.same([...sizes], [manyIdsBytes])
})
