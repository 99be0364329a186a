// 500 streaming clients while brokers and workers are killed: what is acked is there, what is not is sent again.
// SLUICE_FAULT_ACKS=100000 is the full run with three kills of each; without it one of each comes during fewer events.

import t from 'tap'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { checkHistory, countsOf, digestOf } from '../support/history.ts'
import type { StoredEvent } from '../support/history.ts'
import { startKafka } from '../support/kafka-rig.ts'
import { skipWithoutKafka } from '../support/kafka-shared.ts'
import { metricOf } from '../support/metrics.ts'
import { StreamClients } from '../support/stream-clients.ts'
import { openGrpc, openWebSocket } from '../support/stream-links.ts'
import { until } from '../support/until.ts'
import type { Break } from '../support/worker-breaker.ts'

const ackCount = Number(process.env.SLUICE_FAULT_ACKS ?? 4_000)
const isFull = process.env.SLUICE_FAULT_ACKS !== undefined
/** How a worker goes, in each round: one that loops is silent, with its connections open, until it is ended. */
const breaks: readonly Break[] = isFull ? ['throw', 'loop', 'heap'] : ['throw']
const stretchTimeoutMs = 120_000
const streamsPerDoor = 250
/** Longer than an event takes, shorter than a broker counts as alive after its end. */
const waitMs = 1_000

const config = (brokers: readonly string[]): string => `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: grpc, port: 0 }
  - { protocol: health, port: 0 }
workers: 2
kafka: { brokers: ${JSON.stringify(brokers)} }
routes:
  - { name: streams, channel: streams, topic: streams, key: { pointer: /key } }
  - { name: shut, channel: shut, topic: streams, policies: [ payload-limit: { bytesMax: 1 } ] }
`

t.test('brokers and workers are killed under streams', {
  skip: await skipWithoutKafka('faults'), timeout: 3_600_000
}, async t => {
  const kafka = await startKafka({ brokers: 3 })
  t.teardown(() => kafka.stop())
  await kafka.createTopic('streams', { partitions: 6, config: { 'min.insync.replicas': '2' } })
  const gateway = await startGatewayProcess(t.testdir(), config(kafka.brokers))
  t.teardown(() => gateway.kill())

  const load = {
    connections: streamsPerDoor, eventsPerSecond: isFull ? 10 : 2, inFlightMax: 40, channel: 'streams', refusingChannel: 'shut'
  }
  const [websocketPort = 0, grpcPort = 0] = gateway.ports
  const doors = {
    websocket: new StreamClients({ ...load, open: openWebSocket, port: websocketPort }, 'websocket'),
    grpc: new StreamClients({ ...load, open: openGrpc, port: grpcPort }, 'grpc')
  }
  const all = Object.values(doors)
  t.teardown(() => { for (const clients of all) clients.close() })
  const sum = (count: (clients: StreamClients) => number): number =>
    all.reduce((total, clients) => total + count(clients), 0)
  const writtenCount = (): number => sum(clients => clients.writtenCount)
  const reached = (goal: number): Promise<number> => until(() => writtenCount() >= goal, {
    timeoutMs: stretchTimeoutMs, what: () => `${goal} acks; ${writtenCount()} came\n${gateway.log()}`
  })

  await until(() => sum(clients => clients.heardCount) === 2 * streamsPerDoor, {
    timeoutMs: stretchTimeoutMs, what: () => `an ack for every client; ${sum(clients => clients.heardCount)} have one`
  })
  for (const [round, how] of breaks.entries()) {
    await reached(ackCount * (round + 1) / (breaks.length + 1))
    const leader = await kafka.leaderOf('streams', round % 6)
    await kafka.kill(leader)
    // A third of the partitions have no leader now: a worker goes while events wait for one.
    await until(() => sum(clients => clients.waitingCount(waitMs)) >= streamsPerDoor / 5, {
      timeoutMs: stretchTimeoutMs, what: () => `events that wait for a leader, in round ${round}`
    })
    gateway.breakWorker(round % 2, how)
    await reached(writtenCount() + 500)
    if (isFull) await kafka.restart(leader)
  }
  await reached(ackCount)
  await Promise.all(all.map(clients => clients.stop(stretchTimeoutMs)))
  t.equal(await metricOf(gateway.healthPort, 'sluice_worker_restarts_total'), breaks.length, 'every broken worker was replaced')
  t.ok(await gateway.stop(), 'the gateway drained in time')

  const stored: StoredEvent[] = (await kafka.readAll('streams', { timeoutMs: 120_000 })).map(record => ({
    id: record.headers.ce_id ?? '', digest: digestOf(record.value ?? ''), partition: record.partition, order: record.offset
  }))
  for (const [door, clients] of Object.entries(doors)) {
    const { sent } = clients
    const names = new Set(sent.map(({ id }) => id))
    const resent = new Set(sent.filter(({ attemptCount }) => attemptCount > 1).map(({ id }) => id))
    // Order is promised among first attempts: what was sent again stands for itself.
    const report = checkHistory(
      sent.map(one => ({ ...one, stream: resent.has(one.id) ? one.id : one.stream })),
      // What neither door sent is a phantom of both.
      stored.filter(({ id }) => names.has(id) || !id.startsWith(door === 'grpc' ? 'websocket-' : 'grpc-'))
    )
    const codes = Object.groupBy(sent.filter(({ code }) => code !== ''), ({ code }) => code)
    t.comment(door, JSON.stringify({
      ...countsOf(report), resent: resent.size, broken: clients.brokenCount,
      nacks: Object.fromEntries(Object.entries(codes).map(([code, events]) => [code, events?.length]))
    }))
    t.same(report.lost, [], 'acknowledged but lost')
    t.same(report.phantom, [], 'refused but present')
    t.same(report.corrupted, [], 'corrupted')
    t.same(report.misplaced, [], 'not where the receipt says')
    t.same(report.reordered, [], 'reordered among first attempts of a connection and key')
    t.same(report.duplicated.filter(id => !resent.has(id)), [], 'there twice although sent once')
    t.same(sent.filter(({ told }) => told === 'none'), [], 'neither told nor sent again')
    t.ok(clients.brokenCount >= breaks.length * streamsPerDoor / 5, `${clients.brokenCount} connections broke`)
    t.ok(resent.size > 0, 'events were in flight when they did')
    t.ok((codes['too-large']?.length ?? 0) > 0, 'some were refused')
  }
  t.notMatch(gateway.log(), /UnhandledPromise|settled twice/)
})
