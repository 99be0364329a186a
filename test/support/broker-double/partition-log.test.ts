// A partition of the broker double decides over batches as Kafka does; the batches are made by kafkajs' encoder.

import { createRequire } from 'node:module'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { castagnoli } from './checksum.ts'
import { codes } from './codes.ts'
import { PartitionLog } from './partition-log.ts'
import type { Appended } from './partition-log.ts'

interface Encoder { readonly buffer: Buffer }
interface BatchSetup {
  readonly producerId: bigint, readonly producerEpoch: number, readonly firstSequence: number
  readonly firstTimestamp: number, readonly maxTimestamp: number, readonly lastOffsetDelta: number
  readonly records: readonly Encoder[]
}

const load = createRequire(import.meta.url)
const { RecordBatch } = load('kafkajs/src/protocol/recordBatch/v0') as {
  RecordBatch: (setup: BatchSetup) => Promise<Encoder>
}
const Record = load('kafkajs/src/protocol/recordBatch/record/v0') as (record: object) => Encoder

const limits = { batchBytesMax: 1_000_000, compacted: false, version: 9 }
const nowMs = 1_700_000_000_000

interface Options { readonly id?: bigint, readonly epoch?: number, readonly key?: (place: number) => string | null }

async function batchOf (sequence: number, count: number, options: Options = {}): Promise<Buffer> {
  const { id = 7n, epoch = 0, key = place => `key-${place}` } = options
  const records = Array.from({ length: count }, (_, offsetDelta) => Record({
    offsetDelta, timestampDelta: offsetDelta, key: key(offsetDelta), value: `value ${sequence + offsetDelta}`,
    headers: { name: `header ${offsetDelta}` }
  }))
  const { buffer } = await RecordBatch({
    producerId: id, producerEpoch: epoch, firstSequence: sequence, firstTimestamp: nowMs, maxTimestamp: nowMs + count,
    lastOffsetDelta: count - 1, records
  })
  return buffer
}

/** The same batch with other bytes under a right checksum. */
function changed (batch: Buffer, change: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(batch)
  change(bytes)
  bytes.writeUInt32BE(castagnoli(bytes.subarray(21)), 17)
  return bytes
}

class Log extends PartitionLog {
  async take (sequence: number, count: number, options: Options = {}): Promise<Appended> {
    return this.append(await batchOf(sequence, count, options), limits, 3)
  }
}

t.test('the checksum is the one that everybody knows', async t => {
  t.equal(castagnoli(Buffer.from('123456789')), 0xe3069283)
})

t.test('records come back as they were sent, with offset, producer and sequence', async t => {
  const log = new Log()
  t.match(await log.take(5, 2), { code: codes.none, baseOffset: 0, isRepeated: false })
  t.match(await log.take(7, 1), { code: codes.none, baseOffset: 2 })
  const records = log.records()
  t.same(records.map(({ offset, sequence, epoch, producerId, timestampMs, key, value }) =>
    [offset, sequence, epoch, producerId, timestampMs, String(key), String(value)]), [
    [0, 5, 0, 7n, nowMs, 'key-0', 'value 5'], [1, 6, 0, 7n, nowMs + 1, 'key-1', 'value 6'],
    [2, 7, 0, 7n, nowMs, 'key-0', 'value 7']
  ])
  t.same(records[1]?.headers.map(([name, bytes]) => [name, String(bytes)]), [['name', 'header 1']])
  t.equal(log.batchesFrom(2, 1)?.readBigInt64BE(0), 2n, 'the stored batch has its offset')
  t.equal(log.batchesFrom(2, 1)?.readInt32BE(12), 3, 'and the epoch of its leader')
  t.equal(log.batchesFrom(4, 1), undefined)
})

t.test('the last five batches are recognised, and told where they are', async t => {
  const log = new Log()
  for (let i = 0; i < 6; i++) await log.take(2 * i, 2)
  for (let i = 1; i < 6; i++) {
    t.match(await log.take(2 * i, 2), { code: codes.none, baseOffset: 2 * i, isRepeated: true })
  }
  t.match(await log.take(0, 2), { code: codes.outOfOrderSequence }, 'the sixth is forgotten')
  t.match(await log.take(2, 1), { code: codes.outOfOrderSequence }, 'a part of one is no repetition')
  t.equal(log.endOffset, 12)
})

t.test('a gap is refused, and what fills it is taken', async t => {
  const log = new Log()
  await log.take(0, 3)
  t.match(await log.take(4, 1), { code: codes.outOfOrderSequence, baseOffset: -1 })
  t.match(await log.take(3, 1), { code: codes.none, baseOffset: 3 })
  t.match(await log.take(0, 1, { id: 8n }), { code: codes.none, baseOffset: 4 }, 'producers do not concern each other')
})

t.test('a new epoch begins at 0, and an old one is over', async t => {
  const log = new Log()
  await log.take(0, 3)
  t.match(await log.take(3, 1, { epoch: 1 }), { code: codes.outOfOrderSequence })
  t.match(await log.take(0, 1, { epoch: 1 }), { code: codes.none })
  t.match(await log.take(0, 3), { code: codes.invalidProducerEpoch }, 'not even what was written under it')
})

