// Runs costly checks a few at a time, in order, with a bound for those that wait, and only once for the same key.

export interface CheckQueue<Answer> {
  /** Undefined: too many wait already. The same key while its check has not ended shares its answer. */
  run (key: string, check: () => Promise<Answer>): Promise<Answer> | undefined
  readonly runningCount: () => number
  readonly waitingCount: () => number
}

interface Bounds { readonly runningMax: number, readonly waitingMax: number }

export function createCheckQueue<Answer> ({ runningMax, waitingMax }: Bounds): CheckQueue<Answer> {
  const underWay = new Map<string, Promise<Answer>>()
  const waiting: (() => void)[] = []
  let runningCount = 0

  async function go (check: () => Promise<Answer>, turn: Promise<void> | undefined): Promise<Answer> {
    // Whoever ends hands the place on, so that it is never free while somebody waits.
    if (turn === undefined) runningCount++
    else await turn
    try {
      return await check()
    } finally {
      const next = waiting.shift()
      if (next === undefined) runningCount--
      else next()
    }
  }

  return {
    run (key, check) {
      const same = underWay.get(key)
      if (same !== undefined) return same
      const waits = runningCount >= runningMax
      if (waits && waiting.length >= waitingMax) return undefined
      const turn = waits ? new Promise<void>(resolve => { waiting.push(resolve) }) : undefined
      const answer = go(check, turn).finally(() => { underWay.delete(key) })
      underWay.set(key, answer)
      return answer
    },
    runningCount: () => runningCount,
    waitingCount: () => waiting.length
  }
}
