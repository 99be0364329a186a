// A record batch of magic 2 as a broker looks at it: header, checksum, every record; strict about each byte.

import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { castagnoli } from './checksum.ts'
import { codes } from './codes.ts'

export const batchHeaderBytes = 61
/** Where the bytes begin that the checksum covers. */
const coveredAt = 21
const unpackedBytesMax = 100 * 1024 * 1024

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

export interface BatchHeader {
  readonly baseOffset: bigint
  /** Of the whole batch, in bytes. */
  readonly lengthBytes: number
  readonly magic: number
  readonly checksum: number
  readonly codec: typeof codecs[number] | undefined
  readonly isTransactional: boolean
  readonly isControl: boolean
  readonly lastOffsetDelta: number
  readonly baseTimestampMs: number
  /** -1n: not idempotent. */
  readonly producerId: bigint
  readonly epoch: number
  readonly baseSequence: number
  readonly count: number
}

export interface BatchRecord {
  readonly offsetDelta: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [string, Buffer])[]
}

/** Why a broker does not take a batch. */
export interface Objection {
  readonly code: number
  readonly message: string
  /** Places of the records that it is about. */
  readonly records: readonly number[]
}

export function readHeader (bytes: Buffer): BatchHeader | undefined {
  if (bytes.length < batchHeaderBytes) return undefined
  const attributes = bytes.readInt16BE(21)
  return {
    baseOffset: bytes.readBigInt64BE(0),
    lengthBytes: 12 + bytes.readInt32BE(8),
    magic: bytes.readInt8(16),
    checksum: bytes.readUInt32BE(17),
    codec: codecs[attributes & 0x07],
    isTransactional: (attributes & 0x10) !== 0,
    isControl: (attributes & 0x20) !== 0,
    lastOffsetDelta: bytes.readInt32BE(23),
    baseTimestampMs: Number(bytes.readBigInt64BE(27)),
    producerId: bytes.readBigInt64BE(43),
    epoch: bytes.readInt16BE(51),
    baseSequence: bytes.readInt32BE(53),
    count: bytes.readInt32BE(57)
  }
}

function objection (code: number, message: string, records: readonly number[] = []): Objection {
  return { code, message, records }
}

export interface BatchLimits { readonly batchBytesMax: number, readonly compacted: boolean, readonly version: number }

/** What Kafka checks before it looks at the producer: ProduceRequest, UnifiedLog and LogValidator, in this order. */
export function objectionTo (bytes: Buffer, limits: BatchLimits): Objection | undefined {
  const header = readHeader(bytes)
  if (header === undefined) return objection(codes.invalidRecord, 'there is no batch')
  const { magic, codec, lengthBytes, checksum, baseOffset, count, lastOffsetDelta, producerId, baseSequence } = header
  if (magic !== 2) return objection(codes.invalidRecord, `magic ${magic}`)
  if (codec === 'zstd' && limits.version < 7) return objection(codes.unsupportedCompression, 'zstd before Produce 7')
  if (lengthBytes !== bytes.length) {
    return objection(codes.invalidRecord, `a batch of ${lengthBytes} bytes in ${bytes.length}: there must be exactly one`)
  }
  if (baseOffset !== 0n) return objection(codes.invalidRecord, `base offset ${baseOffset}`)
  if (bytes.length > limits.batchBytesMax) return objection(codes.messageTooLarge, `${bytes.length} bytes`)
  if (castagnoli(bytes.subarray(coveredAt)) !== checksum) return objection(codes.corruptMessage, 'the checksum is wrong')
  if (count < 1 || lastOffsetDelta !== count - 1) {
    return objection(codes.invalidRecord, `${count} records with offsets up to ${lastOffsetDelta}`)
  }
  if (header.isControl) return objection(codes.invalidRecord, 'a control batch from a client')
  if (header.isTransactional) return objection(codes.invalidTransactionState, 'no transaction is open')
  if (producerId >= 0n && baseSequence < 0) return objection(codes.invalidRecord, `base sequence ${baseSequence}`)
  if (codec === undefined) return objection(codes.corruptMessage, 'no such codec')
  return objectionIn(bytes, header, limits.compacted)
}

function objectionIn (bytes: Buffer, header: BatchHeader, compacted: boolean): Objection | undefined {
  const records = readRecords(bytes, header)
  if (records === 'opaque') return undefined
  if (typeof records === 'string') return objection(codes.invalidRecord, records)
  const keyless = compacted ? records.filter(({ key }) => key === null).map(({ offsetDelta }) => offsetDelta) : []
  return keyless.length === 0 ? undefined : objection(codes.invalidRecord, 'a compacted topic needs keys', keyless)
}

/** The records; 'opaque' where the codec is one that is not unpacked here; another text says what is wrong. */
export function readRecords (bytes: Buffer, header: BatchHeader): readonly BatchRecord[] | string {
  const packed = bytes.subarray(batchHeaderBytes)
  const { codec, count, baseTimestampMs } = header
  if (codec === 'snappy' || codec === 'lz4') return 'opaque'
  try {
    const limit = { maxOutputLength: unpackedBytesMax }
    const plain = codec === 'gzip' ? gunzipSync(packed, limit) : codec === 'zstd' ? zstdDecompressSync(packed, limit) : packed
    const reader = new RecordReader(plain)
    const records: BatchRecord[] = []
    for (let place = 0; place < count; place++) records.push(reader.record(place, baseTimestampMs))
    return reader.left === 0 ? records : `${reader.left} bytes behind the last record`
  } catch (error) {
    return `a record cannot be read: ${String(error)}`
  }
}

/** Throws at the first byte that is not as it must be. */
class RecordReader {
  readonly #bytes: Buffer
  #at = 0

  constructor (bytes: Buffer) {
    this.#bytes = bytes
  }

  get left (): number { return this.#bytes.length - this.#at }

  record (place: number, baseTimestampMs: number): BatchRecord {
    const length = this.#varint()
    const end = this.#at + length
    if (length < 1 || end > this.#bytes.length) throw new Error(`record ${place} has ${length} bytes`)
    // Attributes: none is in use.
    this.#slice(1)
    const timestampMs = baseTimestampMs + this.#varint()
    const offsetDelta = this.#varint()
    if (offsetDelta !== place) throw new Error(`record ${place} has offset ${offsetDelta}`)
    const key = this.#nullable()
    const value = this.#nullable()
    const headers: [string, Buffer][] = []
    for (let left = this.#varint(); left > 0; left--) {
      const name = this.#nullable()
      if (name === null) throw new Error('a header without a name')
      headers.push([name.toString('utf8'), this.#nullable() ?? Buffer.alloc(0)])
    }
    if (this.#at !== end) throw new Error(`record ${place} ends at ${this.#at}, not at ${end}`)
    return { offsetDelta, timestampMs, key, value, headers }
  }

  #nullable (): Buffer | null {
    const length = this.#varint()
    return length === -1 ? null : this.#slice(length)
  }

  #slice (length: number): Buffer {
    if (length < 0 || length > this.left) throw new Error(`${length} bytes of ${this.left}`)
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }

  /** Zigzag; what is used here stays far below 2^53. */
  #varint (): number {
    let raw = 0n
    for (let place = 0n; place < 10n; place++) {
      const byte = this.#slice(1).readUInt8()
      raw |= BigInt(byte & 0x7f) << (7n * place)
      if (byte < 0x80) return Number((raw & 1n) === 1n ? -(raw >> 1n) - 1n : raw >> 1n)
    }
    throw new Error('a varint without an end')
  }
}
