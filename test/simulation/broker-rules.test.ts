// The model of a broker: reads batches by itself, and takes or refuses them by Kafka's rules for producers.

import t from 'tap'
import { checksum, readBatch } from './batch-reader.ts'
import type { ReadBatch } from './batch-reader.ts'
import { PartitionLog } from './partition-log.ts'

interface Given { readonly sequence: number, readonly count?: number, readonly epoch?: number }

function batchOf ({ sequence, count = 1, epoch = 0 }: Given): ReadBatch {
  const record = { key: null, value: Buffer.from([0, 0, 0, 1]), headers: [], timestampMs: 1 }
  return { byteCount: 100, producerId: 7n, epoch, sequence, records: Array.from({ length: count }, () => record) }
}

/** What the log says to each: the offset, or minus the error code. */
function answers (log: PartitionLog, ...all: readonly Given[]): number[] {
  return all.map(one => {
    const { code, baseOffset } = log.append(batchOf(one))
    return code === 0 ? baseOffset : -code
  })
}

function newLog (rules: { namesDuplicates?: boolean } = {}): PartitionLog {
  return new PartitionLog({ checksSequences: true, namesDuplicates: false, ...rules })
}

/** One record: no key, value `ab`, one header `h: v`; written down by hand. */
const record = [18, 0, 0, 0, 1, 4, 0x61, 0x62, 2, 2, 0x68, 2, 0x76]

function bytesOf (content: readonly number[]): Buffer {
  const bytes = Buffer.concat([Buffer.alloc(61), Buffer.from(content)])
  bytes.writeInt32BE(bytes.length - 12, 8)
  bytes[16] = 2
  bytes.writeBigInt64BE(5n, 27)
  bytes.writeBigInt64BE(5n, 35)
  bytes.writeBigInt64BE(9n, 43)
  bytes.writeInt16BE(3, 51)
  bytes.writeInt32BE(4, 53)
  bytes.writeInt32BE(1, 57)
  bytes.writeUInt32BE(checksum(bytes, 21), 17)
  return bytes
}

t.test('the checksum is CRC-32C', async t => {
  t.equal(checksum(Buffer.from('123456789')), 0xe3069283)
})

t.test('a batch is read to its last byte', async t => {
  const length = record.length - 1
  const { records, ...head } = readBatch(bytesOf([length * 2, ...record.slice(1)]))
  t.same(head, { byteCount: 61 + record.length, producerId: 9n, epoch: 3, sequence: 4 })
  t.same(records, [{ key: null, value: Buffer.from('ab'), headers: [['h', 'v']], timestampMs: 5 }])
})

t.test('a batch with any bit flipped is none', async t => {
  const sound = bytesOf([(record.length - 1) * 2, ...record.slice(1)])
  // Base offset and leader epoch are the broker's own, and not looked at.
  const looked = [...sound.keys()].filter(at => at >= 8 && (at < 12 || at >= 16))
  const taken = looked.filter(at => {
    const flipped = Buffer.from(sound)
    flipped[at] = (flipped[at] ?? 0) ^ 4
    try {
      return readBatch(flipped).byteCount > 0
    } catch {
      return false
    }
  })
  t.same(taken, [])
})

t.test('an exact repetition gets its first offset, as long as the broker remembers it', async t => {
  const log = newLog()
  t.same(answers(log, ...[0, 1, 2, 3, 4].map(sequence => ({ sequence }))), [0, 1, 2, 3, 4])
  t.same(answers(log, { sequence: 0 }, { sequence: 3 }), [0, 3])
  t.same(answers(log, { sequence: 5 }, { sequence: 0 }, { sequence: 1 }), [5, -45, 1])
  t.equal(log.records.length, 6)
  const old = newLog({ namesDuplicates: true })
  t.same(answers(old, ...[0, 1, 2, 3, 4, 5, 0].map(sequence => ({ sequence }))), [0, 1, 2, 3, 4, 5, -46])
})

t.test('a gap, and a repetition that is not exact, are out of order', async t => {
  const log = newLog()
  t.same(answers(log, { sequence: 0, count: 3 }, { sequence: 4 }, { sequence: 0, count: 2 }), [0, -45, -45])
  t.same(answers(log, { sequence: 3 }), [3])
})

t.test('a new epoch begins at 0 and fences the one before', async t => {
  const log = newLog()
  t.same(answers(log, { sequence: 0 }, { sequence: 1, epoch: 1 }, { sequence: 0, epoch: 1 }), [0, -45, 1])
  t.same(answers(log, { sequence: 1 }, { sequence: 0 }), [-47, -47])
})

t.test('a producer that is not known begins anywhere, and numbers go on at 0 behind the last', async t => {
  const log = newLog()
  t.same(answers(log, { sequence: 2 ** 31 - 2, count: 2 }, { sequence: 0 }), [0, 2])
  t.same(answers(newLog(), { sequence: 2 ** 31 - 1, count: 2 }, { sequence: 1 }), [0, 2])
})

t.test('another replica has what was committed, and knows the producers by what it has', async t => {
  const log = newLog()
  answers(log, { sequence: 0, count: 2 }, { sequence: 2, count: 2 }, { sequence: 4 })
  log.committedOffset = 2
  t.same(log.possibleEnds, { least: 1, most: 3 })
  t.equal(log.becomesReplica(2, 1), 1)
  t.equal(log.records.length, 4)
  t.same(answers(log, { sequence: 4 }, { sequence: 2, count: 2 }), [4, 2], 'the lost batch goes in again')
  log.becomesReplica(3, 1)
  t.same(answers(log, { sequence: 2, count: 2 }), [-45], 'only the latest is remembered')
})
