// Records of binary messages: what is read from them, and that no bytes make the reader throw or read beyond its end.

import t from 'tap'
import fc from 'fast-check'
import { varint } from '../../test/support/websocket-rig.ts'
import { flags, newRecord, readRecord } from './binary-frame.ts'

const textOf = (text: string): number[] => [...varint(Buffer.byteLength(text)), ...Buffer.from(text)]
const block = (...texts: string[]): number[] => {
  const bytes = texts.flatMap(textOf)
  return [...varint(bytes.length), ...bytes]
}

t.test('a record is read as it was written, wherever it stands', async () => {
  const part = fc.record({
    id: fc.nat({ max: Number.MAX_SAFE_INTEGER }), name: fc.option(fc.string({ unit: 'binary', maxLength: 20 })),
    number: fc.nat({ max: 70_000 }), receipt: fc.boolean(), data: fc.option(fc.uint8Array({ maxLength: 300 })),
    pairs: fc.uniqueArray(fc.constantFrom('a', 'ce-id', 'content-type', 'traceparent'), { maxLength: 3 })
  })
  fc.assert(fc.property(fc.array(part, { minLength: 1, maxLength: 5 }), parts => {
    const bytes = Buffer.from(parts.flatMap(({ id, name, number, receipt, data, pairs }) => [
      flags.more | (name === null ? 0 : flags.named) | (receipt ? flags.receipt : 0) |
        (data === null ? flags.empty : 0) | (pairs.length === 0 ? 0 : flags.attributes),
      ...varint(id), ...name === null ? varint(number) : textOf(name),
      ...pairs.length === 0 ? [] : block(...pairs.flatMap(one => [one, `${one}\u00e9`])),
      ...varint(data?.length ?? 0), ...data ?? []
    ]))
    const record = newRecord()
    let at = 0
    for (const { id, name, number, receipt, data, pairs } of parts) {
      if (!readRecord(bytes, at, record)) throw new Error(record.mistake)
      const same = record.id === id && record.receipt === receipt && record.empty === (data === null) &&
        (name === null ? record.number === number : record.channel === name && record.number === -1) &&
        Buffer.from(data ?? []).equals(bytes.subarray(record.start, record.end)) &&
        record.pairs.join() === pairs.flatMap(one => [one, `${one}\u00e9`]).join()
      if (!same) return false
      at = record.next
    }
    return at === bytes.length
  }))
})

t.test('without a length the data is the rest of the message', async t => {
  const record = newRecord()
  t.ok(readRecord(Buffer.from([0, 5, 9, 1, 2, 3]), 0, record))
  t.match(record, { id: 5, number: 9, start: 3, end: 6, next: 6, empty: false, receipt: false, pairs: [] })
  t.ok(readRecord(Buffer.from([flags.empty, 5, 9]), 0, record))
  t.match(record, { empty: true, next: 3 })
})

const broken: readonly (readonly [title: string, bytes: readonly number[], mistake: RegExp])[] = [
  ['unknown flags', [0x20, 1, 0], /flags/],
  ['no id', [0], /id/],
  ['an id that does not end', [0, 0x80], /id/],
  ['an id above 2^53 - 1', [0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0], /id/],
  ['no channel', [0, 1], /channel/],
  ['a name beyond the end', [1, 1, 5, 0x61], /channel is longer/],
  ['a name that is not UTF-8', [1, 1, 1, 0xff], /UTF-8/],
  ['attributes beyond the end', [2, 1, 0, 9, 1], /attributes are longer/],
  ['half an attribute', [2, 1, 0, 2, 1, 0x61], /within a text/],
  ['a value that is not UTF-8', [2, 1, 0, 4, 1, 0x61, 1, 0xff], /UTF-8/],
  ['data where there is none', [8, 1, 0, 1], /without data/],
  ['data beyond the end', [16, 1, 0, 5, 1], /longer/]
]

t.test('what cannot be read is said', async t => {
  for (const [title, bytes, mistake] of broken) {
    const record = newRecord()
    t.equal(readRecord(Buffer.from(bytes), 0, record), false, title)
    t.match(record.mistake, mistake)
  }
})

const refused: readonly (readonly [title: string, bytes: readonly number[], detail: RegExp])[] = [
  ['a name in capitals', [2, 1, 0, ...block('A', 'b')], /lower-case/],
  ['a value with a line break', [2, 1, 0, ...block('a', 'b\r\n')], /control/],
  ['an attribute twice', [2, 1, 0, ...block('a', '1', 'a', '2')], /twice/],
  ['too many attributes', [2, 1, 0, ...block(...Array.from({ length: 130 }, (_, at) => `x${at}`))], /at most 64/]
]

t.test('attributes that cannot be are the fault of one record', async t => {
  for (const [title, bytes, detail] of refused) {
    const record = newRecord()
    t.ok(readRecord(Buffer.from([...bytes, 1]), 0, record), title)
    t.match(record, { id: 1, refusal: { code: 'malformed', detail }, start: bytes.length, end: bytes.length + 1 })
    readRecord(Buffer.from([0, 2, 0]), 0, record)
    t.equal(record.refusal, undefined)
  }
})

t.test('no bytes make it throw, or read beyond the end', async () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), bytes => {
    const record = newRecord()
    return !readRecord(Buffer.from(bytes), 0, record) ||
      (record.start <= record.end && record.end === record.next && record.next <= bytes.length && record.next > 0)
  }), { numRuns: 5_000 })
})
