// Chooses the partition of a record: by its key as the Java client does, or without a key one partition for a while.

const seed = 0x9747b28c | 0
const multiplier = 0x5bd1e995

/** MurmurHash2 over 32 bits with Kafka's seed, as `org.apache.kafka.common.utils.Utils.murmur2` computes it. */
export function murmur2 (data: Buffer): number {
  const { length } = data
  let hash = seed ^ length
  const whole = length & ~3
  for (let i = 0; i < whole; i += 4) {
    let part = (data[i] ?? 0) | (data[i + 1] ?? 0) << 8 | (data[i + 2] ?? 0) << 16 | (data[i + 3] ?? 0) << 24
    part = Math.imul(part, multiplier)
    part = Math.imul(part ^ part >>> 24, multiplier)
    hash = Math.imul(hash, multiplier) ^ part
  }
  const rest = length - whole
  if (rest > 0) {
    if (rest === 3) hash ^= (data[whole + 2] ?? 0) << 16
    if (rest >= 2) hash ^= (data[whole + 1] ?? 0) << 8
    hash = Math.imul(hash ^ (data[whole] ?? 0), multiplier)
  }
  hash = Math.imul(hash ^ hash >>> 13, multiplier)
  return hash ^ hash >>> 15
}

/** The partition that every Java-compatible client gives this key. */
export function partitionOfKey (key: Buffer, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount
}

/**
 * For records without a key: stays on one partition until a batch's worth of bytes went there, then moves to another
 * one chosen at random (KIP-794), so that batches are full and partitions even. The longer the queue of a partition
 * beside the others', the less often it is chosen, so that a slow broker gets less.
 */
export class StickyPartition {
  readonly #bytesMax: number
  readonly #random: () => number
  readonly #load: (partition: number) => number
  #available: readonly number[] = []
  #current = -1
  #bytes = 0

  /** `load` says how many batches wait for a partition. */
  constructor (bytesMax: number, random: () => number = Math.random, load: (partition: number) => number = () => 0) {
    this.#bytesMax = bytesMax
    this.#random = random
    this.#load = load
  }

  /** Tells which partitions have a leader now; at least one. */
  offer (available: readonly number[]): void {
    this.#available = available
    if (!available.includes(this.#current)) this.#move()
  }

  take (bytes: number): number {
    if (this.#bytes >= this.#bytesMax) this.#move()
    this.#bytes += bytes
    return this.#current
  }

  #move (): void {
    this.#bytes = 0
    const others = this.#available.filter((each) => each !== this.#current)
    const loads = others.map(this.#load)
    const most = Math.max(...loads)
    const weights = loads.map((load) => most + 1 - load)
    let rest = this.#random() * weights.reduce((sum, weight) => sum + weight, 0)
    for (const [at, other] of others.entries()) {
      this.#current = other
      rest -= weights[at] ?? 0
      if (rest < 0) return
    }
  }
}
