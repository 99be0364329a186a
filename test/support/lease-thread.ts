// One worker of a node for tests of shared limits: asks for a key without pause, and writes down when it got how much.

import { parentPort, workerData } from 'node:worker_threads'
import { Secret } from '../../src/contract/secret.ts'
import type { BucketSettings } from '../../src/contract/table.ts'
import { createSharedLimits } from '../../src/redis/shared-limits.ts'
import { createTableClock } from '../../src/shared/table-clock.ts'
import { createTable } from '../../src/shared/table.ts'

/** What such a thread is told. */
export interface LeaseOrders {
  readonly url: string
  readonly onStoreFailure: 'local' | 'deny' | 'allow'
  readonly settings: BucketSettings
  /** The node's own table. */
  readonly local: SharedArrayBuffer
  readonly worker: number
  readonly asksPerMs: number
}

/** Of one worker, when it is told to end. */
export interface LeaseTrace {
  /** Times on the clock of all threads, in milliseconds, of units that were taken. */
  readonly takenAtMs: Float64Array
  readonly roundTripsCount: number
  readonly askedCount: number
}

const { url, onStoreFailure, settings, local, worker, asksPerMs } = workerData as LeaseOrders
const clock = createTableClock()
const silent = { debug () {}, info () {}, warn () {}, error () {} }
const redis = { url: new Secret(url), keyPrefix: 'test:', connectTimeoutMs: 1_000, commandTimeoutMs: 200 }
const limits = createSharedLimits({ settings: { redis, onStoreFailure }, log: silent })
const table = limits.share('test', createTable(local, settings, { worker, clock }))
const takenAtMs: number[] = []
let askedCount = 0
const note = (units: number): void => { if (units > 0) takenAtMs.push(clock.steadyMs()) }

await limits.start()
parentPort?.postMessage('up')
let askedMs = clock.steadyMs()
const timer = setInterval(() => {
  const nowMs = clock.steadyMs()
  for (let at = Math.floor((nowMs - askedMs) * asksPerMs); at > 0; at--) {
    askedCount++
    const taken = table.take('key', 1, true)
    if (taken === 1) note(taken)
    else void table.takeSoon?.('key', 1, true)?.then(note)
  }
  askedMs = nowMs
}, 1)

parentPort?.once('message', () => {
  clearInterval(timer)
  const roundTripsCount = limits.gauges.get('store_round_trips_total')?.() ?? NaN
  limits.close()
  parentPort?.postMessage({ takenAtMs: Float64Array.from(takenAtMs), roundTripsCount, askedCount } satisfies LeaseTrace)
})
