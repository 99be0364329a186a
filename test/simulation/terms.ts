// The terms of a schedule: how its brokers and links behave, how the producer is set, and how much memory it may take.

import type { ProducerSettings } from '../../src/kafka/config.ts'
import type { ByteBudget } from '../../src/kafka/options.ts'
import type { Random } from './random.ts'
import type { WorldRules } from './world.ts'

export function drawRules (random: Random): WorldRules {
  return {
    checksSequences: true, namesDuplicates: random.chance(0.4), tellsAtOnce: random.chance(0.5),
    isTalkative: random.chance(0.7), requestTimeoutMs: random.between(300, 2_000),
    connectionTimeoutMs: random.between(200, 1_000), latencyMs: random.pick([0.5, 5, 5, 20])
  }
}

export function drawSettings (random: Random): ProducerSettings {
  return {
    lingerMs: random.pick([0, 0, 0, 5, 20]), batchBytesMax: random.pick([1_024, 4_096, 4_096, 16_384]),
    deliveryTimeoutMs: random.between(1_000, 4_000),
    compression: 'none', topicsMax: random.pick([2, 10, 10])
  }
}

/** The node's budget, as far as this sink is concerned. */
export class CountingBudget implements ByteBudget {
  readonly bytesMax: number
  usedBytes = 0

  constructor (bytesMax: number) {
    this.bytesMax = bytesMax
  }

  take (bytes: number): boolean {
    if (this.usedBytes + bytes > this.bytesMax) return false
    this.usedBytes += bytes
    return true
  }

  give (bytes: number): void { this.usedBytes -= bytes }
  charge (bytes: number): void { this.usedBytes += bytes }
}
