// Remembers for a while what names no time of its own, so that none is taken twice; without room the oldest goes.

export interface Recent {
  /** True the first time within the while. `nowMs` is milliseconds since the epoch. */
  take (proof: string, nowMs: number): boolean
  readonly keptCount: () => number
}

export function createRecent ({ holdsMs, countMax }: { holdsMs: number, countMax: number }): Recent {
  const takenMs = new Map<string, number>()
  return {
    take (proof, nowMs) {
      for (const [oldest, atMs] of takenMs) {
        if (nowMs - atMs <= holdsMs && takenMs.size < countMax) break
        takenMs.delete(oldest)
      }
      if (takenMs.has(proof)) return false
      takenMs.set(proof, nowMs)
      return true
    },
    keptCount: () => takenMs.size
  }
}
