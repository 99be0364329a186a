// The bytes of one record batch (message format v2, KIP-98): records are encoded as they come, the header at the end.

import { HeadersBefore } from '../../contract/headers-before.ts'
import { decodeRecord, encodeRecord, recordBytes, recordBytesMax } from '../../contract/record.ts'
import type { SinkRecord } from '../../contract/sink.ts'
import type { ProducerId } from '../broker-link.ts'
import { crc32c } from '../crc32c.ts'

/** What stands before the records. */
export const headerBytes = 61

// Where the fields of the header stand, in bytes from its start. What precedes `lengthEnd` is not counted in the
// length, what precedes `attributesAt` is not covered by the checksum.
const lengthAt = 8
const lengthEnd = 12
const leaderEpochAt = 12
const magicAt = 16
const checksumAt = 17
const attributesAt = 21
const lastOffsetDeltaAt = 23
const baseTimestampAt = 27
const maxTimestampAt = 35
const producerIdAt = 43
const epochAt = 51
const sequenceAt = 53
const countAt = 57
const magic = 2

/** The bytes that one record takes in a batch of its own, header included; an upper bound. */
export function batchBytesFor (record: SinkRecord): number {
  return headerBytes + recordBytesMax(record)
}

export class RecordBatch {
  /** Where the batch is built; only its first `endAt` bytes mean something. */
  buffer: Buffer
  endAt = headerBytes
  count = 0
  readonly #before = new HeadersBefore()
  #baseMs = 0
  #latestMs = 0
  #wire: Buffer | undefined
  /** What the compressed copy takes beside the buffer, with its header; 0 while there is none. */
  packedBytes = 0

  constructor (buffer: Buffer) {
    this.buffer = buffer
  }

  hasRoomFor (record: SinkRecord): boolean {
    const roomBytes = this.buffer.length - this.endAt
    return recordBytesMax(record) <= roomBytes || recordBytes(record, this.#deltaMs(record), this.count) <= roomBytes
  }

  #deltaMs ({ timestampMs }: SinkRecord): number {
    return this.count === 0 ? 0 : timestampMs - this.#baseMs
  }

  /** Encodes one more record, for which there is room. */
  append (record: SinkRecord): void {
    const { timestampMs } = record
    const deltaMs = this.#deltaMs(record)
    if (this.count === 0) this.#baseMs = this.#latestMs = timestampMs
    else if (timestampMs > this.#latestMs) this.#latestMs = timestampMs
    this.endAt = encodeRecord(record, this.buffer, this.endAt, deltaMs, this.count, this.#before)
    this.count++
  }

  /** Goes on in a larger buffer; returns the one before. */
  moveTo (larger: Buffer): Buffer {
    const { buffer } = this
    buffer.copy(larger, headerBytes, headerBytes, this.endAt)
    this.buffer = larger
    return buffer
  }

  /** The encoded records: what a codec compresses. */
  get records (): Buffer {
    return this.buffer.subarray(headerBytes, this.endAt)
  }

  /** What goes over the wire; there once the batch is sealed. */
  get wire (): Buffer {
    if (this.#wire === undefined) throw new Error('a batch that is not sealed has no bytes for the wire')
    return this.#wire
  }

  /** No record follows. Writes all of the header but what `number` writes. */
  seal (): void {
    const header = this.buffer
    header.fill(0, 0, lengthAt)
    header.writeInt32BE(this.endAt - lengthEnd, lengthAt)
    header.writeInt32BE(-1, leaderEpochAt)
    header[magicAt] = magic
    header.writeInt16BE(0, attributesAt)
    header.writeInt32BE(this.count - 1, lastOffsetDeltaAt)
    header.writeBigInt64BE(BigInt(this.#baseMs), baseTimestampAt)
    header.writeBigInt64BE(BigInt(this.#latestMs), maxTimestampAt)
    header.writeInt32BE(this.count, countAt)
    this.#wire = header.subarray(0, this.endAt)
  }

  /** Takes compressed records in place of the plain ones, which stay for `copyFrom`. `codec` is Kafka's number. */
  pack (codec: number, packed: Buffer): void {
    const wire = Buffer.allocUnsafeSlow(headerBytes + packed.length)
    this.buffer.copy(wire, 0, 0, headerBytes)
    packed.copy(wire, headerBytes)
    wire.writeInt32BE(wire.length - lengthEnd, lengthAt)
    wire.writeInt16BE(codec, attributesAt)
    this.#wire = wire
    this.packedBytes = wire.length
  }

  /** Says whose batch it is and the place of its first record in the order of that producer; sums it all up. */
  number ({ id, epoch }: ProducerId, sequence: number): void {
    const { wire } = this
    wire.writeBigInt64BE(id, producerIdAt)
    wire.writeInt16BE(epoch, epochAt)
    wire.writeInt32BE(sequence, sequenceAt)
    wire.writeUInt32BE(crc32c(wire.subarray(attributesAt), 0), checksumAt)
  }

  /** Appends those records of another batch whose place `takes` wants. There must be room. */
  copyFrom (other: RecordBatch, takes: (place: number) => boolean): void {
    let at = headerBytes
    for (let place = 0; place < other.count; place++) {
      const decoded = decodeRecord(other.buffer.subarray(0, other.endAt), at, other.#baseMs)
      if (decoded === undefined) throw new Error('a record of our own cannot be read')
      at = decoded.end
      if (!takes(place)) continue
      const { key, value, headers, timestampMs } = decoded
      this.append({ topic: '', key, value, headers: headers.flat(), timestampMs, id: '', source: '' })
    }
  }
}
