// How long to wait before the next try: doubles from try to try up to a limit, with jitter so that workers spread.

const firstMs = 50
const lastMs = 1_000

/** Milliseconds to wait after `failureCount` failures in a row, counted from 1: half to all of the full time. */
export function backoffMs (failureCount: number, random: () => number = Math.random): number {
  const full = Math.min(lastMs, firstMs * 2 ** Math.min(failureCount - 1, 10))
  return full / 2 + random() * full / 2
}
