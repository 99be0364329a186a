// Load over REST while the broker is killed and restarted twice and a worker is broken: nothing acknowledged is lost.
// SLUICE_FAULT_ACKS=100000 is the full run; without it the same faults come after fewer acks.

import t from 'tap'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { checkHistory, countsOf, digestOf } from '../support/history.ts'
import type { StoredEvent } from '../support/history.ts'
import { startKafka } from '../support/kafka-rig.ts'
import { skipWithoutKafka } from '../support/kafka-shared.ts'
import { startSender } from '../support/sender.ts'
import { metricOf } from '../support/metrics.ts'

const ackCount = Number(process.env.SLUICE_FAULT_ACKS ?? 20_000)
/** Three faults, four stretches: each gets at least a tenth of all acks. */
const betweenCount = Math.max(1_000, Math.floor(ackCount / 8))
const memoryBytesMax = 512 * 1024 * 1024
const stretchTimeoutMs = 120_000

const config = (broker: string): string => `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
workers: 2
kafka: { brokers: ["${broker}"] }
routes:
  - { name: faults, channel: faults, topic: faults, key: { pointer: /key } }
`

t.test('broker killed twice and a worker broken under load', {
  skip: await skipWithoutKafka('faults'), timeout: 600_000
}, async t => {
  const kafka = await startKafka()
  t.teardown(() => kafka.stop())
  await kafka.createTopic('faults', { partitions: 6 })
  const gateway = await startGatewayProcess(t.testdir(), config(kafka.brokers[0] ?? ''))
  t.teardown(() => gateway.kill())
  let residentBytesMost = 0
  const meter = setInterval(() => { residentBytesMost = Math.max(residentBytesMost, gateway.residentBytes()) }, 100)
  t.teardown(() => clearInterval(meter))

  const senders = [
    startSender({ port: gateway.port, channel: 'faults', connections: 24, batch: 1 }),
    startSender({ port: gateway.port, channel: 'faults', connections: 4, batch: 20 })
  ]
  const writtenCount = (): number => senders.reduce((sum, one) => sum + one.writtenCount(), 0)
  const stretch = async (count: number): Promise<void> => {
    const goal = writtenCount() + count
    const endMs = Date.now() + stretchTimeoutMs
    while (writtenCount() < goal) {
      if (Date.now() > endMs) t.bailout(`${writtenCount()} of ${goal} acks after ${stretchTimeoutMs} ms\n${gateway.log()}`)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  await stretch(betweenCount)
  await kafka.kill(0)
  await kafka.restart(0)
  await stretch(betweenCount)
  gateway.breakWorker(0, 'throw')
  await stretch(betweenCount)
  await kafka.kill(0)
  await kafka.restart(0)
  await stretch(Math.max(betweenCount, ackCount - writtenCount()))
  await Promise.all(senders.map(one => one.stop()))

  clearInterval(meter)
  const restarts = await metricOf(gateway.healthPort, 'sluice_worker_restarts_total')
  t.ok(restarts >= 1, 'the broken worker was replaced')
  t.ok(await gateway.stop(), 'the gateway drained in time')
  const sent = senders.flatMap(one => one.sent)
  const stored: StoredEvent[] = (await kafka.readAll('faults')).map(record => ({
    id: record.headers.ce_id ?? '', digest: digestOf(record.value ?? ''), partition: record.partition, order: record.offset
  }))
  const report = checkHistory(sent, stored)
  t.comment(JSON.stringify({ ...countsOf(report), residentMiB: Math.round(residentBytesMost / 1024 / 1024) }))
  t.ok(report.writtenCount >= Math.max(ackCount, 4 * betweenCount), `${report.writtenCount} acks`)
  t.same(report.lost, [], 'acknowledged but lost')
  t.same(report.corrupted, [], 'corrupted')
  t.same(report.phantom, [], 'refused but present')
  t.same(report.misplaced, [], 'not where the receipt says')
  t.same(report.reordered, [], 'reordered within a key')
  t.ok(report.unknownCount < report.sentCount * 0.05, `${report.unknownCount} of ${report.sentCount} unknown`)
  t.ok(residentBytesMost < memoryBytesMax, `${Math.round(residentBytesMost / 1024 / 1024)} MiB resident at most`)
  t.notMatch(gateway.log(), /UnhandledPromise|settled twice/)
})
