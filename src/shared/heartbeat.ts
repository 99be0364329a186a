// A counter per thread in shared memory: the thread counts up, the supervisor sees who stopped counting.

/** One Int32 cell per thread. */
export function createPulseCells (threadCount: number): SharedArrayBuffer {
  return new SharedArrayBuffer(4 * threadCount)
}

/** Counts up now and every `everyMs` until the returned function is called. A looping thread cannot. */
export function beat (shared: SharedArrayBuffer, thread: number, everyMs: number): () => void {
  const cells = new Int32Array(shared)
  // A thread that took long to load would else count as silent since then, in the moment it is ready.
  Atomics.add(cells, thread, 1)
  const timer = setInterval(() => { Atomics.add(cells, thread, 1) }, everyMs)
  timer.unref()
  return () => clearInterval(timer)
}

/** Tells how long a thread has been silent. */
export interface Watch {
  /** Milliseconds since the counter was last seen to move. */
  silentMs (nowMs: number): number
  /** Starts over, for a new thread in the same cell. */
  reset (nowMs: number): void
}

export function watchPulse (shared: SharedArrayBuffer, thread: number, startMs: number): Watch {
  const cells = new Int32Array(shared)
  let seen = Atomics.load(cells, thread)
  let movedAtMs = startMs
  return {
    silentMs (nowMs) {
      const count = Atomics.load(cells, thread)
      if (count !== seen) {
        seen = count
        movedAtMs = nowMs
      }
      return nowMs - movedAtMs
    },
    reset (nowMs) {
      seen = Atomics.load(cells, thread)
      movedAtMs = nowMs
    }
  }
}
