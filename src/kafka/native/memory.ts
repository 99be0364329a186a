// What batches take from the byte budget: buffers, compressed copies, a fixed sum per ticket; and gives it back.

import type { SinkRecord } from '../../contract/sink.ts'
import type { Packed } from '../compression.ts'
import type { ByteBudget } from '../options.ts'
import { Arenas } from './arenas.ts'
import { Batch, orderBehind } from './batch.ts'
import type { BatchPlace } from './batch.ts'
import { batchBytesFor, headerBytes } from './record-batch.ts'

/** What a ticket takes beside the encoded record: settler, deadline, id and source. */
const ticketBytes = 160

export class Memory {
  readonly #budget: ByteBudget
  readonly #arenas: Arenas
  #ticketCount = 0
  #otherBytes = 0

  constructor (budget: ByteBudget, batchBytesMax: number) {
    this.#budget = budget
    this.#arenas = new Arenas(budget, batchBytesMax)
  }

  /** Bytes charged to the budget now. */
  get usedBytes (): number { return this.#arenas.usedBytes + this.#ticketCount * ticketBytes + this.#otherBytes }
  /** Bytes of free buffers that are kept for reuse. */
  get freeBytes (): number { return this.#arenas.freeBytes }

  /** Room for one more ticket; false where the budget does not allow it. */
  takeTicket (): boolean {
    if (!this.#budget.take(ticketBytes)) return false
    this.#ticketCount++
    return true
  }

  giveTickets (count: number): void {
    this.#ticketCount -= count
    this.#budget.give(count * ticketBytes)
  }

  /** Room for what is in no batch yet; false where the budget does not allow it. */
  takeBytes (bytes: number): boolean {
    if (!this.#budget.take(bytes)) return false
    this.#otherBytes += bytes
    return true
  }

  giveBytes (bytes: number): void {
    this.#otherBytes -= bytes
    this.#budget.give(bytes)
  }

  /** An empty batch of this size, or that its first record fits into; undefined where the budget does not allow it. */
  begin (place: BatchPlace, record: SinkRecord, { bytes, nowMs }: { bytes: number, nowMs: number }): Batch | undefined {
    const buffer = this.#arenas.take(Math.max(bytes, batchBytesFor(record)))
    return buffer === undefined ? undefined : new Batch(place, buffer, nowMs)
  }

  /** A larger buffer for a batch, so that the record may fit. False: it is at its limit, or the budget is. */
  grow ({ records }: Batch, record: SinkRecord, bytesMax: number): boolean {
    const neededBytes = records.endAt + batchBytesFor(record) - headerBytes
    const sizeBytes = records.buffer.length
    if (sizeBytes >= bytesMax || neededBytes > bytesMax) return false
    const larger = this.#arenas.take(Math.min(bytesMax, Math.max(neededBytes, 2 * sizeBytes)))
    if (larger === undefined) return false
    this.#arenas.give(records.moveTo(larger))
    return true
  }

  /** Gives a sealed batch its compressed copy. False: the budget does not allow it, and the batch stays as it is. */
  pack ({ records }: Batch, { codec, bytes }: Packed): boolean {
    if (!this.takeBytes(headerBytes + bytes.length)) return false
    records.pack(codec, bytes)
    return true
  }

  /** Those records of a batch, with their tickets, that are not recalled and whose place `takes` wants; sealed. */
  part (batch: Batch, order: number, takes: (place: number) => boolean): Batch {
    const part = batch.divide(order, this.#arenas.takeForCopy(batch.records.endAt), takes)
    part.records.seal()
    return part
  }

  /** The same batch without its recalled records, in place of the given one; undefined where none is left. */
  without (batch: Batch): Batch | undefined {
    const part = batch.count === batch.recalledCount ? undefined : this.part(batch, batch.order, () => true)
    this.free(batch, part?.count)
    return part
  }

  /** Both halves of a batch, in its place; `others` are what stands before and behind it. */
  halves (batch: Batch, others: readonly Batch[]): [Batch, Batch] {
    const half = batch.count >> 1
    const first = this.part(batch, batch.order, place => place < half)
    const second = this.part(batch, orderBehind(batch, others), place => place >= half)
    this.free(batch, batch.count)
    return [first, second]
  }

  /** Takes back what the batch had, but for the tickets of `movedCount` records that live on in a part of it. */
  free (batch: Batch, movedCount = 0): void {
    batch.released(() => {
      this.#arenas.give(batch.records.buffer)
      if (batch.records.packedBytes > 0) this.giveBytes(batch.records.packedBytes)
    })
    this.giveTickets(batch.count - movedCount)
  }
}
