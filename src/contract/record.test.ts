// Records in Kafka's layout: bytes by hand, round trips, and bytes that are no record.

import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import {
  approximateBytes, decodeRecord, encodeRecord, recordBytes, recordBytesMax, recordOverheadBytes, varintBytes,
  writeVarint
} from './record.ts'
import type { SinkRecord } from './sink.ts'

function recordOf (parts: Partial<SinkRecord>): SinkRecord {
  return { topic: 'orders', key: null, value: null, headers: [], timestampMs: 0, id: '', source: '', ...parts }
}

function encode (record: SinkRecord, timestampDeltaMs = 0, offsetDelta = 0): Buffer {
  const into = Buffer.alloc(recordBytes(record, timestampDeltaMs, offsetDelta))
  const end = encodeRecord(record, into, 0, timestampDeltaMs, offsetDelta)
  if (end !== into.length) throw new Error(`told ${into.length} bytes, wrote ${end}`)
  return into
}

t.test('varints are zigzag, least significant group first', async t => {
  const table: [number, string][] = [
    [0, '00'], [-1, '01'], [1, '02'], [63, '7e'], [-64, '7f'], [64, '8001'], [-65, '8101'], [8_191, 'fe7f'],
    [300, 'd804'], [0x7fffffff, 'feffffff0f'], [-0x80000000, 'ffffffff0f'], [0x80000000, '8080808010'],
    [-0x80000001, '8180808010'], [2 ** 53, '8080808080808020'], [-(2 ** 53), 'ffffffffffffff1f']
  ]
  for (const [value, hex] of table) {
    const into = Buffer.alloc(10)
    const end = writeVarint(into, 0, value)
    t.equal(into.toString('hex', 0, end), hex, String(value))
    t.equal(varintBytes(value), end, `size of ${value}`)
  }
})

t.test('a record has the layout of message format v2', async t => {
  const record = recordOf({ key: Buffer.from('k'), value: Buffer.from('vv'), headers: ['h', Buffer.from('x'), 'é', 'y'] })
  t.equal(encode(record, 100, 2).toString('hex'), '26' + '00' + 'c801' + '04' + '026b' + '047676' + '04' +
    '0268' + '0278' + '04c3a9' + '0279')
  t.equal(encode(recordOf({})).toString('hex'), '0c' + '00' + '00' + '00' + '01' + '01' + '00', 'null key and value are -1')
  t.equal(encode(recordOf({ key: Buffer.alloc(0), value: Buffer.alloc(0) })).toString('hex'), '0c000000000000')
})

t.test('it is written at its place and nowhere else', async t => {
  const record = recordOf({ value: Buffer.from('v') })
  const into = Buffer.alloc(20, 0xee)
  const end = encodeRecord(record, into, 5, 0, 0)
  t.equal(end, 5 + recordBytes(record, 0, 0))
  t.ok(into.subarray(0, 5).every(byte => byte === 0xee))
  t.ok(into.subarray(end).every(byte => byte === 0xee))
  t.equal(decodeRecord(into, 5, 0)?.end, end)
})

const bytes = fc.uint8Array({ maxLength: 300 }).map(array => Buffer.from(array))
const text = fc.string({ unit: 'grapheme', maxLength: 200 })
const anyRecord = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  headers: fc.array(fc.tuple(text, fc.oneof(text, bytes)), { maxLength: 8 }),
  id: text,
  idName: fc.option(text, { nil: undefined }),
  deltaMs: fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.constantFrom(2 ** 53, -(2 ** 53), 2 ** 31, -(2 ** 31) - 1)),
  offsetDelta: fc.nat()
})

t.test('what is encoded is decoded the same', async t => {
  fc.assert(fc.property(anyRecord, ({ key, value, headers, id, idName, deltaMs, offsetDelta }) => {
    const record = recordOf({ key, value, headers: headers.flat(), id, idName })
    const into = Buffer.alloc(recordBytes(record, deltaMs, offsetDelta))
    if (into.length > recordBytesMax(record)) return false
    const end = encodeRecord(record, into, 0, deltaMs, offsetDelta)
    const decoded = decodeRecord(into, 0, 0)
    const all = idName === undefined ? headers : [[idName, id] as const, ...headers]
    const parts = all.map(([name, part]) => [name, Buffer.from(part)])
    return end === into.length &&
      isDeepStrictEqual(decoded, { key, value, headers: parts, timestampMs: deltaMs, offsetDelta, end })
  }), { numRuns: 1_000 })
  t.pass('no counterexample')
})

