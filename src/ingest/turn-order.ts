// Keeps a connection's events in order while one of them is being judged: later ones wait behind it.

/** More events than this waiting on one connection is a refusal. */
const waitingEventsMax = 1_024

export interface TurnOrder {
  /** True where an earlier event of this connection is still being judged. */
  busy (connectionId: number): boolean
  /** Runs `work` after what waits on the connection. False: too much waits already. */
  wait (connectionId: number, work: () => void): boolean
  /** The connection's turn is held until `done` settles; then what waits runs, in order. */
  hold (connectionId: number, done: Promise<void>): void
  readonly waitingCount: () => number
}

/** One queue per connection, only while it is needed. */
export function createTurnOrder (): TurnOrder {
  const queues = new Map<number, (() => void)[]>()
  let waitingCount = 0

  function release (connectionId: number): void {
    const queue = queues.get(connectionId)
    queues.delete(connectionId)
    if (queue === undefined) return
    for (let at = 0; at < queue.length; at++) {
      // A piece of work may hold the turn again: then the rest goes on waiting behind it.
      const standing = queues.get(connectionId)
      if (standing !== undefined) {
        standing.unshift(...queue.slice(at))
        return
      }
      waitingCount--
      queue[at]?.()
    }
  }

  return {
    waitingCount: () => waitingCount,
    busy: connectionId => queues.has(connectionId),
    wait (connectionId, work) {
      const queue = queues.get(connectionId)
      if (queue === undefined || queue.length >= waitingEventsMax) return false
      queue.push(work)
      waitingCount++
      return true
    },
    hold (connectionId, done) {
      queues.set(connectionId, [])
      const next = (): void => release(connectionId)
      done.then(next, next)
    }
  }
}
