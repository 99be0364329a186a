// The log of one partition in memory: takes batches as a leader does, and gives them back, up to a number of bytes.

import { objectionTo, readHeader, readRecords } from './batch.ts'
import type { BatchHeader, BatchLimits } from './batch.ts'
import { codes } from './codes.ts'
import { ProducerState } from './producer-state.ts'

/** Old batches make room beyond it, as by retention. */
const keptBytesMax = 64 * 1024 * 1024

interface Stored { readonly header: BatchHeader, readonly baseOffset: number, readonly bytes: Buffer }

export interface Appended {
  readonly code: number
  readonly baseOffset: number
  readonly message: string
  /** Places in the batch of records that are invalid. */
  readonly invalidRecords: readonly number[]
  /** Success without storing: it was there already. */
  readonly isRepeated: boolean
}

export interface LogRecord {
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly (readonly [string, Buffer])[]
  readonly producerId: bigint
  readonly epoch: number
  /** -1 where the producer is not idempotent. */
  readonly sequence: number
}

export class PartitionLog {
  readonly #producers = new ProducerState()
  #batches: Stored[] = []
  #keptBytes = 0
  #endOffset = 0

  get endOffset (): number { return this.#endOffset }
  get startOffset (): number { return this.#batches[0]?.baseOffset ?? this.#endOffset }

  append (bytes: Buffer, limits: BatchLimits, leaderEpoch: number): Appended {
    const header = readHeader(bytes)
    const objection = objectionTo(bytes, limits)
    if (header === undefined || objection !== undefined) {
      return refused(objection?.code ?? codes.invalidRecord, objection?.message ?? '', objection?.records)
    }
    const verdict = this.#producers.judge(header)
    if (verdict.kind === 'refused') return refused(verdict.code, verdict.message)
    if (verdict.kind === 'repeated') return written(verdict.baseOffset, true)
    const baseOffset = this.#endOffset
    const own = Buffer.from(bytes)
    own.writeBigInt64BE(BigInt(baseOffset), 0)
    own.writeInt32BE(leaderEpoch, 12)
    this.#store({ header, baseOffset, bytes: own })
    this.#producers.remember(header, baseOffset)
    return written(baseOffset, false)
  }

  #store (batch: Stored): void {
    this.#batches.push(batch)
    this.#endOffset += batch.header.count
    this.#keptBytes += batch.bytes.length
    while (this.#keptBytes > keptBytesMax && this.#batches.length > 1) {
      this.#keptBytes -= this.#batches.shift()?.bytes.length ?? 0
    }
  }

  forgetProducers (): void {
    this.#producers.forget()
  }

  /** Whole batches from the one that holds `offset` on, at least one; undefined where the offset is out of range. */
  batchesFrom (offset: number, bytesMax: number): Buffer | undefined {
    if (offset < this.startOffset || offset > this.#endOffset) return undefined
    const found: Buffer[] = []
    let sum = 0
    for (const { header, baseOffset, bytes } of this.#batches) {
      if (baseOffset + header.count <= offset) continue
      if (found.length > 0 && sum + bytes.length > bytesMax) break
      found.push(bytes)
      sum += bytes.length
    }
    return Buffer.concat(found)
  }

  /** The first record at or after a time. */
  offsetAt (timestampMs: number): { readonly offset: number, readonly timestampMs: number } | undefined {
    return this.records().find(record => record.timestampMs >= timestampMs)
  }

  /** What is kept, unpacked; batches whose codec is not unpacked here are left out. */
  records (): readonly LogRecord[] {
    return this.#batches.flatMap(({ header, baseOffset, bytes }) => {
      const { producerId, epoch, baseSequence } = header
      const records = readRecords(bytes, header)
      return typeof records === 'string' ? [] : records.map(({ offsetDelta, ...record }) => ({
        ...record, offset: baseOffset + offsetDelta, producerId, epoch,
        sequence: producerId < 0n ? -1 : (baseSequence + offsetDelta) % 2 ** 31
      }))
    })
  }
}

function written (baseOffset: number, isRepeated: boolean): Appended {
  return { code: codes.none, baseOffset, message: '', invalidRecords: [], isRepeated }
}

function refused (code: number, message: string, invalidRecords: readonly number[] = []): Appended {
  return { code, baseOffset: -1, message, invalidRecords, isRepeated: false }
}