t.test('of a producer that nothing is known of, any number is taken', async t => {
  const log = new Log()
  t.match(await log.take(40, 2), { code: codes.none })
  log.forgetProducers()
  t.match(await log.take(7, 1), { code: codes.none })
  t.match(await log.take(-1, 1, { id: -1n }), { code: codes.none }, 'nor is one without an id judged')
  t.match(await log.take(-1, 1, { id: -1n }), { code: codes.none, isRepeated: false })
})

t.test('behind 2^31 - 1 comes 0', async t => {
  const log = new Log()
  await log.take(0x7fff_fffe, 3)
  t.same(log.records().map(({ sequence }) => sequence), [0x7fff_fffe, 0x7fff_ffff, 0])
  t.match(await log.take(0x7fff_fffe, 3), { isRepeated: true })
  t.match(await log.take(1, 1), { code: codes.none })
})

t.test('bytes that are not as they must be are refused', async t => {
  const log = new Log()
  const good = await batchOf(0, 3)
  const flipped = Buffer.from(good)
  flipped[70] = (flipped[70] ?? 0) ^ 1
  const cases: [string, Buffer, number][] = [
    ['nothing', Buffer.alloc(0), codes.invalidRecord],
    ['a wrong checksum', flipped, codes.corruptMessage],
    ['an old magic', changed(good, bytes => { bytes[16] = 1 }), codes.invalidRecord],
    ['an offset', changed(good, bytes => { bytes[7] = 1 }), codes.invalidRecord],
    ['two batches', Buffer.concat([good, good]), codes.invalidRecord],
    ['a count that is not that of the offsets', changed(good, bytes => { bytes[60] = 2 }), codes.invalidRecord],
    ['fewer records than told', changed(good, bytes => { bytes[60] = 4; bytes[26] = 3 }), codes.invalidRecord],
    ['a control batch', changed(good, bytes => { bytes[22] = 0x20 }), codes.invalidRecord],
    ['a transaction', changed(good, bytes => { bytes[22] = 0x10 }), codes.invalidTransactionState],
    ['an id without a sequence', await batchOf(-1, 1), codes.invalidRecord],
    ['offsets with a gap', changed(good, bytes => { bytes[64] = 4 }), codes.invalidRecord]
  ]
  for (const [what, bytes, code] of cases) t.match(log.append(bytes, limits, 0), { code, baseOffset: -1 }, what)
  t.equal(log.endOffset, 0)
  t.match(log.append(good, limits, 0), { code: codes.none }, 'and nothing of it is remembered')
})

t.test('what a topic is told to refuse is refused, with the places of the records', async t => {
  const log = new Log()
  const keyless = await batchOf(0, 4, { key: place => place % 2 === 1 ? null : 'key' })
  t.match(log.append(keyless, { ...limits, compacted: true }, 0), { code: codes.invalidRecord, invalidRecords: [1, 3] })
  t.match(log.append(keyless, { ...limits, batchBytesMax: 100 }, 0), { code: codes.messageTooLarge })
  t.match(log.append(keyless, limits, 0), { code: codes.none })
})

t.test('gzip and zstd are unpacked, zstd from Produce 7 on', async t => {
  const log = new Log()
  const plain = await batchOf(0, 3)
  const packed = (codec: number, records: Buffer): Buffer => {
    const bytes = Buffer.concat([plain.subarray(0, 61), records])
    bytes.writeInt32BE(bytes.length - 12, 8)
    return changed(bytes, header => { header[22] = codec })
  }
  const gzip = packed(1, gzipSync(plain.subarray(61)))
  const zstd = changed(packed(4, zstdCompressSync(plain.subarray(61))), bytes => { bytes.writeInt32BE(3, 53) })
  t.match(log.append(zstd, { ...limits, version: 6 }, 0), { code: codes.unsupportedCompression })
  t.match(log.append(gzip, limits, 0), { code: codes.none })
  t.match(log.append(zstd, limits, 0), { code: codes.none, baseOffset: 3 })
  t.match(log.append(packed(1, Buffer.from('not gzip')), limits, 0), { code: codes.invalidRecord })
  t.same(log.records().map(({ key }) => String(key)), ['key-0', 'key-1', 'key-2', 'key-0', 'key-1', 'key-2'])
})

t.test('old batches make room', async t => {
  const log = new PartitionLog()
  const megabyte = { ...limits, batchBytesMax: 2 ** 24 }
  for (let i = 0; i < 8; i++) {
    const { buffer } = await RecordBatch({
      producerId: 7n, producerEpoch: 0, firstSequence: i, firstTimestamp: nowMs, maxTimestamp: nowMs,
      lastOffsetDelta: 0,
      records: [Record({ offsetDelta: 0, timestampDelta: 0, key: 'key', value: Buffer.alloc(10_000_000) })]
    })
    t.match(log.append(buffer, megabyte, 0), { code: codes.none, baseOffset: i })
  }
  t.equal(log.startOffset, 2)
  t.equal(log.batchesFrom(0, 100), undefined)
  t.equal(log.records().length, 6)
})
