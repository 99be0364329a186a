// Load over REST into three brokers while their leaders are killed: nothing is lost, repeated or put out of order.
// SLUICE_FAULT_EVENTS=2000000 is the full run with five kills; without it one leader goes during fewer events.

import t from 'tap'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { checkHistory, countsOf, digestOf } from '../support/history.ts'
import type { StoredEvent } from '../support/history.ts'
import { startKafka } from '../support/kafka-rig.ts'
import { skipWithoutKafka } from '../support/kafka-shared.ts'
import { startSender } from '../support/sender.ts'

const eventCount = Number(process.env.SLUICE_FAULT_EVENTS ?? 10_000)
const killCount = eventCount >= 1_000_000 ? 5 : 1
const partitionCount = 6
/** Longest time in which a partition has no receipt: a broker's session, an election, and finding out. */
const gapMsMax = 12_000
const stretchTimeoutMs = 600_000
/** The reader takes 25,000 records and more in a second. */
const readTimeoutMs = 60_000 + eventCount / 5

const config = (brokers: readonly string[]): string => `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
workers: 2
kafka: { brokers: ${JSON.stringify(brokers)} }
routes:
  - { name: faults, channel: faults, topic: leaders, key: { pointer: /key } }
`

/** The longest time between two receipts of a partition. */
class Gaps {
  readonly #lastMs = new Map<number, number>()
  longestMs = 0

  readonly written = (partition: number): void => {
    const nowMs = performance.now()
    const lastMs = this.#lastMs.get(partition)
    if (lastMs !== undefined && nowMs - lastMs > this.longestMs) this.longestMs = nowMs - lastMs
    this.#lastMs.set(partition, nowMs)
  }

  get partitionsCount (): number { return this.#lastMs.size }
}

t.test('leaders are killed under load', {
  skip: await skipWithoutKafka('faults'), timeout: 3_600_000
}, async t => {
  const kafka = await startKafka({ brokers: 3 })
  t.teardown(() => kafka.stop())
  await kafka.createTopic('leaders', { partitions: partitionCount, config: { 'min.insync.replicas': '2' } })
  const gateway = await startGatewayProcess(t.testdir(), config(kafka.brokers))
  t.teardown(() => gateway.kill())

  const gaps = new Gaps()
  const load = { port: gateway.port, channel: 'faults', padBytes: 100, onWritten: gaps.written }
  const senders = [
    startSender({ ...load, connections: 24, batch: 1 }),
    startSender({ ...load, connections: 12, batch: eventCount >= 1_000_000 ? 200 : 20 })
  ]
  const writtenCount = (): number => senders.reduce((sum, one) => sum + one.writtenCount(), 0)
  const stretch = async (goal: number): Promise<void> => {
    const endMs = Date.now() + stretchTimeoutMs
    while (writtenCount() < goal) {
      if (Date.now() > endMs) t.bailout(`${writtenCount()} of ${goal} acks after ${stretchTimeoutMs} ms\n${gateway.log()}`)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  for (let kill = 1; kill <= killCount; kill++) {
    await stretch(eventCount / (killCount + 1) * kill)
    const leader = await kafka.leaderOf('leaders', kill % partitionCount)
    const before = writtenCount()
    await kafka.kill(leader)
    // Others lead now: the load goes on before the dead broker is back.
    await stretch(before + 1_000)
    await kafka.restart(leader)
  }
  await stretch(eventCount)
  await Promise.all(senders.map(one => one.stop()))
  t.ok(await gateway.stop(), 'the gateway drained in time')

  const stored: StoredEvent[] = (await kafka.readAll('leaders', { timeoutMs: readTimeoutMs })).map(record => ({
    id: record.headers.ce_id ?? '', digest: digestOf(record.value ?? ''), partition: record.partition, order: record.offset
  }))
  const report = checkHistory(senders.flatMap(one => one.sent), stored)
  const gapMs = Math.round(gaps.longestMs)
  t.comment(JSON.stringify({ ...countsOf(report), kills: killCount, gapMs, partitions: gaps.partitionsCount }))
  t.ok(report.writtenCount >= eventCount, `${report.writtenCount} acks`)
  t.same(report.lost, [], 'acknowledged but lost')
  t.same(report.duplicated, [], 'repeated')
  t.same(report.corrupted, [], 'corrupted')
  t.same(report.phantom, [], 'refused but present')
  t.same(report.misplaced, [], 'not where the receipt says')
  t.same(report.reordered, [], 'reordered within a key')
  t.ok(gapMs <= gapMsMax, `no partition was without a receipt for more than ${gapMs} ms`)
  t.notMatch(gateway.log(), /UnhandledPromise|settled twice/)
})
