// Remembers proofs that were taken, so that none is taken twice: bounded in time and number, never by forgetting early.

export interface Seen {
  /**
   * True the first time. `atMs` is when the proof itself says it was made. Where there is no room for all of them, the
   * oldest stop to hold, so that none is taken twice. `proof` is kept: give a digest. Times are ms since the epoch.
   */
  take (proof: string, atMs: number, nowMs: number): boolean
  readonly keptCount: () => number
}

export interface SeenLimits {
  /** How long after it was made a proof holds at most; whoever checks proofs refuses older ones. */
  readonly holdsMs: number
  readonly countMax: number
}

const sliceMs = 1_000

/** One memory, of one worker. */
export function createSeen ({ holdsMs, countMax }: SeenLimits): Seen {
  const slices = new Map<number, Set<string>>()
  let count = 0
  let floor = -Infinity

  function drop (slice: number): void {
    count -= slices.get(slice)?.size ?? 0
    slices.delete(slice)
    floor = Math.max(floor, slice)
  }

  function makeRoom (nowMs: number): void {
    const oldest = Math.floor((nowMs - holdsMs) / sliceMs) - 1
    if (oldest > floor) {
      for (const slice of slices.keys()) if (slice <= oldest) drop(slice)
      floor = oldest
    }
    while (count >= countMax) drop(Math.min(...slices.keys()))
  }

  return {
    take (proof, atMs, nowMs) {
      makeRoom(nowMs)
      const slice = Math.floor(atMs / sliceMs)
      if (slice <= floor) return false
      const known = slices.get(slice)
      if (known?.has(proof) === true) return false
      if (known === undefined) slices.set(slice, new Set([proof]))
      else known.add(proof)
      count += 1
      return true
    },
    keptCount: () => count
  }
}
