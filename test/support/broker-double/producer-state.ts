// What one partition remembers of idempotent producers, after Kafka's ProducerStateManager and ProducerAppendInfo.

import type { BatchHeader } from './batch.ts'
import { codes } from './codes.ts'

/** How many batches of a producer are remembered; Kafka's NUM_BATCHES_TO_RETAIN. */
const windowMax = 5
const producersMax = 10_000
const sequenceMax = 0x7fff_ffff

interface Remembered { readonly first: number, readonly last: number, readonly baseOffset: number }

interface Producer { epoch: number, batches: Remembered[] }

/** What becomes of a batch: it is new, it was written before, or it is refused. */
export type Verdict =
  { readonly kind: 'new' } | { readonly kind: 'repeated', readonly baseOffset: number } |
  { readonly kind: 'refused', readonly code: number, readonly message: string }

export class ProducerState {
  readonly #producers = new Map<bigint, Producer>()

  judge (header: BatchHeader): Verdict {
    const { producerId, epoch, baseSequence } = header
    const known = this.#producers.get(producerId)
    // Where nothing is known of a producer, any number is taken as its first.
    if (producerId < 0n || known === undefined) return { kind: 'new' }
    const last = lastSequenceOf(header)
    const repeated = epoch === known.epoch
      ? known.batches.find(one => one.first === baseSequence && one.last === last) : undefined
    if (repeated !== undefined) return { kind: 'repeated', baseOffset: repeated.baseOffset }
    if (epoch < known.epoch) return refused(codes.invalidProducerEpoch, `epoch ${epoch} after ${known.epoch}`)
    const expected = epoch > known.epoch ? 0 : behind(known.batches.at(-1)?.last ?? -1)
    if (baseSequence === expected) return { kind: 'new' }
    // Kafka has no answer of its own for repetitions that it has forgotten: they are out of order too.
    return refused(codes.outOfOrderSequence, `sequence ${baseSequence} of epoch ${epoch}, not ${expected}`)
  }

  /** A new batch was written. */
  remember (header: BatchHeader, baseOffset: number): void {
    const { producerId, epoch, baseSequence } = header
    if (producerId < 0n) return
    let known = this.#producers.get(producerId)
    if (known?.epoch !== epoch) known = { epoch, batches: [] }
    known.batches.push({ first: baseSequence, last: lastSequenceOf(header), baseOffset })
    if (known.batches.length > windowMax) known.batches.shift()
    this.#producers.set(producerId, known)
    const [oldest] = this.#producers.keys()
    if (this.#producers.size > producersMax && oldest !== undefined) this.#producers.delete(oldest)
  }

  /** As after a retention that has taken everything a producer wrote. */
  forget (): void {
    this.#producers.clear()
  }
}

function refused (code: number, message: string): Verdict {
  return { kind: 'refused', code, message }
}

/** Numbers go from 2^31 - 1 on to 0. */
function behind (sequence: number): number {
  return sequence === sequenceMax ? 0 : sequence + 1
}

function lastSequenceOf ({ baseSequence, lastOffsetDelta }: BatchHeader): number {
  const last = baseSequence + lastOffsetDelta
  return last > sequenceMax ? last - sequenceMax - 1 : last
}
