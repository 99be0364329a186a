// Tests of the framing: every message is announced once and comes whole, however its bytes are cut.

import t from 'tap'
import fc from 'fast-check'
import { framed } from '../../test/support/grpc-rig.ts'
import { Framing } from './framing.ts'

t.test('messages are announced and come as they are framed, wherever the bytes are cut', async () => {
  const messages = fc.array(fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.boolean()), { maxLength: 20 })
  fc.assert(fc.property(messages, fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1 }), (list, cuts) => {
    const bytes = Buffer.concat(list.map(([message, compressed]) => framed(Buffer.from(message), compressed)))
    const announced: [number, boolean][] = []
    const whole: Buffer[] = []
    let pieces: Buffer[] = []
    const framing = new Framing({
      announced (length, compressed) { announced.push([length, compressed]) },
      piece (chunk, start, end, isLast) {
        pieces.push(chunk.subarray(start, end))
        if (!isLast) return
        whole.push(Buffer.concat(pieces))
        pieces = []
      }
    })
    for (let at = 0, turn = 0; at < bytes.length; turn++) {
      const size = cuts[turn % cuts.length] ?? 1
      framing.take(bytes.subarray(at, at + size))
      at += size
    }
    const expected = list.map(([{ length }, compressed]) => [length, compressed])
    return framing.between && JSON.stringify(announced) === JSON.stringify(expected) && whole.length === list.length &&
      whole.every((message, at) => message.equals(list[at]?.[0] ?? Buffer.alloc(0)))
  }))
})

t.test('a message is announced when its length is there, and not when it is complete', async t => {
  const heard: number[] = []
  const framing = new Framing({ announced (length) { heard.push(length) }, piece () {} })
  const bytes = framed(Buffer.alloc(100))
  t.equal(framing.take(bytes.subarray(0, 2)), true)
  t.equal(framing.take(bytes.subarray(2, 4)), false, 'a part of a prefix neither begins nor ends a message')
  t.same(heard, [])
  t.equal(framing.take(bytes.subarray(4, 6)), true)
  t.same(heard, [100])
  t.equal(framing.take(bytes.subarray(6, 50)), false)
  t.equal(framing.between, false)
  t.equal(framing.take(bytes.subarray(50)), true)
  t.equal(framing.between, true)
})
