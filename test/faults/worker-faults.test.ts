// Workers that throw, run out of memory or loop for ever under load: others go on, a new one comes, nothing is lost.

import t from 'tap'
import { join } from 'node:path'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { checkHistory, countsOf } from '../support/history.ts'
import { journalContents } from '../support/journal-history.ts'
import { metricOf } from '../support/metrics.ts'
import { readyz } from '../support/readyz.ts'
import { startSender } from '../support/sender.ts'
import type { Sender } from '../support/sender.ts'
import { until } from '../support/until.ts'
import type { Break } from '../support/worker-breaker.ts'

/** Acks between two faults. */
const ackCount = Math.floor(Number(process.env.SLUICE_FAULT_ACKS ?? 12_000) / 6)
const stretchTimeoutMs = 90_000
const residentBytesMax = 512 * 1024 * 1024

/** How long until another worker is started: a loop shows after 5 s without a heartbeat, a heap has to fill first. */
const noticedMsMax: Record<Break, number> = { throw: 3_000, heap: 30_000, loop: 10_000 }
/** How long until that one serves, on a machine with other things to do: loading takes 1.5 s of CPU. */
const servesMsMax = 40_000

const config = `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
workers: 2
sink: journal
limits: { memoryBytesMax: 512MiB }
routes:
  - { name: faults, channel: faults, topic: faults, key: { pointer: /key } }
`

t.test('a worker breaks in each of its ways under load', { timeout: 300_000 }, async t => {
  const folder = t.testdir()
  const gateway = await startGatewayProcess(folder, config)
  t.teardown(() => gateway.kill())
  const { healthPort } = gateway
  let residentBytesMost = 0
  const meter = setInterval(() => { residentBytesMost = Math.max(residentBytesMost, gateway.residentBytes()) }, 100)
  t.teardown(() => clearInterval(meter))
  const senders: Sender[] = []
  const writtenCount = (): number => senders.reduce((sum, one) => sum + one.writtenCount(), 0)
  const stretch = async (count: number): Promise<void> => {
    const goal = writtenCount() + count
    const what = (): string => `${goal} acks, there are ${writtenCount()}\n${gateway.log()}`
    await until(() => writtenCount() >= goal, { timeoutMs: stretchTimeoutMs, what })
  }
  const counted = async (): Promise<number[]> => [
    await metricOf(healthPort, 'sluice_events_received_total'), await metricOf(healthPort, 'sluice_events_acked_total')
  ]

  let counts = [0, 0]
  for (const [at, how] of (['throw', 'heap', 'loop'] as const).entries()) {
    // New connections for each fault: after one, all that were broken off are with the worker that went on.
    const common = { port: gateway.port, channel: 'faults', answerTimeoutMs: 15_000 }
    const pair = [
      startSender({ ...common, connections: 16, batch: 1 }), startSender({ ...common, connections: 4, batch: 10 })
    ]
    senders.push(...pair)
    await stretch(ackCount)
    const restarts = await metricOf(healthPort, 'sluice_worker_restarts_total')
    const before = writtenCount()
    gateway.breakWorker(at % 2, how)
    const noticedMs = await until(async () => await metricOf(healthPort, 'sluice_worker_restarts_total') > restarts, {
      timeoutMs: 60_000, what: () => `a restart after ${how}\n${gateway.log()}`
    })
    const meanwhileCount = writtenCount() - before
    const servesMs = await until(async () => (await readyz(healthPort)).status === 'ok', {
      timeoutMs: 60_000, what: () => `two workers after ${how}\n${gateway.log()}`
    })
    t.comment(`${how}: noticed after ${Math.round(noticedMs)} ms, serves ${Math.round(servesMs)} ms later, ` +
      `${meanwhileCount} acks while it was broken`)
    t.ok(noticedMs < noticedMsMax[how], `${how}: noticed after ${Math.round(noticedMs)} ms`)
    t.ok(servesMs < servesMsMax, `${how}: another one serves ${Math.round(servesMs)} ms later`)
    if (how === 'loop') t.ok(meanwhileCount > 100, `the other worker went on: ${meanwhileCount} acks`)
    await stretch(ackCount)
    const now = await counted()
    t.ok(now.every((count, index) => count > (counts[index] ?? 0)), `counters go up: ${counts.join()} to ${now.join()}`)
    counts = now
    await Promise.all(pair.map(one => one.stop()))
  }
  clearInterval(meter)
  await until(async () => await metricOf(healthPort, 'sluice_budget_used_bytes') === 0, {
    timeoutMs: 10_000, what: () => 'all bytes given back'
  })
  t.ok(await gateway.stop(), 'it drained in time')
  const { stored, damage } = await journalContents(join(folder, 'data/journal'))
  const sent = senders.flatMap(one => one.sent)
  const report = checkHistory(sent, stored)
  t.comment(JSON.stringify({ ...countsOf(report), residentMiB: Math.round(residentBytesMost / 1024 / 1024) }))
  t.same(damage, [])
  t.ok(report.writtenCount >= 6 * ackCount, `${report.writtenCount} acks`)
  t.same(report.lost, [], 'acknowledged but lost')
  t.same(report.corrupted, [], 'corrupted')
  t.same(report.phantom, [], 'refused but present')
  t.same(report.misplaced, [], 'not where the receipt says')
  t.same(report.duplicated, [], 'duplicated')
  t.same(report.reordered, [], 'reordered within a stream')
  t.ok(report.unknownCount < report.sentCount * 0.05, `${report.unknownCount} of ${report.sentCount} unknown`)
  t.ok(residentBytesMost < residentBytesMax, `${Math.round(residentBytesMost / 1024 / 1024)} MiB resident at most`)
  t.notMatch(gateway.log(), /UnhandledPromise|settled twice/)
})
