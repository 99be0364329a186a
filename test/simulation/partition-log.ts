// A partition's log as its leader keeps it: takes batches by Kafka's rules for producers, loses what nobody else has.

import type { ReadBatch, ReadRecord } from './batch-reader.ts'

/** Batches per producer that a broker remembers. */
const windowMax = 5
const sequenceCount = 2 ** 31

/** What a broker of this schedule does. */
export interface LogRules {
  /** False: a planted bug, a broker that takes every sequence number. */
  readonly checksSequences: boolean
  /** Brokers before Kafka 1.1 call a batch they have forgotten a duplicate; later ones, out of order. */
  readonly namesDuplicates: boolean
}

interface Remembered { readonly first: number, readonly last: number, readonly baseOffset: number }
interface Producer { epoch: number, batches: Remembered[] }
interface Entry { readonly baseOffset: number, readonly batch: ReadBatch }

export interface Appended {
  readonly code: number
  /** -1 where it was not appended. */
  readonly baseOffset: number
  /** Where the high watermark has to come before it is acknowledged. */
  readonly endOffset: number
  readonly repeated: boolean
}

export class PartitionLog {
  readonly #rules: LogRules
  #entries: Entry[] = []
  #producers = new Map<bigint, Producer>()
  /** By offset. */
  readonly records: ReadRecord[] = []
  /** All replicas have what is before it: it will never be lost. */
  committedOffset = 0

  constructor (rules: LogRules) {
    this.#rules = rules
  }

  append (batch: ReadBatch): Appended {
    const producer = this.#producers.get(batch.producerId)
    const isIdempotent = batch.producerId >= 0n && this.#rules.checksSequences
    if (producer !== undefined && isIdempotent) {
      const same = repetitionIn(producer, batch)
      if (same !== undefined) {
        const { baseOffset } = same
        return { code: 0, baseOffset, endOffset: baseOffset + batch.records.length, repeated: true }
      }
      const code = this.#objection(producer, batch)
      if (code !== 0) return { code, baseOffset: -1, endOffset: -1, repeated: false }
    }
    const baseOffset = this.records.length
    const entry = { baseOffset, batch }
    this.#entries.push(entry)
    this.records.push(...batch.records)
    this.#remember(entry, windowMax)
    return { code: 0, baseOffset, endOffset: this.records.length, repeated: false }
  }

  /** What ProducerAppendInfo of Kafka checks: 0, or the error code. */
  #objection ({ epoch, batches }: Producer, batch: ReadBatch): number {
    if (batch.epoch < epoch) return 47
    if (batch.epoch > epoch) return batch.sequence === 0 ? 0 : 45
    const last = batches.at(-1)?.last ?? -1
    if (batch.sequence === (last + 1) % sequenceCount) return 0
    return this.#rules.namesDuplicates && lastOf(batch) <= last ? 46 : 45
  }

  #remember ({ baseOffset, batch }: Entry, batchesMax: number): void {
    const known = this.#producers.get(batch.producerId)
    const producer = known?.epoch === batch.epoch ? known : { epoch: batch.epoch, batches: [] }
    producer.batches.push({ first: batch.sequence, last: lastOf(batch), baseOffset })
    while (producer.batches.length > batchesMax) producer.batches.shift()
    this.#producers.set(batch.producerId, producer)
  }

  /** Places where the log of another replica may end, as counts of batches: everything that is committed is in it. */
  get possibleEnds (): { readonly least: number, readonly most: number } {
    const isOpen = ({ baseOffset, batch }: Entry): boolean => baseOffset + batch.records.length > this.committedOffset
    const least = this.#entries.findIndex(isOpen)
    return { least: least === -1 ? this.#entries.length : least, most: this.#entries.length }
  }

  /**
   * Another replica leads from now on: it has so many batches, and may have forgotten all but the latest few of each
   * producer (a snapshot of the producers' state holds only the last batch of each). Returns how many were lost.
   */
  becomesReplica (entryCount: number, batchesMax: number): number {
    const lost = this.#entries.splice(entryCount)
    const [first] = lost
    if (first !== undefined) this.records.length = first.baseOffset
    this.#producers = new Map()
    for (const entry of this.#entries) this.#remember(entry, Math.min(batchesMax, windowMax))
    return lost.length
  }
}

function lastOf ({ sequence, records }: ReadBatch): number {
  return (sequence + records.length - 1) % sequenceCount
}

function repetitionIn ({ epoch, batches }: Producer, batch: ReadBatch): Remembered | undefined {
  if (epoch !== batch.epoch) return undefined
  return batches.find(({ first, last }) => first === batch.sequence && last === lastOf(batch))
}
