// Several nodes of several workers each that share one limit in a real store, and the rules their traces must keep.

import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { BucketSettings } from '../../src/contract/table.ts'
import { createTableClock } from '../../src/shared/table-clock.ts'
import { createTableMemory } from '../../src/shared/table.ts'
import type { LeaseOrders, LeaseTrace } from './lease-thread.ts'

interface Crowd extends Pick<LeaseOrders, 'url' | 'onStoreFailure' | 'settings' | 'asksPerMs'> {
  readonly nodesCount: number
  readonly workersCount: number
}

export interface LeaseNodes {
  /** Lets them ask for so long. */
  run (ms: number): Promise<void>
  /** What all of them took, by time, and how often they asked. */
  stop (): Promise<{ takenAtMs: number[], roundTripsCount: number, askedCount: number }>
}

const clock = createTableClock()
/** The clock of all threads. */
export const nodesNowMs = (): number => clock.steadyMs()

/** Resolves when all of them are connected. */
export async function startLeaseNodes ({ nodesCount, workersCount, ...orders }: Crowd): Promise<LeaseNodes> {
  const seed = { low: 17, high: 4 }
  const threads = Array.from({ length: nodesCount }, () => {
    const local = createTableMemory(orders.settings, { workerCount: workersCount, seed, clock })
    return Array.from({ length: workersCount }, (_, worker) => new Worker(
      new URL('./lease-thread.ts', import.meta.url), { workerData: { ...orders, local, worker } satisfies LeaseOrders }))
  }).flat()
  await Promise.all(threads.map(thread => once(thread, 'message')))
  return {
    run: ms => pause(ms),
    async stop () {
      const traces = await Promise.all(threads.map(async thread => {
        thread.postMessage('end')
        const [trace] = await once(thread, 'message') as [LeaseTrace]
        await thread.terminate()
        return trace
      }))
      const sum = (read: (trace: LeaseTrace) => number): number => traces.reduce((all, trace) => all + read(trace), 0)
      return {
        takenAtMs: traces.flatMap(({ takenAtMs }) => [...takenAtMs]).sort((one, other) => one - other),
        roundTripsCount: sum(trace => trace.roundTripsCount), askedCount: sum(trace => trace.askedCount)
      }
    }
  }
}

/**
 * The most units that any stretch of time saw beyond the rate: never above the burst. Times are noted after the
 * decision, in a thread that may wait for its core: `lateMs` of the rate can look like too much.
 */
export function worstDebtUnits (takenAtMs: readonly number[], { unitsPerSecondMax }: BucketSettings): number {
  let debt = 0
  let worst = 0
  let lastMs = -Infinity
  for (const atMs of takenAtMs) {
    debt = Math.max(0, debt - (atMs - lastMs) * unitsPerSecondMax / 1e3) + 1
    lastMs = atMs
    worst = Math.max(worst, debt)
  }
  return worst
}
