// The scripts in a real Redis: what they grant, that it forgets, and that a server which lost them gets them again.

import t from 'tap'
import type { Test } from 'tap'
import { Secret } from '../contract/secret.ts'
import type { BucketSettings, WindowSettings } from '../contract/table.ts'
import { skipWithoutRedis, startRedis } from '../../test/support/redis-process.ts'
import { until } from '../../test/support/until.ts'
import type { LeaseOrder, LeaseStore, SharedSettings } from './lease.ts'
import { createRedisStore } from './store.ts'

const skip = skipWithoutRedis()
const redis = skip === false ? await startRedis() : undefined
t.teardown(() => redis?.kill())

const storeOf = (url: string): LeaseStore =>
  createRedisStore({ url: new Secret(url), keyPrefix: 'test:', connectTimeoutMs: 5_000, commandTimeoutMs: 5_000 })

async function connected (t: Test): Promise<LeaseStore> {
  const store = storeOf(redis?.url ?? '')
  await store.connect()
  t.teardown(() => { store.drop() })
  return store
}

const slow: BucketSettings = { kind: 'bucket', unitsPerSecondMax: 0.01, burstUnits: 100, keysMax: 8 }
const hourly: WindowSettings = { kind: 'window', window: 'hour', unitsMax: 100, keysMax: 8 }

const orderOf = (settings: SharedSettings, place: string, parts: Partial<LeaseOrder>): LeaseOrder =>
  ({ settings, place, needUnits: 0, leastUnits: 1, aheadUnits: 0, ...parts })

for (const settings of [slow, hourly]) {
  const { kind } = settings
  t.test(`a ${kind} grants what is needed, and ahead at most a quarter of the rest`, { skip }, async t => {
    const store = await connected(t)
    const lease = async (parts: Partial<LeaseOrder>): Promise<number[]> =>
      (await store.lease([orderOf(settings, kind, parts)])).map(({ units }) => units)
    t.same(await lease({ needUnits: 20 }), [20])
    const [ahead = NaN] = await lease({ needUnits: 10, aheadUnits: 1_000 })
    t.ok(ahead >= 10 + 60 / 4 && ahead <= 10 + 70 / 4, `${ahead} units`)
    const [rest] = await store.lease([orderOf(settings, kind, { needUnits: 1_000, leastUnits: 80 })])
    t.match(rest, { units: 0 }, 'nothing where that is of no use')
    t.ok((rest?.waitMs ?? 0) > 0 && (rest?.leftUnits ?? 0) > 40)
    t.same(await lease({ needUnits: rest?.leftUnits ?? 0 }), [rest?.leftUnits])
    t.same(await lease({ needUnits: 1 }), [0], 'now it is empty')
  })
}

t.test('an empty bucket tells when there will be something', { skip }, async t => {
  const store = await connected(t)
  const settings: BucketSettings = { kind: 'bucket', unitsPerSecondMax: 10, burstUnits: 10, keysMax: 8 }
  const [first, next] = await store.lease([
    orderOf(settings, 'wait', { needUnits: 10 }), orderOf(settings, 'wait', { needUnits: 2, leastUnits: 2 })
  ])
  t.match(first, { units: 10, waitMs: 0, holdMs: 125 })
  t.equal(next?.units, 0)
  // The bucket counts as full only when the lease has lapsed.
  t.ok((next?.waitMs ?? 0) > 300 && (next?.waitMs ?? 0) <= 326, `${next?.waitMs} ms`)
})

t.test('a window\'s lease ends with the window, by the store\'s clock', { skip }, async t => {
  const store = await connected(t)
  const [grant] = await store.lease([orderOf(hourly, 'end', { needUnits: 200 })])
  const restMs = 3_600_000 - Date.now() % 3_600_000
  t.ok(Math.abs((grant?.holdMs ?? 0) - restMs) < 5_000, `${grant?.holdMs} ms`)
  t.equal(grant?.units, 100)
  t.equal(grant?.waitMs, grant?.holdMs)
})

t.test('what the store keeps of a key goes away by itself', { skip }, async t => {
  const store = await connected(t)
  await store.lease([orderOf(slow, 'gone', { needUnits: 1 }), orderOf(hourly, 'gone too', { needUnits: 1 })])
  const bucketMs = Number((await redis?.say('PTTL test:gone'))?.slice(1))
  t.ok(bucketMs > 100_000 && bucketMs <= 101_201, `${bucketMs} ms for a unit of 100 s`)
  const windowMs = Number((await redis?.say('PTTL "test:gone too"'))?.slice(1))
  t.ok(windowMs > 0 && windowMs <= 3_660_000, `${windowMs} ms`)
})

t.test('a time that the store\'s clock cannot have written yet is no more than an empty bucket', { skip }, async t => {
  const store = await connected(t)
  const settings: BucketSettings = { kind: 'bucket', unitsPerSecondMax: 10, burstUnits: 10, keysMax: 8 }
  await redis?.say(`SET test:ahead ${(Date.now() + 86_400_000) * 1_000}`)
  const [grant] = await store.lease([orderOf(settings, 'ahead', { needUnits: 1 })])
  t.match(grant, { units: 0, waitMs: 100 })
})

t.test('a server that lost the scripts gets them again', { skip }, async t => {
  const store = await connected(t)
  await redis?.say('SCRIPT FLUSH')
  const grants = await store.lease([orderOf(slow, 'flushed', { needUnits: 3 }), orderOf(hourly, 'flushed too', { needUnits: 4 })])
  t.same(grants.map(({ units }) => units), [3, 4])
})

const unwilling: [why: string, set: string, mend: string][] = [
  ['is a replica', 'REPLICAOF 127.0.0.1 1', 'REPLICAOF NO ONE'],
  ['is full', 'CONFIG SET maxmemory 1', 'CONFIG SET maxmemory 0'],
  ['wants another password', 'CONFIG SET requirepass canary-7', 'AUTH canary-7\r\nCONFIG SET requirepass ""']
]
for (const [why, set, mend] of unwilling) {
  t.test(`a server that ${why} is no store`, { skip }, async t => {
    await redis?.say(set)
    const store = storeOf(redis?.url ?? '')
    t.teardown(() => { store.drop() })
    await t.rejects(store.connect())
    await redis?.say(mend)
    await until(() => store.connect().then(() => true, () => false), { timeoutMs: 10_000, what: () => 'a connection' })
  })
}

t.test('what holds the script\'s key in another shape is an error and no lease', { skip }, async t => {
  const store = await connected(t)
  await redis?.say('LPUSH test:list 1')
  await t.rejects(store.lease([orderOf(slow, 'list', { needUnits: 1 })]), /WRONGTYPE/)
})
