// What a worker and the store say to each other about leases: units taken from a count before anybody asks for them.

import type { BucketSettings, WindowSettings } from '../contract/table.ts'

/** Counts that several nodes can share. */
export type SharedSettings = BucketSettings | WindowSettings

/** One question to the store. */
export interface LeaseOrder {
  readonly settings: SharedSettings
  /** Where the count lies, without the prefix. */
  readonly place: string
  /** What somebody waits for now; it is granted as far as there is any. */
  readonly needUnits: number
  /** Below that nothing is of use to those who wait. */
  readonly leastUnits: number
  /** On top of it, for what comes next: at most a quarter of what is left, so that other nodes find some, too. */
  readonly aheadUnits: number
}

/** The store's answer. */
export interface Grant {
  readonly units: number
  readonly leftUnits: number
  /** From the moment of the answer until `leastUnits` will be there; 0 where all that was needed is granted. */
  readonly waitMs: number
  /** How long the units may be used, from the moment of the question on. */
  readonly holdMs: number
}

/** The way to a store. Errors are of the client's library; whoever asks takes any of them for a store that failed. */
export interface LeaseStore {
  connect (): Promise<void>
  /** In one round trip, an answer for each in their order. */
  lease (orders: readonly LeaseOrder[]): Promise<readonly Grant[]>
  /** Ends the connection at once. Whatever was asked is answered by an error. */
  drop (): void
}

/** Time as leases see it; tests give their own. */
export interface LeaseClock {
  /** Milliseconds of a clock that nobody can set. */
  nowMs (): number
  /** Calls `run` once after `ms`, or for 0 after what has arrived is read; the returned function takes that back. */
  after (ms: number, run: () => void): () => void
}

export const systemLeaseClock: LeaseClock = {
  nowMs: () => performance.now(),
  after (ms, run) {
    if (ms <= 0) {
      const turn = setImmediate(run)
      return () => { clearImmediate(turn) }
    }
    const timer = setTimeout(run, ms)
    return () => { clearTimeout(timer) }
  }
}

const holdMsMax = 200
const holdMsMin = 10
/** The share of a bucket that may be lost to leases that lapse. */
const holdShare = 1 / 8

/**
 * How long units of a bucket may be used. The longer, the fewer round trips; the more of a burst is not there for
 * others. Units of a window hold as long as the window, because nothing refills it.
 */
export function bucketHoldMs ({ unitsPerSecondMax, burstUnits }: BucketSettings): number {
  return Math.max(holdMsMin, Math.min(holdMsMax, burstUnits / unitsPerSecondMax * 1e3 * holdShare))
}
