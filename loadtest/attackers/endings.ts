// How attackers ended, added up: how many, by what, and after how long.

export interface Ending {
  /** What the attacker was told or felt. */
  readonly how: string
  /** From its connection to its end. */
  readonly afterMs: number
}

export interface EndingsSummary {
  readonly droppedCount: number
  readonly ways: Readonly<Record<string, number>>
  readonly p50Ms: number
  readonly mostMs: number
}

/** The value below which the given part of all lies; 0 where there are none. `sorted` goes up. */
export function quantile (sorted: ArrayLike<number>, part: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0
}

export function summaryOf (endings: readonly Ending[]): EndingsSummary {
  const times = Float64Array.from(endings, ({ afterMs }) => afterMs).sort()
  const ways: Record<string, number> = {}
  for (const { how } of endings) ways[how] = (ways[how] ?? 0) + 1
  return { droppedCount: endings.length, ways, p50Ms: quantile(times, 0.5), mostMs: times.at(-1) ?? 0 }
}
