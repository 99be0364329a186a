// Limits over several nodes, under a manual clock: never too much in any stretch of time, also without the store.

import fc from 'fast-check'
import t from 'tap'
import type { Log } from '../contract/adapter.ts'
import { Secret } from '../contract/secret.ts'
import type { BucketSettings, Table, WindowSettings } from '../contract/table.ts'
import { FakeStore, passSlowly } from '../../test/support/fake-store.ts'
import { ManualClock } from '../../test/support/manual-clock.ts'
import { tablesFor } from '../../test/support/table-rig.ts'
import type { SharedSettings } from './lease.ts'
import { createSharedLimits } from './shared-limits.ts'
import type { SharedLimits } from './shared-limits.ts'

interface Worker { readonly limits: SharedLimits, readonly table: Table, readonly lines: string[] }

type Failure = 'local' | 'deny' | 'allow'

const bucket = (unitsPerSecondMax: number, burstUnits: number, keysMax = 100): BucketSettings =>
  ({ kind: 'bucket', unitsPerSecondMax, burstUnits, keysMax })

async function workerOf (store: FakeStore, settings: SharedSettings, onFailure: Failure = 'local'): Promise<Worker> {
  const lines: string[] = []
  const note = (fields: object, text: string): void => { lines.push(`${JSON.stringify(fields)} ${text}`) }
  const log: Log = { debug: note, info: note, warn: note, error: note }
  const redis = { url: new Secret('redis://:canary-7@a'), keyPrefix: '', connectTimeoutMs: 50, commandTimeoutMs: 20 }
  const limits = createSharedLimits({
    settings: { redis, onStoreFailure: onFailure }, log, store: store.open(), clock: store.clock
  })
  const [local] = tablesFor([settings])
  if (local === undefined) throw new Error('no table')
  const table = limits.share('policies[0]/rate-limit/0', local)
  const started = limits.start()
  await passSlowly(store.clock, 60)
  await started
  return { limits, table, lines }
}

/** As the policies ask: at once, and where that is not enough, soon. */
async function take (store: FakeStore, { table }: Worker, key: string, units = 1): Promise<number> {
  const whole = true
  const taken = table.take(key, units, whole)
  if (taken === units) return taken
  const soon = table.takeSoon?.(key, units - taken, whole)
  if (soon === undefined) return taken
  const waited = passSlowly(store.clock, 60)
  const more = await soon
  await waited
  return taken + more
}

const gauge = ({ limits }: Worker, name: string): number => limits.gauges.get(name)?.() ?? NaN

t.test('a key that is new waits for one round trip, and two workers share its burst', async t => {
  const store = new FakeStore(new ManualClock())
  const [one, other] = [await workerOf(store, bucket(1, 5)), await workerOf(store, bucket(1, 5))]
  t.equal(one.table.take('a', 1, true), 0)
  const taken: number[] = []
  for (const worker of [one, other, one, other, one, other, one]) taken.push(await take(store, worker, 'a'))
  t.equal(taken.reduce((sum, units) => sum + units, 0), 5)
  t.equal(await take(store, one, 'b'), 1, 'another key has its own')
})

t.test('what the store refused is refused at once until there can be more', async t => {
  const store = new FakeStore(new ManualClock())
  const worker = await workerOf(store, bucket(1, 1))
  t.equal(await take(store, worker, 'a'), 1)
  await take(store, worker, 'a')
  const { roundTripsCount } = store
  t.equal(worker.table.take('a', 1, true), 0)
  t.equal(worker.table.takeSoon?.('a', 1, true), undefined)
  const { waitMs } = worker.table.read('a', 1)
  t.ok(waitMs > 0 && waitMs <= 1_125, `${waitMs} ms`)
  t.equal(store.roundTripsCount, roundTripsCount)
  await passSlowly(store.clock, waitMs)
  t.equal(await take(store, worker, 'a'), 1)
})

