// The buffers that batches are built in: powers of two, charged to a byte budget, kept for reuse up to a bound.

import type { ByteBudget } from '../options.ts'

const smallestBytes = 4_096
/** Free buffers kept for reuse, in all sizes; they are not charged to the budget. */
const freeBytesMax = 8 * 1024 * 1024

export class Arenas {
  readonly #budget: ByteBudget
  readonly #largestBytes: number
  /** By the power of two of their size. */
  readonly #free: Buffer[][] = []
  freeBytes = 0
  usedBytes = 0

  /** Larger buffers than `largestBytes` are made to measure and not kept. */
  constructor (budget: ByteBudget, largestBytes: number) {
    this.#budget = budget
    this.#largestBytes = largestBytes
  }

  /** A buffer of at least `bytes`; undefined where the budget does not allow it. Its content is anything. */
  take (bytes: number): Buffer | undefined {
    const size = this.#sizeFor(bytes)
    if (!this.#budget.take(size)) return undefined
    this.usedBytes += size
    const kept = this.#free[Math.log2(size)]?.pop()
    if (kept === undefined) return Buffer.allocUnsafeSlow(size)
    this.freeBytes -= size
    return kept
  }

  /** A buffer of exactly `bytes` for a copy of a batch that exists already. */
  takeForCopy (bytes: number): Buffer {
    this.#budget.charge(bytes)
    this.usedBytes += bytes
    return Buffer.allocUnsafeSlow(bytes)
  }

  /** Takes one back that nobody reads any more: neither a batch nor a socket. */
  give (buffer: Buffer): void {
    const { length } = buffer
    this.usedBytes -= length
    this.#budget.give(length)
    const power = Math.log2(length)
    if (!Number.isInteger(power) || length > this.#largestBytes || this.freeBytes + length > freeBytesMax) return
    this.freeBytes += length
    const same = this.#free[power] ??= []
    same.push(buffer)
  }

  #sizeFor (bytes: number): number {
    if (bytes > this.#largestBytes) return bytes
    let size = smallestBytes
    while (size < bytes) size *= 2
    return Math.min(size, Math.max(bytes, this.#largestBytes))
  }
}
