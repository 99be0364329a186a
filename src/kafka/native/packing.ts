// Compresses sealed batches, each by the codec of its topic, off the event loop where they are large.

import type { Log } from '../../contract/adapter.ts'
import { compress } from '../compression.ts'
import type { Compression, Packed } from '../compression.ts'
import type { Batch } from './batch.ts'
import type { Lane } from './lane.ts'

export interface PackingHost {
  readonly log: Log
  compressionOf (topic: string): Compression
  /** A batch of the lane that took time may go now. */
  packed (lane: Lane): void
}

export class Packing {
  readonly #host: PackingHost
  /** By topic, as long as the sink knows it. */
  readonly #compressions = new Map<string, Compression>()

  constructor (host: PackingHost) {
    this.#host = host
  }

  /** A topic begins: its compression is asked for now, and not again for each batch. */
  begin (topic: string): void {
    this.#compressions.set(topic, this.#host.compressionOf(topic))
  }

  forget (topic: string): void {
    this.#compressions.delete(topic)
  }

  /** Compresses a sealed batch, or leaves it as it is. Until that is done, `batch.packing` keeps it from being sent. */
  pack (batch: Batch, lane: Lane): void {
    const packing = compress(this.#compressions.get(batch.topic) ?? 'none', batch.records.records)
    if (!(packing instanceof Promise)) return this.#take(batch, packing)
    batch.packing = true
    // A codec that fails leaves the records as they are.
    packing.then(packed => { this.#take(batch, packed) }, (error: unknown) => {
      this.#host.log.error({ error }, 'a batch could not be compressed')
    }).finally(() => {
      batch.packed()
      this.#host.packed(lane)
    })
  }

  #take (batch: Batch, packed: Packed | undefined): void {
    if (packed !== undefined) batch.records.pack(packed.codec, packed.bytes)
  }
}
