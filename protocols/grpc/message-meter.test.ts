// Tests of the meter: every message is announced once, however its bytes are cut.

import t from 'tap'
import fc from 'fast-check'
import { MessageMeter } from './message-meter.ts'

function frame (length: number, compressed: boolean): Buffer {
  const bytes = Buffer.alloc(5 + length, 0xff)
  bytes.writeUInt8(compressed ? 1 : 0, 0)
  bytes.writeUInt32BE(length, 1)
  return bytes
}

t.test('messages are announced as they are framed, wherever the bytes are cut', async () => {
  const messages = fc.array(fc.tuple(fc.nat(300), fc.boolean()), { maxLength: 20 })
  fc.assert(fc.property(messages, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (list, cuts) => {
    const bytes = Buffer.concat(list.map(([length, compressed]) => frame(length, compressed)))
    const heard: [number, boolean][] = []
    const meter = new MessageMeter({ announced: (length, compressed) => { heard.push([length, compressed]) } })
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = cuts[turn % cuts.length] ?? 1
      meter.take(bytes.subarray(at, at + size))
      at += size
    }
    return meter.between && JSON.stringify(heard) === JSON.stringify(list)
  }))
})

t.test('a message is announced when its length is there, and not when it is complete', async t => {
  const heard: number[] = []
  const meter = new MessageMeter({ announced: length => { heard.push(length) } })
  const bytes = frame(100, false)
  meter.take(bytes.subarray(0, 4))
  t.same(heard, [])
  meter.take(bytes.subarray(4, 6))
  t.same(heard, [100])
  t.equal(meter.between, false)
  meter.take(bytes.subarray(6))
  t.equal(meter.between, true)
})
