// Tables under real threads: what all of them took together is never above the limit, and no refusal was wrong.

import { Worker } from 'node:worker_threads'
import t from 'tap'
import type { BucketSettings, TableSettings } from '../contract/table.ts'
import type { TableOrder } from '../../test/support/table-thread.ts'
import { until } from '../../test/support/until.ts'
import { ticksOf } from './bucket-ticks.ts'
import { createTableClock } from './table-clock.ts'
import { createTable, createTableMemory, reclaimTable } from './table.ts'

const clock = createTableClock()
const memoryOf = (settings: TableSettings, workerCount: number): SharedArrayBuffer =>
  createTableMemory(settings, { workerCount, clock, seed: { low: 17, high: 4 } })

interface Decision { readonly atMs: number, readonly units: number, readonly wantedUnits: number }

/** Lets threads take from one table at once; their decisions, by time. */
async function hammer (
  settings: TableSettings, threadsCount: number, load: { decisionsCount: number, strangersEach: number }
): Promise<Decision[]> {
  const shared = memoryOf(settings, threadsCount)
  const gate = new SharedArrayBuffer(8)
  const traces = await Promise.all(Array.from({ length: threadsCount }, async (_, worker) => {
    const trace = new SharedArrayBuffer(16 * load.decisionsCount)
    const order: TableOrder = { shared, settings, worker, trace, gate, threadsCount, gives: false, ...load }
    const thread = new Worker(new URL('../../test/support/table-thread.ts', import.meta.url), { workerData: order })
    await new Promise((resolve, reject) => { thread.once('exit', resolve).once('error', reject) })
    return new Float64Array(trace)
  }))
  const decisions = traces.flatMap(trace => Array.from({ length: load.decisionsCount }, (_, at): Decision =>
    ({ atMs: trace[2 * at] ?? NaN, units: trace[2 * at + 1] ?? NaN, wantedUnits: 1 + at % 3 })))
  return decisions.sort((one, other) => one.atMs - other.atMs)
}

/**
 * Follows the decisions with a bucket of plain numbers. Clocks of two threads agree to 1 us; a thread reads the
 * bucket a moment before its clock, so its refusals are held against all that was taken up to 2 us after it.
 */
function faultsIn (decisions: readonly Decision[], settings: BucketSettings): string[] {
  const { perMs, burst, costOf } = ticksOf(settings)
  const slackTicks = 0.002 * perMs + 1
  const faults: string[] = []
  let fullAt = -Infinity
  let ahead = 0
  for (const { atMs, units, wantedUnits } of decisions) {
    const now = Math.floor(atMs * perMs)
    for (let next = decisions[ahead]; next !== undefined && next.atMs <= atMs + 0.002; next = decisions[++ahead]) {
      const taken = Math.floor(next.atMs * perMs)
      fullAt = Math.max(fullAt, taken) + costOf(next.units)
      if (fullAt - taken > burst + slackTicks) faults.push(`${next.units} too many at ${next.atMs}`)
    }
    const left = burst - Math.max(0, fullAt - now)
    if (units < wantedUnits && left > costOf(1) + slackTicks) faults.push(`refused at ${atMs} with ${left} ticks left`)
  }
  return faults
}

for (const threadsCount of [2, 4, 8]) {
  t.test(`${threadsCount} threads take from one bucket: never more than burst and rate allow, never less`, async t => {
    // A fast one, so that many decisions are close calls.
    const settings: BucketSettings = { kind: 'bucket', unitsPerSecondMax: 200_000, burstUnits: 50, keysMax: 1_000 }
    const decisions = await hammer(settings, threadsCount, { decisionsCount: 120_000 / threadsCount, strangersEach: 0 })
    const [passed, refused] = [decisions.filter(one => one.units > 0), decisions.filter(one => one.units === 0)]
    t.comment(`${passed.length} passed, ${refused.length} refused`)
    t.ok(passed.length > 100 && refused.length > 100, 'the bucket was contended')
    t.same(faultsIn(decisions, settings).slice(0, 5), [])
  })
}

t.test('in a storm of new keys that evict each other the limit of a key that goes on is as exact', async t => {
  const settings: BucketSettings = { kind: 'bucket', unitsPerSecondMax: 20_000, burstUnits: 3, keysMax: 16 }
  const decisions = await hammer(settings, 4, { decisionsCount: 10_000, strangersEach: 5 })
  const { perMs, burst, costOf } = ticksOf(settings)
  let fullAt = -Infinity
  let mostAhead = 0
  for (const { atMs, units } of decisions) {
    const now = Math.floor(atMs * perMs)
    fullAt = Math.max(fullAt, now) + costOf(units)
    mostAhead = Math.max(mostAhead, fullAt - now)
  }
  t.ok(mostAhead <= burst + 0.002 * perMs + 1, `${mostAhead} ticks ahead of ${burst}`)
  t.ok(decisions.some(({ units }) => units > 0))
})

t.test('what threads read of their clock lies between two readings of the main thread, to 2 us', async t => {
  const settings: BucketSettings = { kind: 'bucket', unitsPerSecondMax: 1e6, burstUnits: 1e6, keysMax: 1 }
  const startMs = clock.steadyMs()
  const decisions = await hammer(settings, 2, { decisionsCount: 1_000, strangersEach: 0 })
  const endMs = clock.steadyMs()
  t.ok((decisions[0]?.atMs ?? 0) > startMs - 0.002)
  t.ok((decisions.at(-1)?.atMs ?? Infinity) < endMs + 0.002)
})

t.test('a worker that is killed while it takes and gives leaves nothing taken, and no lock', async t => {
  const settings: TableSettings = { kind: 'level', levelMax: 100, keysMax: 1 }
  const shared = memoryOf(settings, 2)
  const survivor = createTable(shared, settings, { worker: 0 })
  t.equal(survivor.take('key', 7, true), 7)
  for (let round = 0; round < 10; round++) {
    const gate = new SharedArrayBuffer(8)
    const order: TableOrder = {
      shared, settings, worker: 1, trace: new SharedArrayBuffer(0), gate,
      threadsCount: 1, decisionsCount: 0, strangersEach: 3, gives: true
    }
    const thread = new Worker(new URL('../../test/support/table-thread.ts', import.meta.url), { workerData: order })
    await until(() => Atomics.load(new Int32Array(gate), 1) > 1_000, { timeoutMs: 60_000, what: () => 'a thread that works' })
    await thread.terminate()
    reclaimTable(shared, settings, 1)
    t.equal(survivor.read('key', 1).leftUnits, 93, 'the survivor\'s 7 and nothing else')
    t.equal(survivor.take(`new ${round}`, 100, true), 100)
    survivor.give(`new ${round}`, 100)
    t.equal(survivor.keysCount(), 1)
  }
})