t.test('lengths that text makes longer than its characters are right', async t => {
  // Around each size where a varint grows, with one byte, two and three bytes per character.
  for (const length of [1, 20, 21, 22, 31, 32, 33, 62, 63, 64, 65, 2_730, 2_731, 4_095, 4_096, 8_191, 8_192]) {
    for (const letter of ['a', 'é', '€']) {
      const value = letter.repeat(length)
      const decoded = decodeRecord(encode(recordOf({ headers: [value, value, 'n', 'v'] })), 0, 0)
      if (decoded?.headers[0]?.[1].toString() !== value || decoded.headers[1]?.[0] !== 'n') t.fail(`${length} of ${letter}`)
    }
  }
  t.pass('all lengths')
})

t.test('lone surrogates are written as the replacement character', async t => {
  const decoded = decodeRecord(encode(recordOf({ headers: ['h', 'a\ud800b'] })), 0, 0)
  t.equal(decoded?.headers[0]?.[1].toString(), 'a\ufffdb')
})

t.test('a null header value is read as no bytes', async t => {
  const decoded = decodeRecord(Buffer.from('12' + '00' + '00' + '00' + '01' + '01' + '02' + '0268' + '01', 'hex'), 0, 7)
  t.same(decoded?.headers, [['h', Buffer.alloc(0)]])
  t.equal(decoded?.timestampMs, 7)
})

t.test('bytes that are not one whole record are malformed', async t => {
  const whole = encode(recordOf({ key: Buffer.from('key'), value: Buffer.from('value'), headers: ['a', 'b', 'c', 'd'] }), 5, 1)
  for (let end = 0; end < whole.length; end++) {
    t.equal(decodeRecord(whole.subarray(0, end), 0, 0), undefined, `cut at ${end}`)
  }
  const table: [string, string][] = [
    ['no length', ''],
    ['a length of zero', '00'],
    ['a negative length', '01'],
    ['a length beyond the bytes', '7e00'],
    ['a length that ends in the middle', '0a000000010100'],
    ['bytes left over', '0e0000000101000000'],
    ['a key length of -2', '0c000000030100'],
    ['a header without a name', '1000000001010201' + '01'],
    ['more headers than bytes', '0c00000001017e'],
    ['a negative header count', '0c000000010101'],
    ['a varint without an end', 'ffffffffffffffffffffffff'],
    ['a varint above 2^53', '1c' + '00' + 'ffffffffffffffff7f' + '00' + '01' + '01' + '00']
  ]
  for (const [name, hex] of table) t.equal(decodeRecord(Buffer.from(hex, 'hex'), 0, 0), undefined, name)
  t.equal(decodeRecord(whole, whole.length + 5, 0), undefined, 'a place behind the bytes')
})

t.test('decoding never throws, whatever the bytes', async t => {
  const seed = encode(recordOf({ key: Buffer.from('key'), headers: ['name', 'value'] }), 1_000, 3)
  const noise = fc.oneof(bytes, fc.tuple(fc.nat(seed.length - 1), fc.nat(255)).map(([at, byte]) => {
    const broken = Buffer.from(seed)
    broken[at] = byte
    return broken
  }))
  fc.assert(fc.property(noise, fc.nat(8), (noise, at) => {
    const decoded = decodeRecord(noise, at, 0)
    return decoded === undefined || decoded.end <= noise.length
  }), { numRuns: 3_000 })
  t.pass('no counterexample')
})

t.test('the budget size grows with every part', async t => {
  const empty = approximateBytes(recordOf({}))
  t.equal(empty, recordOverheadBytes + 'orders'.length)
  const full = approximateBytes(recordOf({ key: Buffer.alloc(10), value: Buffer.alloc(100), headers: ['name', Buffer.alloc(50)] }))
  t.ok(full >= empty + 164)
  t.ok(approximateBytes(recordOf({ id: 'an id', idName: 'ce_id' })) >= empty + 10)
})