t.test('who sends steadily is served from leases that were fetched ahead: few round trips, no waiting', async t => {
  const store = new FakeStore(new ManualClock())
  const worker = await workerOf(store, bucket(10_000, 10_000))
  let waitedCount = 0
  let taken = 0
  for (let at = 0; at < 2_000; at++) {
    const got = worker.table.take('a', 1, true)
    taken += got
    if (got === 0) {
      waitedCount++
      void worker.table.takeSoon?.('a', 1, true)?.then(units => { taken += units })
    }
    await passSlowly(store.clock, 1)
  }
  await passSlowly(store.clock, 10)
  t.equal(taken, 2_000, 'all of them, at a tenth of the rate')
  t.ok(waitedCount < 20, `${waitedCount} waited`)
  t.ok(store.roundTripsCount < 80, `${store.roundTripsCount} round trips in 2 s`)
})

t.test('many keys that need a lease at once get it in one round trip', async t => {
  const store = new FakeStore(new ManualClock())
  const worker = await workerOf(store, bucket(10, 10))
  const before = store.roundTripsCount
  const all = Promise.all(Array.from({ length: 100 }, (_, at) => worker.table.takeSoon?.(`key ${at}`, 1, true)))
  await passSlowly(store.clock, 10)
  t.same(new Set(await all), new Set([1]))
  t.equal(store.roundTripsCount - before, 1)
  t.equal(new Set(store.orders.map(({ place }) => place)).size, 100)
})

t.test('a new key when all places are taken makes the one go that was not used for longest', async t => {
  const store = new FakeStore(new ManualClock())
  const worker = await workerOf(store, bucket(10, 10, 8))
  for (let at = 0; at < 50; at++) t.equal(await take(store, worker, `key ${at}`), 1)
  t.ok(gauge(worker, 'shared_limit_keys') <= 8)
  const waiting = Array.from({ length: 20 }, (_, at) => worker.table.takeSoon?.(`new ${at}`, 1, true))
  t.equal(waiting.filter(one => one === undefined).length, 12, 'whoever is waited for stays')
  t.equal(gauge(worker, 'shared_limit_events_waiting'), 8)
  await passSlowly(store.clock, 10)
  t.equal(gauge(worker, 'shared_limit_events_waiting'), 0)
})

t.test('units that nobody used can be taken again, and no more than were taken', async t => {
  const store = new FakeStore(new ManualClock())
  const window: WindowSettings = { kind: 'window', window: 'day', unitsMax: 1_000, keysMax: 8 }
  const worker = await workerOf(store, window)
  // Asked often enough for a lease ahead.
  for (let at = 0; at < 10; at++) worker.table.take('a', 10, true)
  void worker.table.takeSoon?.('a', 10, true)
  for (let at = 0; at < 10; at++) worker.table.take('a', 10, true)
  await passSlowly(store.clock, 10)
  const { leftUnits } = worker.table.read('a', 1)
  t.ok(leftUnits > 10, `${leftUnits} ahead`)
  t.equal(worker.table.take('a', 10, true), 10)
  worker.table.give('a', 4)
  worker.table.give('a', 4)
  t.equal(worker.table.read('a', 1).leftUnits, leftUnits - 6, 'once')
  worker.table.take('a', 1, true)
  worker.table.give('b', 1)
  t.equal(worker.table.read('a', 1).leftUnits, leftUnits - 7, 'of another key, nothing')
})

t.test('in a large event\'s way stand no small remains', async t => {
  const store = new FakeStore(new ManualClock())
  const worker = await workerOf(store, bucket(1_000, 1_000))
  t.equal(await take(store, worker, 'a', 900), 900)
  t.equal(await take(store, worker, 'a', 900), 0, 'nothing is leased that would not do')
  await passSlowly(store.clock, 1_000)
  t.equal(await take(store, worker, 'a', 900), 900)
  t.equal(await take(store, worker, 'a', 1_001), 0)
})

/** What is waited for is counted when its promise is heard, which may be some steps of the clock after it was taken. */
const heardLateMs = 3

const storm = fc.record({
  rate: fc.constantFrom(20, 100, 1_000, 5_000),
  burstMs: fc.constantFrom(50, 200, 1_000),
  workersCount: fc.integer({ min: 1, max: 4 }),
  latencyMs: fc.constantFrom(0.2, 1, 5),
  pressure: fc.constantFrom(0.3, 0.8, 3),
  seed: fc.integer()
})

