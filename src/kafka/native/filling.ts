// The batch of a lane that takes records: begins it, lets it grow, and seals it.

import type { SinkRecord } from '../../contract/sink.ts'
import type { Clock } from '../clock.ts'
import type { Batch, BatchPlace } from './batch.ts'
import type { Memory } from './memory.ts'

const firstBufferBytes = 4_096

export class Filling {
  readonly #place: Omit<BatchPlace, 'order'>
  readonly #memory: Memory
  readonly #clock: Clock
  /** The size that the batch before this one needed. */
  #bufferBytes = firstBufferBytes
  #orders = 0
  batch: Batch | undefined
  /** The batch has waited long enough and may go. */
  flushed = false

  constructor (place: Omit<BatchPlace, 'order'>, memory: Memory, clock: Clock) {
    this.#place = place
    this.#memory = memory
    this.#clock = clock
  }

  /** The batch where the record fits into it; undefined where there is none, or it is full. */
  withRoomFor (record: SinkRecord): Batch | undefined {
    const { batch } = this
    if (batch === undefined || batch.records.hasRoomFor(record)) return batch
    return this.#memory.grow(batch, record) ? batch : undefined
  }

  /** A new batch for a record; undefined where the budget does not allow it. */
  begin (record: SinkRecord): Batch | undefined {
    const order = ++this.#orders
    const size = { bytes: this.#bufferBytes, nowMs: this.#clock.nowMs() }
    this.batch = this.#memory.begin({ ...this.#place, order }, record, size)
    return this.batch
  }

  /** No record joins the batch any more: gives it away, without those that were recalled, where any is left. */
  seal (): Batch | undefined {
    const batch = this.remove()
    if (batch === undefined) return undefined
    this.#bufferBytes = batch.records.buffer.length
    if (batch.recalledCount > 0) return this.#memory.without(batch)
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
