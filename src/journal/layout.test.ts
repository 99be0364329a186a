// The bytes of headers, frames and marks: what goes in comes out, and anything changed is noticed.

import fc from 'fast-check'
import t from 'tap'
import { decodeRecord, encodeRecord, recordBytes } from '../contract/record.ts'
import type { SinkRecord } from '../contract/sink.ts'
import {
  claimedBytes, decodeHeader, decodeMark, encodeHeader, encodeMark, frameHolds, frameOverheadBytes, headerBytes,
  markBytes, nameOf, numberOf, readHead, recordOffset, sealFrame, writeHead
} from './layout.ts'

const headers = fc.record({
  number: fc.integer({ min: 1, max: 2 ** 50 }), createdMs: fc.integer({ min: 0, max: 2 ** 50 }),
  previousBytes: fc.integer({ min: 0, max: 2 ** 50 }), syncWord: fc.integer({ min: 0, max: 2 ** 32 - 1 })
})

t.test('a header comes back as it was written, and no header with a changed bit does', async t => {
  fc.assert(fc.property(headers, fc.nat(headerBytes * 8 - 1), (header, bit) => {
    const bytes = encodeHeader(header)
    t.same(decodeHeader(bytes), { kind: 'header', header }, { bail: true })
    bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return decodeHeader(bytes).kind !== 'header'
  }), { numRuns: 200 })
  t.equal(decodeHeader(Buffer.alloc(headerBytes)).kind, 'damaged')
  t.equal(decodeHeader(Buffer.alloc(3)).kind, 'damaged')
})

t.test('a header of another format version says which', async t => {
  const bytes = encodeHeader({ number: 1, createdMs: 0, previousBytes: 0, syncWord: 1 })
  bytes.writeUInt32BE(7, 8)
  t.same(decodeHeader(bytes), { kind: 'unknown-format', format: 7 })
})

const payload = fc.option(fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes)), { nil: null })
const records: fc.Arbitrary<SinkRecord> = fc.record({
  topic: fc.string({ unit: 'binary', maxLength: 40 }), key: payload, value: payload,
  headers: fc.array(fc.string({ maxLength: 10 }), { maxLength: 6 }).filter(list => list.length % 2 === 0),
  timestampMs: fc.integer({ min: 0, max: 2 ** 50 }), id: fc.constant(''), source: fc.constant('')
})

function frameOf (record: SinkRecord, at: number, syncWord: number): Buffer {
  const topicBytes = Buffer.byteLength(record.topic)
  const end = at + frameOverheadBytes + topicBytes + recordBytes(record, 0, 0)
  const bytes = Buffer.alloc(end)
  writeHead(bytes, at, record, topicBytes)
  encodeRecord(record, bytes, at + recordOffset(topicBytes), 0, 0)
  sealFrame(bytes, at, end, syncWord)
  return bytes
}

t.test('a frame holds what was put in, at any place, and a changed bit never passes', async t => {
  t.doesNotThrow(() => fc.assert(fc.property(records, fc.nat(50), fc.nat(), (record, at, flip) => {
    const bytes = frameOf(record, at, 0xdecafbad)
    const total = claimedBytes(bytes, at, 0xdecafbad)
    if (total !== bytes.length - at || !frameHolds(bytes, at, total)) return false
    const head = readHead(bytes, at)
    const decoded = decodeRecord(bytes, head.recordAt, head.timestampMs)
    const text = (part: string | Buffer | undefined): string => String(part)
    const same = decoded !== undefined && head.topic === record.topic && head.timestampMs === record.timestampMs &&
      Buffer.compare(decoded.key ?? Buffer.from('null'), record.key ?? Buffer.from('null')) === 0 &&
      Buffer.compare(decoded.value ?? Buffer.from('null'), record.value ?? Buffer.from('null')) === 0 &&
      decoded.headers.flat().map(text).join() === record.headers.map(text).join()
    const bit = flip % (total * 8)
    const changed = at + (bit >> 3)
    bytes[changed] = (bytes[changed] ?? 0) ^ (1 << (bit & 7))
    const claimed = claimedBytes(bytes, at, 0xdecafbad)
    return same && (claimed === 0 || at + claimed > bytes.length || !frameHolds(bytes, at, claimed))
  }), { numRuns: 500 }))
})

t.test('a mark comes back, and half of one does not', async t => {
  const bytes = Buffer.alloc(markBytes)
  t.equal(decodeMark(bytes), undefined)
  encodeMark(bytes, { segment: 7, bytes: 123_456 })
  t.same(decodeMark(bytes), { segment: 7, bytes: 123_456 })
  bytes.writeUInt8(1, 14)
  t.equal(decodeMark(bytes), undefined)
  t.equal(decodeMark(Buffer.alloc(3)), undefined)
})

t.test('a segment\'s file is named so that names sort like numbers, and nothing else is taken for one', async t => {
  t.equal(nameOf(7), '0000000007.log')
  t.equal(numberOf('0000000007.log'), 7)
  t.equal(numberOf('12345678901.log'), 12_345_678_901)
  for (const name of ['7.log', '0000000007.log.suspect', '00000000007.log', 'notes.log', '0000000007.log~', 'lock']) {
    t.equal(numberOf(name), undefined, name)
  }
})
