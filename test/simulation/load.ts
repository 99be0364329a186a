// The records of a schedule: several topics and keys, all sizes, some that Kafka refuses, deadlines of all kinds.

import type { SinkRecord } from '../../src/contract/sink.ts'
import { invalidMark } from './partition-model.ts'
import type { Random } from './random.ts'

/** More than any topic takes. */
export const hugeBytes = 6_000

export interface Load {
  readonly topics: readonly string[]
  /** Share of the records that Kafka finds invalid. */
  readonly invalidShare: number
  /** Share of the records that no topic takes. */
  readonly hugeShare: number
  /** Share of the records without a deadline. */
  readonly patientShare: number
  /** The longest deadline, in milliseconds. */
  readonly deadlineMsMax: number
  readonly valueBytesMax: number
}

export interface Loaded { readonly record: SinkRecord, readonly inMs: number | undefined }

const filling = Buffer.from(Array.from({ length: 8_192 }, (_, at) => at * 167 + (at >> 8) & 0xff))

/** What the operator's file would say of this load. */
export function drawLoad (random: Random, topics: readonly string[]): Load {
  return {
    topics, invalidShare: random.chance(0.3) ? 0.03 : 0, hugeShare: 0.01,
    patientShare: random.pick([0, 0.3, 0.7, 1]),
    deadlineMsMax: random.pick([100, 1_000, 5_000]), valueBytesMax: random.pick([20, 200, 200, 2_000])
  }
}

/** One record, without its ticket; `inMs` says how long it may take. */
export function drawRecord (random: Random, load: Load, nowMs: number): Loaded {
  const marked = random.chance(load.invalidShare)
  const valueBytes = random.chance(load.hugeShare) ? hugeBytes : random.between(4, load.valueBytesMax)
  const value = Buffer.from(filling.subarray(random.below(1_000)).subarray(0, valueBytes))
  const headers = random.chance(0.2) ? ['trace', `ä${random.below(1_000)}`] : []
  return {
    record: {
      topic: random.pick(load.topics), key: random.chance(0.4) ? null : Buffer.from(random.pick(keys)), value,
      headers: marked ? [...headers, invalidMark, 'yes'] : headers, timestampMs: Math.floor(nowMs) + random.below(20),
      id: `id-${random.below(1e9)}`, source: '/simulation'
    },
    inMs: random.chance(load.patientShare) ? undefined : random.between(-1, load.deadlineMsMax)
  }
}

const keys = ['a', 'b', 'c', 'd', 'e', 'customer-1', 'customer-2']
