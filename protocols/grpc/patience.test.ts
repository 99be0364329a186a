// Tests of waiting for memory: nothing is lost or overtakes, nothing is kept that was reserved, also in mid-message.

import t from 'tap'
import fc from 'fast-check'
import { refuse } from '../../src/contract/outcome.ts'
import { startGrpc } from '../../test/support/grpc-rig.ts'
import { until } from '../../test/support/rest-rig.ts'
import { Patience } from './patience.ts'

const full = refuse('overloaded', 'no memory')

t.test('messages come out in order, each with its bytes, however often there is no room', async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 20 })
  fc.assert(fc.property(sizes, fc.array(fc.boolean(), { minLength: 1, maxLength: 60 }), (list, rooms) => {
    let heldBytes = 0
    let turn = 0
    const patience = new Patience({
      take (bytes) {
        // There is room in the end.
        if (turn < 200 && rooms[turn++ % rooms.length] === false) return full
        heldBytes += bytes
        return undefined
      },
      give (bytes) { heldBytes -= bytes }
    })
    const seen: number[] = []
    for (const size of list) patience.announce(size, 0)
    for (let round = 0; round < 500 && seen.length < list.length; round++) {
      patience.retry()
      while (patience.isPaid) {
        const bytes = patience.next()
        seen.push(bytes)
        heldBytes -= bytes
      }
    }
    return JSON.stringify(seen) === JSON.stringify(list) && heldBytes === 0 && !patience.waits && patience.empty
  }))
})

t.test('what waits too long is told, and dropped with everything reserved', async t => {
  let heldBytes = 0
  let room = true
  const patience = new Patience({
    take: bytes => { if (!room) return full; heldBytes += bytes; return undefined },
    give: bytes => { heldBytes -= bytes }
  })
  patience.announce(10, 5)
  room = false
  patience.announce(20, 5)
  t.equal(patience.late(6, 3), undefined)
  t.equal(patience.late(9, 3), full)
  t.equal(heldBytes, 10)
  patience.drop()
  t.equal(heldBytes, 0)
})

t.test('a message of many frames waits in its middle, and others behind it', async t => {
  const { sender, ingress } = await startGrpc(t)
  let refusedCount = 0
  ingress.reservation = bytes => {
    if (bytes < 100_000 || refusedCount > 3) return undefined
    refusedCount += 1
    return full
  }
  const stream = sender.stream()
  const sizes = [10, 300_000, 20, 400_000, 30]
  for (const [index, size] of sizes.entries()) stream.send(index + 1, { channel: 'orders/eu', data: Buffer.alloc(size) })
  stream.end()
  t.equal((await stream.ended).code, 0)
  t.equal(stream.acked, 5)
  t.same(ingress.envelopes.map(({ data }) => data?.length), sizes)
  t.ok(refusedCount > 3)
  await until(() => ingress.reservedBytes === 0)
})

t.test('while a large message has no room, not more than a frame of it is held', async t => {
  const { sender, ingress, level } = await startGrpc(t, { streamIdleTimeoutMs: 400 })
  ingress.reservation = bytes => bytes > 1_000_000 ? full : undefined
  const stream = sender.stream()
  stream.send(1, { channel: 'orders/eu', data: Buffer.from('1') })
  stream.send(2, { channel: 'orders/eu', data: Buffer.alloc(3_000_000) })
  t.match(await stream.ended, { code: 14, told: 'overloaded' })
  t.equal(stream.acked, 1)
  await until(() => level('calls_in_flight') === 0)
  t.equal(ingress.reservedBytes, 0)
})
