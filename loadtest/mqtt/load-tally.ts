// What the clients of one load count together, and percentiles of it.

const reasonsMax = 5

/** What the clients of one load count together. */
export class LoadTally {
  /** From the first sending to PUBACK or PUBREC, in milliseconds. */
  readonly ackMs: number[] = []
  /** Of QoS 2: to PUBCOMP. */
  readonly completeMs: number[] = []
  sentCount = 0
  resentCount = 0
  refusedCount = 0
  /** Acknowledgements that did not come in the order of sending, or of nothing that is under way. */
  misorderedCount = 0
  strayCount = 0
  /** Connections that were ended by this side on purpose, and those that ended otherwise. */
  cutCount = 0
  brokenCount = 0
  /** Why the first ones of these ended. */
  readonly reasons: string[] = []
  /** When something was last acknowledged, or sent at QoS 0; of `performance.now`. */
  lastMs = 0

  /** A connection ended that was not to end. */
  broken (reason: string): void {
    this.brokenCount += 1
    if (this.reasons.length < reasonsMax) this.reasons.push(reason)
  }
}

/** The value that so large a share (0.5 is the median) does not exceed; sorts the values in place. */
export function percentile (values: number[], share: number): number {
  values.sort((a, b) => a - b)
  return values[Math.max(0, Math.ceil(values.length * share) - 1)] ?? NaN
}