t.test('whoever asks whenever, in no stretch of time more passes than burst + rate x its length', async () => {
  await fc.assert(fc.asyncProperty(storm, async ({ rate, burstMs, workersCount, latencyMs, pressure, seed }) => {
    const store = new FakeStore(new ManualClock())
    const burst = Math.max(1, Math.round(rate * burstMs / 1e3))
    const settings = bucket(rate, burst)
    const workers: Worker[] = []
    for (let at = 0; at < workersCount; at++) workers.push(await workerOf(store, settings))
    store.latencyMs = latencyMs
    let random = seed
    const next = (): number => (random = Math.imul(random, 1_103_515_245) + 12_345 | 0) / 2 ** 32 + 0.5
    let debt = 0
    let lastMs = store.clock.nowMs()
    const pass = (units: number): void => {
      const nowMs = store.clock.nowMs()
      debt = Math.max(0, debt - (nowMs - lastMs) * rate / 1e3) + units
      lastMs = nowMs
      if (debt > burst + rate * heardLateMs / 1e3 + 1e-6) throw new Error(`${debt} over a burst of ${burst}`)
    }
    for (let step = 0; step < 1_500; step++) {
      // A steady stream, under which leases are held while the bucket is nearly full, then more than all of it at once.
      const offered = step % 500 > 400 ? burst / 25 : rate / 1e3 * pressure + next() - 0.5
      for (let at = 1; at <= offered; at++) {
        const worker = workers[Math.floor(next() * workersCount)]
        const taken = worker?.table.take('key', 1, true) ?? 0
        pass(taken)
        if (taken === 0) void worker?.table.takeSoon?.('key', 1, true)?.then(pass)
      }
      await passSlowly(store.clock, 1)
    }
    for (const { limits } of workers) limits.close()
  }), { numRuns: 25 })
})

const failures: [failure: Failure, taken: number, wait: RegExp][] =
  [['local', 5, /[1-9]/], ['deny', 0, /^1000$/], ['allow', 20, /^0$/]]
for (const [failure, expected, waitMs] of failures) {
  for (const broken of [new Error('READONLY canary-7'), 'silence'] as const) {
    t.test(`without the store (${String(broken)}) \`${failure}\` holds, in time, and ends by itself`, async t => {
      const store = new FakeStore(new ManualClock())
      const worker = await workerOf(store, bucket(0.01, 5), failure)
      t.equal(await take(store, worker, 'a'), 1)
      store.broken = broken
      const beforeMs = store.clock.nowMs()
      const first = worker.table.takeSoon?.('b', 1, true)
      let decidedMs = NaN
      void first?.then(() => { decidedMs = store.clock.nowMs() })
      await passSlowly(store.clock, 40)
      t.equal(await first, Math.min(1, expected))
      t.ok(decidedMs - beforeMs <= 23, `decided after ${decidedMs - beforeMs} ms`)
      t.equal(gauge(worker, 'store_up'), 0)
      let taken = await first ?? 0
      for (let at = 0; at < 19; at++) {
        taken += worker.table.take('b', 1, true)
        t.equal(worker.table.takeSoon?.('b', 1, true), undefined, 'nobody waits')
      }
      t.equal(taken, expected)
      t.match(String(worker.table.read('b', 1).waitMs), waitMs)
      await passSlowly(store.clock, 10_000, 10)
      store.broken = undefined
      await passSlowly(store.clock, 3_000, 10)
      t.equal(gauge(worker, 'store_up'), 1)
      t.equal(await take(store, worker, 'b'), 1)
      t.equal(worker.lines.length, 3, worker.lines.join('; '))
      t.notMatch(worker.lines.join(), /canary/)
    })
  }
}

t.test('a store that is not there at the start holds up nothing for longer than a connection may take', async t => {
  const store = new FakeStore(new ManualClock())
  store.broken = 'silence'
  const worker = await workerOf(store, bucket(1, 5))
  t.equal(worker.table.take('a', 5, true), 5, 'the node\'s own table')
  worker.table.give('a', 1)
  t.equal(worker.table.read('a', 1).leftUnits, 1)
  worker.limits.close()
})

t.test('closing answers whoever still waits', async t => {
  const store = new FakeStore(new ManualClock())
  const worker = await workerOf(store, bucket(1, 5), 'deny')
  const soon = worker.table.takeSoon?.('a', 1, true)
  worker.limits.close()
  t.equal(await soon, 0)
})
