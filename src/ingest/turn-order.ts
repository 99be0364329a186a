// Keeps a connection's events in order: while one of them is being judged by I/O, later ones wait behind it.

/** More pieces of work than this waiting on one connection is a refusal. */
const waitingWorkMax = 1_024

export interface TurnOrderOptions<Work> {
  /** Begins a piece of work; a promise holds the connection's turn until it settles. Must not throw or reject. */
  readonly run: (work: Work) => Promise<void> | undefined
  /** Takes work for which there is no room on its connection. */
  readonly refuse: (work: Work) => void
}

export interface TurnOrder<Work> {
  /** Runs the work now, or when it is its turn. */
  submit (connectionId: number, work: Work): void
  /** Pieces of work that wait now, over all connections. */
  readonly waitingCount: () => number
}

/** One queue per connection, only while it is needed. */
export function createTurnOrder<Work> (options: TurnOrderOptions<Work>): TurnOrder<Work> {
  const { run, refuse } = options
  /** A connection is in here while its turn is held. */
  const queues = new Map<number, Work[]>()
  // Work submitted from inside other work (a sink settles at once, the settler sends more) runs when that is done:
  // nothing overtakes what is still under way, and the stack does not grow with the number of events.
  const nested: { connectionId: number, work: Work }[] = []
  let running = false
  let waitingCount = 0

  /** True where the work holds its connection's turn. */
  function start (connectionId: number, work: Work): boolean {
    const late = run(work)
    if (late === undefined) return false
    const next = (): void => release(connectionId)
    late.then(next, next)
    return true
  }

  function queueOrStart (connectionId: number, work: Work): void {
    const queue = queues.get(connectionId)
    if (queue === undefined) {
      if (start(connectionId, work)) queues.set(connectionId, [])
    } else if (queue.length < waitingWorkMax) {
      queue.push(work)
      waitingCount++
    } else {
      refuse(work)
    }
  }

  function runNested (): void {
    for (let one = nested.shift(); one !== undefined; one = nested.shift()) queueOrStart(one.connectionId, one.work)
    running = false
  }

  /** The held turn is over: what waits runs, up to the next piece that holds the turn itself. */
  function release (connectionId: number): void {
    const queue = queues.get(connectionId) ?? []
    running = true
    let held = false
    while (!held) {
      const work = queue.shift()
      if (work === undefined) break
      waitingCount--
      held = start(connectionId, work)
    }
    if (!held) queues.delete(connectionId)
    runNested()
  }

  return {
    waitingCount: () => waitingCount,
    submit (connectionId, work) {
      if (running) {
        nested.push({ connectionId, work })
        return
      }
      running = true
      queueOrStart(connectionId, work)
      runNested()
    }
  }
}
