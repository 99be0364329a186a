// Time for tables of counts: a steady one that is the same in every thread of the process, and the wall clock.

/** Milliseconds. Tests give their own. */
export interface TableClock {
  /** Never goes back, and nobody can set it. */
  steadyMs (): number
  /** Since the epoch. */
  wallMs (): number
}

const triesCount = 25

/**
 * `performance.now()` counts the same clock in every thread (CLOCK_MONOTONIC on Linux), but from the start of that
 * thread; `process.hrtime()` counts it from one point for the whole process, and allocates. So the distance of the
 * two is taken once: it is constant, and known to half of the shortest time between two readings around it, which is
 * below 1 us.
 */
export function createTableClock (): TableClock {
  let shortestMs = Infinity
  let distanceMs = 0
  for (let attempt = 0; attempt < triesCount; attempt++) {
    const beforeMs = performance.now()
    const [seconds, nanoseconds] = process.hrtime()
    const afterMs = performance.now()
    if (afterMs - beforeMs >= shortestMs) continue
    shortestMs = afterMs - beforeMs
    distanceMs = seconds * 1e3 + nanoseconds / 1e6 - (beforeMs + afterMs) / 2
  }
  return { steadyMs: () => performance.now() + distanceMs, wallMs: () => Date.now() }
}
