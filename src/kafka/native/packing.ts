// Compresses sealed batches by the codec of their topic, where the byte budget has room, and counts what that saves.

import type { Log } from '../../contract/adapter.ts'
import type { Measure } from '../../contract/sink.ts'
import { compress } from '../compression.ts'
import type { Compression, Packed } from '../compression.ts'
import type { Batch } from './batch.ts'
import type { Memory } from './memory.ts'

/** Topics with counts of their own; further ones are counted as one. */
const countsMax = 1_000

export interface PackingHost {
  readonly log: Log
  readonly memory: Memory
  compressionOf (topic: string): Compression
}

/** What became of the sealed batches of a topic that has a codec; headers are counted as well. */
interface Counts {
  /** Before, and after: batches that stay as they are count in both. */
  inputBytes: number
  outputBytes: number
  /** Batches that stay as they are because the budget had no room for a copy. */
  skippedCount: number
}

interface Seat { readonly compression: Compression, readonly counts: Counts }

export class Packing {
  readonly #host: PackingHost
  /** By topic, as long as the sink knows it. */
  readonly #seats = new Map<string, Seat>()
  /** By topic, for good: what was counted does not go down when a topic is forgotten. */
  readonly #counts = new Map<string, Counts>()

  constructor (host: PackingHost) {
    this.#host = host
  }

  /** A topic begins: its compression is asked for now, and not again for each batch. */
  begin (topic: string): void {
    const compression = this.#host.compressionOf(topic)
    if (compression !== 'none') this.#seats.set(topic, { compression, counts: this.#countsOf(topic) })
  }

  forget (topic: string): void {
    this.#seats.delete(topic)
  }

  #countsOf (topic: string): Counts {
    const name = this.#counts.has(topic) || this.#counts.size < countsMax ? topic : ''
    const counts = this.#counts.get(name) ?? { inputBytes: 0, outputBytes: 0, skippedCount: 0 }
    this.#counts.set(name, counts)
    return counts
  }

  * measures (): Iterable<Measure> {
    for (const [topic, { inputBytes, outputBytes, skippedCount }] of this.#counts) {
      const labels = { topic }
      yield { name: 'kafka_compression_input_bytes_total', labels, value: inputBytes }
      yield { name: 'kafka_compression_output_bytes_total', labels, value: outputBytes }
      yield { name: 'kafka_compression_skipped_total', labels, value: skippedCount }
      // As Java's compression-rate: of what there was, how much is left.
      if (inputBytes > 0) yield { name: 'kafka_compression_ratio', labels, value: outputBytes / inputBytes }
    }
  }

  /**
   * Compresses a sealed batch, or leaves it as it is. Where that takes time `batch.packing` keeps it from being sent,
   * and `done` is called at the end.
   */
  pack (batch: Batch, done: () => void): void {
    const seat = this.#seats.get(batch.topic)
    if (seat === undefined) return
    const { compression, counts } = seat
    const packing = compress(compression, batch.records.records)
    if (!(packing instanceof Promise)) return this.#take(batch, packing, counts)
    batch.packing = true
    packing.then(packed => { this.#take(batch, packed, counts) }, (error: unknown) => {
      // A codec that fails leaves the records as they are.
      this.#host.log.error({ error }, 'a batch could not be compressed')
      this.#take(batch, undefined, counts)
    }).finally(() => {
      batch.packed()
      done()
    })
  }

  #take (batch: Batch, packed: Packed | undefined, counts: Counts): void {
    counts.inputBytes += batch.bytes.length
    if (packed !== undefined && !this.#host.memory.pack(batch, packed)) counts.skippedCount++
    counts.outputBytes += batch.bytes.length
  }
}
