// Tests of what one connection holds of the budget: whole messages count until they are inflated and delivered.

import t from 'tap'
import { Room } from './room.ts'

const purse = { reserve: () => undefined, release: () => {}, owe: () => {} }
/** A message of ten bytes, in a frame of 16. */
const message = Buffer.concat([Buffer.from([0x82, 0x8a, 0, 0, 0, 0]), Buffer.alloc(10)])

function arrive (room: Room, bytes: Buffer): void {
  room.take(bytes.length)
  room.follow(bytes)
  room.keep(0)
}

t.test('messages that wait to be inflated are held until they are delivered, one after the other', async t => {
  const room = new Room(purse, true)
  arrive(room, message)
  arrive(room, Buffer.concat([message, message.subarray(0, 7)]))
  t.equal(room.reservedBytes, 39)
  room.delivered()
  room.keep(0)
  t.equal(room.reservedBytes, 23)
  room.delivered()
  room.keep(0)
  t.equal(room.reservedBytes, 7)
})

t.test('messages that are delivered at once are not', async t => {
  const room = new Room(purse)
  arrive(room, message)
  t.equal(room.reservedBytes, 0)
  arrive(room, message.subarray(0, 9))
  t.equal(room.reservedBytes, 9)
})
