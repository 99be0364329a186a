// How a bucket counts time: in ticks, so that one unit costs whole ticks and a time fits into 32 bits that wrap around.

import type { BucketSettings } from '../contract/table.ts'

export interface Ticks {
  readonly perMs: number
  /** The whole bucket, at most 2^30 ticks. */
  readonly burst: number
  /** What `units` cost, rounded up. */
  costOf (units: number): number
  /** How many units cost at most `ticks`. */
  unitsIn (ticks: number): number
}

const burstTicksMax = 2 ** 30
/** Half of the range of 32 bits lasts a minute at least. */
const ticksPerSecondMax = 2 ** 31 / 60

/**
 * Up to 35.8 million units a second and 2^30 units of burst a unit costs a whole number of ticks, so that nothing is
 * rounded. Above that a tick stands for several units, and a take that is no multiple of them pays for the rest of
 * its last tick.
 */
export function ticksOf ({ unitsPerSecondMax, burstUnits }: BucketSettings): Ticks {
  const forRate = Math.ceil(unitsPerSecondMax / ticksPerSecondMax)
  const unitsPerTick = Math.max(1, forRate, Math.ceil(burstUnits / burstTicksMax))
  const ticksPerUnit = unitsPerTick > 1
    ? 1 / unitsPerTick
    : Math.max(1, Math.floor(Math.min(ticksPerSecondMax / unitsPerSecondMax, burstTicksMax / burstUnits)))
  return {
    perMs: unitsPerSecondMax * ticksPerUnit / 1e3,
    burst: Math.floor(burstUnits * ticksPerUnit),
    costOf: units => unitsPerTick === 1 ? units * ticksPerUnit : Math.ceil(units / unitsPerTick),
    unitsIn: ticks => unitsPerTick === 1 ? Math.floor(ticks / ticksPerUnit) : ticks * unitsPerTick
  }
}
