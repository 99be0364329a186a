// Waits for a condition that nothing announces, by asking again and again, within a time.

import { setTimeout as pause } from 'node:timers/promises'

export interface Wait {
  readonly timeoutMs: number
  /** What did not come, for the error. */
  readonly what: () => string
}

const askEveryMs = 20

/** Resolves with the milliseconds it took. */
export async function until (holds: () => boolean | Promise<boolean>, { timeoutMs, what }: Wait): Promise<number> {
  const startMs = performance.now()
  while (!await holds()) {
    if (performance.now() - startMs > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what()}`)
    await pause(askEveryMs)
  }
  return performance.now() - startMs
}
