// Several nodes that share limits in a real Redis, for longer: it is killed, frozen and started again under load.

import t from 'tap'
import type { BucketSettings } from '../../src/contract/table.ts'
import { nodesNowMs, startLeaseNodes, worstDebtUnits } from '../support/lease-nodes.ts'
import { skipWithoutRedis, startRedis } from '../support/redis-process.ts'

const skip = skipWithoutRedis()
/** By then twenty times the burst has been asked for and given, at least. */
const runMs = process.env.SLUICE_FAULT_ACKS === undefined ? 10_000 : 30_000
const settings: BucketSettings = { kind: 'bucket', unitsPerSecondMax: 2_000, burstUnits: 1_000, keysMax: 100 }
/** Units are noted after the store decided, at the latest when their thread has its core again. */
const slackUnits = settings.unitsPerSecondMax * 50 / 1e3

t.test(`three nodes of two workers share one limit for ${runMs / 1e3} s`, { skip }, async t => {
  const redis = await startRedis()
  t.teardown(() => redis.kill())
  const nodes = await startLeaseNodes({
    url: redis.url, onStoreFailure: 'deny', settings, asksPerMs: 2, nodesCount: 3, workersCount: 2
  })
  await nodes.run(runMs)
  const { takenAtMs, roundTripsCount, askedCount } = await nodes.stop()
  const worst = worstDebtUnits(takenAtMs, settings)
  t.comment(`${takenAtMs.length} taken of ${askedCount} asked, ${roundTripsCount} round trips, worst ${worst}`)
  t.ok(worst <= settings.burstUnits + slackUnits, `${worst} units of a burst of ${settings.burstUnits}`)
  const elapsedMs = (takenAtMs.at(-1) ?? NaN) - (takenAtMs[0] ?? NaN)
  t.ok(takenAtMs.length >= settings.unitsPerSecondMax * elapsedMs / 1e3 * 0.8, `${takenAtMs.length} in ${elapsedMs} ms`)
})

/** By what holds without the store: the least and the most that four workers take in the second without it. */
const failures: ['local' | 'deny' | 'allow', least: number, most: number][] = [
  ['deny', 0, 0], ['local', 2 * 2_000 * 0.5, 2 * (1_000 + 2_000 * 1.5)], ['allow', 4 * 2_000, Infinity]
]
const faults = failures.flatMap(([failure, least, most]) =>
  (['kill', 'freeze'] as const).map(fault => ({ failure, least, most, fault })))
for (const { failure: onStoreFailure, least, most, fault } of faults) {
  t.test(`after a ${fault} of the store \`${onStoreFailure}\` holds, and when it is back the limit does`, { skip }, async t => {
    const redis = await startRedis()
    t.teardown(() => redis.kill())
    const nodes = await startLeaseNodes({
      url: redis.url, onStoreFailure, settings, asksPerMs: 5, nodesCount: 2, workersCount: 2
    })
    await nodes.run(1_000)
    if (fault === 'kill') await redis.kill()
    else redis.freeze()
    // What was decided before is noted by then.
    await nodes.run(300)
    const downMs = nodesNowMs()
    await nodes.run(1_000)
    const upMs = nodesNowMs()
    if (fault === 'kill') await redis.start()
    else redis.thaw()
    await nodes.run(2_500)
    const backMs = nodesNowMs()
    await nodes.run(1_500)
    const endMs = nodesNowMs()
    const { takenAtMs } = await nodes.stop()
    const between = (fromMs: number, toMs: number): number[] => takenAtMs.filter(atMs => atMs >= fromMs && atMs < toMs)
    const without = between(downMs, upMs).length
    t.ok(without >= least && without <= most, `${without} without the store`)
    const again = between(backMs, endMs)
    t.ok(worstDebtUnits(again, settings) <= settings.burstUnits + slackUnits)
    t.ok(again.length > settings.unitsPerSecondMax * 0.5, `${again.length} with it again`)
  })
}
