// The tap finds produce requests and their answers in the bytes of a connection, however these are cut.

import fc from 'fast-check'
import t from 'tap'
import { crc32c } from '../crc32c.ts'
import { ProduceTap } from './produce-tap.ts'
import type { Attempt } from './produce-tap.ts'

const topic = 'orders.eu'

function text (value: string): Buffer {
  const bytes = Buffer.from(value)
  const size = Buffer.alloc(2)
  size.writeInt16BE(bytes.length)
  return Buffer.concat([size, bytes])
}

function int32 (value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function framed (...parts: Buffer[]): Buffer {
  const body = Buffer.concat(parts)
  return Buffer.concat([int32(body.length), body])
}

function request (correlationId: number, partition: number, apiKey = 0): Buffer {
  return requestWith(correlationId, partition, Buffer.alloc(80), apiKey)
}

function requestWith (correlationId: number, partition: number, records: Buffer, apiKey = 0): Buffer {
  return framed(Buffer.from([0, apiKey, 0, 7]), int32(correlationId), text('client'), Buffer.from([0xff, 0xff]),
    Buffer.from([0xff, 0xff]), int32(30_000), int32(1), text(topic), int32(1), int32(partition), framed(records))
}

function answer (correlationId: number, partition: number, code: number, offset: bigint): Buffer {
  const rest = Buffer.alloc(2 + 8 + 8 + 8 + 4)
  rest.writeInt16BE(code, 0)
  rest.writeBigInt64BE(offset, 2)
  return framed(int32(correlationId), int32(1), text(topic), int32(1), int32(partition), rest)
}

interface Told { code: number, offset: number }

function attempt (told: Told[], may = true): Attempt {
  return { payload: () => undefined, mayWrite: () => may, answered: (code, offset) => { told.push({ code, offset }) } }
}

t.test('each answer reaches the attempt that asked, however the bytes are cut', async (t) => {
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 })
  fc.assert(fc.property(cuts, (sizes) => {
    const [first, second]: [Told[], Told[]] = [[], []]
    const tap = new ProduceTap(topic, new Map([[3, attempt(first)], [5, attempt(second)]]))
    tap.request(request(10, 3))
    tap.request(request(11, 0, 3))
    tap.request(request(12, 5))
    const other = framed(int32(11), Buffer.alloc(7))
    const bytes = Buffer.concat([answer(10, 3, 0, 4_294_967_296_123n), other, answer(12, 5, 10, -1n)])
    for (let at = 0, i = 0; at < bytes.length; i++) {
      const size = sizes[i % sizes.length] ?? 1
      tap.received(bytes.subarray(at, at + size))
      at += size
    }
    t.equal(tap.unansweredCount, 0)
    t.same([first, second], [[{ code: 0, offset: 4_294_967_296_123 }], [{ code: 10, offset: -1 }]])
  }), { numRuns: 60 })
})

t.test('what was recalled, or nobody attempts any more, does not go out', async (t) => {
  const tap = new ProduceTap(topic, new Map([[0, attempt([], false)]]))
  t.throws(() => tap.request(request(1, 0)), { message: 'the batch was recalled' })
  t.throws(() => tap.request(request(1, 9)), { message: 'the batch was recalled' })
  t.equal(tap.unansweredCount, 0)
  t.doesNotThrow(() => tap.request(request(1, 0, 18)), 'other requests do')
})

t.test('an answer too short to hold an error code tells nothing', async (t) => {
  const told: Told[] = []
  const tap = new ProduceTap(topic, new Map([[0, attempt(told)]]))
  tap.request(request(1, 0))
  tap.received(framed(int32(1), int32(0)))
  tap.received(Buffer.alloc(4))
  t.same(told, [])
})

t.test('records that follow a request are in its sizes and its checksum', async (t) => {
  const bytes = fc.uint8Array({ maxLength: 60 }).map((each) => Buffer.from(each))
  fc.assert(fc.property(bytes, fc.integer({ min: 0, max: 1_000 }), (payload, partition) => {
    // The head of a record batch that kafkajs made without records: sizes for what is there, a count at its end.
    const head = Buffer.from(Array.from({ length: 61 }, (_, at) => at))
    head.writeInt32BE(head.length - 12, 8)
    const sent = requestWith(7, partition, head)
    const headAt = sent.length - head.length
    const attempts = new Map([[partition, { ...attempt([]), payload: () => payload }]])
    t.equal(new ProduceTap(topic, attempts).request(sent), payload)
    const whole = Buffer.concat([sent, payload])
    t.equal(whole.readInt32BE(0), whole.length - 4, 'of the request')
    t.equal(whole.readInt32BE(headAt - 4), whole.length - headAt, 'of the record set')
    t.equal(whole.readInt32BE(headAt + 8), whole.length - headAt - 12, 'of the batch')
    t.equal(whole.readUInt32BE(headAt + 17), crc32c(whole.subarray(headAt + 21), 0))
    head.copy(whole, headAt)
    const again = Buffer.concat([requestWith(7, partition, head), payload])
    again.writeInt32BE(whole.readInt32BE(0), 0)
    again.writeInt32BE(whole.readInt32BE(headAt - 4), headAt - 4)
    t.same(whole, again, 'all else stays')
  }), { numRuns: 100 })
})
