// The batch of a lane that takes records: begins it, lets it grow, and seals it.

import type { SinkRecord } from '../../contract/sink.ts'
import type { Clock } from '../clock.ts'
import type { Batch, BatchPlace } from './batch.ts'
import type { Memory } from './memory.ts'

const firstBufferBytes = 4_096

export interface FillingHost {
  readonly memory: Memory
  readonly clock: Clock
}

export class Filling {
  readonly #place: Omit<BatchPlace, 'order'>
  readonly #host: FillingHost
  readonly #batchBytesMax: () => number
  /** The size that the batch before this one needed. */
  #bufferBytes = firstBufferBytes
  #orders = 0
  batch: Batch | undefined
  /** The batch has waited long enough and may go. */
  flushed = false

  /** `batchBytesMax`: the size of a batch that travels well to the present leader; a larger record travels alone. */
  constructor (place: Omit<BatchPlace, 'order'>, host: FillingHost, batchBytesMax: () => number) {
    this.#place = place
    this.#host = host
    this.#batchBytesMax = batchBytesMax
  }

  /** The batch where the record fits into it; undefined where there is none, or it is full. */
  withRoomFor (record: SinkRecord): Batch | undefined {
    const { batch } = this
    if (batch === undefined || batch.records.hasRoomFor(record)) return batch
    return this.#host.memory.grow(batch, record, this.#batchBytesMax()) ? batch : undefined
  }

  /** A new batch for a record; undefined where the budget does not allow it. */
  begin (record: SinkRecord): Batch | undefined {
    const order = ++this.#orders
    const { memory, clock } = this.#host
    const size = { bytes: Math.min(this.#bufferBytes, this.#batchBytesMax()), nowMs: clock.nowMs() }
    this.batch = memory.begin({ ...this.#place, order }, record, size)
    return this.batch
  }

  /** No record joins the batch any more: gives it away, without those that were recalled, where any is left. */
  seal (): Batch | undefined {
    const batch = this.remove()
    if (batch === undefined) return undefined
    this.#bufferBytes = batch.records.buffer.length
    if (batch.recalledCount > 0) return this.#host.memory.without(batch)
    batch.records.seal()
    return batch
  }

  /** Gives the batch away as it is. */
  remove (): Batch | undefined {
    const { batch } = this
    this.batch = undefined
    this.flushed = false
    return batch
  }
}
