// Time as the producer core sees it, so that a simulation can stand in for it.

export interface Clock {
  /** Monotonic milliseconds, the clock of deadlines. */
  nowMs (): number
  /** Calls `run` once after `ms`; the returned function takes that back. */
  after (ms: number, run: () => void): () => void
  /** Calls `run` once when the current turn of the event loop is over. */
  soon (run: () => void): void
  /** From 0 to below 1, for jitter and choices. */
  random (): number
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  after (ms, run) {
    const timer = setTimeout(run, Math.max(0, ms))
    return () => { clearTimeout(timer) }
  },
  soon: (run) => { setImmediate(run) },
  random: Math.random
}
