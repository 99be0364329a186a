// Hands kafkajs a batch without its bytes, and keeps these for the socket, where they follow what kafkajs wrote.

// kafkajs allocates an encoder of 512 bytes for every record and every header, which is most of what a record costs.
// What it has encoded it then copies eight times, each time into zeroed memory of twice the size, and sums up byte by
// byte; that much memory also calls for a full garbage collection every few batches.
// Its codecs are pluggable by number, and a codec makes the bytes that go out for all records of a batch. Ours makes
// none; they join the request when it is written (produce-tap.ts). Of the number
// only the lowest three bits are written into the batch. So each batch under way has a codec of its own, whose number
// ends in the bits of the true compression, and kafkajs itself gets a placeholder for each record: it counts
// them for the sequence numbers, finds the earliest and latest timestamp among them, and leaves their bytes out.
// What it does to each of them it does by the array's own `reduce` (into one list per partition, in the square of their
// number) and `map` (an encoder each): the list of placeholders answers both with what is known before.
// What Kafka receives also keeps the order of headers, which kafkajs's header objects do not.

import kafkajs from 'kafkajs'
import type { Message } from 'kafkajs'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { encodeRecord, recordBytes } from '../../contract/record.ts'
import type { SinkRecord } from '../../contract/sink.ts'

const { CompressionCodecs } = kafkajs

/** The bits of the batch attributes that name the compression. */
const codecBits = { none: 0, gzip: 1 } as const
const codecStep = 8

export type Compression = keyof typeof codecBits

/** Numbers that no batch uses now, and the next that none has used. */
const freeNumbers: number[] = []
let nextNumber = codecStep

const noBytes = Buffer.alloc(0)
const compressGzip = promisify(gzip)

/** One batch as kafkajs's `send` takes it. */
export interface CarriedBatch {
  readonly messages: Message[]
  /** For the `compression` of the send. */
  readonly compression: number
  /** The encoded records, once kafkajs has encoded the request. */
  payload (): Buffer | undefined
  /** Gives the number back, once the send has ended. */
  release (): void
}

export function carry (records: readonly SinkRecord[], partition: number, compression: Compression): CarriedBatch {
  const times = earliestAndLatest(records)
  const first = freeNumbers.pop() ?? nextNumber
  if (first === nextNumber) nextNumber += codecStep
  const number = first + codecBits[compression]
  const codecs = CompressionCodecs as Record<number, unknown>
  let payload: Buffer | undefined
  codecs[number] = () => ({
    async compress (): Promise<Buffer> {
      const bytes = encodeRecords(records, times.earliestMs)
      payload = compression === 'gzip' ? await compressGzip(bytes) : bytes
      return noBytes
    }
  })
  return {
    messages: placeholders(records.length, partition, times),
    compression: number,
    payload: () => payload,
    release () {
      delete codecs[number]
      freeNumbers.push(first)
    }
  }
}

interface Times { readonly earliestMs: number, readonly latestMs: number }

function earliestAndLatest (records: readonly SinkRecord[]): Times {
  let earliestMs = Infinity
  let latestMs = 0
  for (const { timestampMs } of records) {
    if (timestampMs < earliestMs) earliestMs = timestampMs
    if (timestampMs > latestMs) latestMs = timestampMs
  }
  return { earliestMs: Math.max(earliestMs, 0), latestMs }
}

function placeholders (count: number, partition: number, { earliestMs, latestMs }: Times): Message[] {
  const messages = new Array<Message>(count).fill({ partition, key: null, value: null })
  // kafkajs sorts timestamps as texts: equal length keeps that the order of the numbers.
  const digits = Math.max(String(earliestMs).length, String(latestMs).length)
  const timestamp = (ms: number): string => String(ms).padStart(digits, '0')
  messages[0] = { partition, key: null, value: null, timestamp: timestamp(earliestMs) }
  if (count > 1) messages[count - 1] = { partition, key: null, value: null, timestamp: timestamp(latestMs) }
  return Object.assign(messages, { reduce: () => ({ [partition]: messages }), map: mapEnds })
}

/** Maps the first and the last, and takes the first result for all between them. */
function mapEnds<Result> (
  this: readonly Message[], make: (message: Message | undefined, index: number) => Result
): Result[] {
  const last = this.length - 1
  const results = new Array<Result>(this.length).fill(make(this[0], 0))
  if (last > 0) results[last] = make(this[last], last)
  return results
}

function encodeRecords (records: readonly SinkRecord[], baseMs: number): Buffer {
  let size = 0
  for (let i = 0; i < records.length; i++) {
    const record = records[i]
    if (record !== undefined) size += recordBytes(record, record.timestampMs - baseMs, i)
  }
  const bytes = Buffer.allocUnsafe(size)
  let at = 0
  for (let i = 0; i < records.length; i++) {
    const record = records[i]
    if (record !== undefined) at = encodeRecord(record, bytes, at, record.timestampMs - baseMs, i)
  }
  return bytes
}
