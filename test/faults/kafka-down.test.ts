// Kafka is not there at the start, comes, freezes under load and goes: the gateway says so, holds little, recovers.

import t from 'tap'
import type { Test } from 'tap'
import { startGatewayProcess } from '../support/gateway-process.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import { checkHistory, countsOf, digestOf } from '../support/history.ts'
import { startKafka } from '../support/kafka-rig.ts'
import type { KafkaRig } from '../support/kafka-rig.ts'
import { skipWithoutKafka } from '../support/kafka-shared.ts'
import { metricOf } from '../support/metrics.ts'
import { readyz } from '../support/readyz.ts'
import { startSender } from '../support/sender.ts'
import { until } from '../support/until.ts'

const replyTimeoutMs = 1_500
/** What an answer may come later than its time on a machine with other things to do. */
const busyMs = 3_000
const residentBytesMax = 512 * 1024 * 1024
const frozenMs = 5_000

const config = (broker: string, more = ''): string => `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
workers: 2
kafka: { brokers: ["${broker}"] }
limits: { replyTimeoutMs: ${replyTimeoutMs}, requestTimeoutMs: 1000, bufferBytesMax: 4MiB }
${more}
routes:
  - { name: faults, channel: faults, topic: faults, key: { pointer: /key } }
`

interface Answer { readonly status: number, readonly retryAfter: string | null, readonly body: Record<string, unknown> }

async function send (gateway: GatewayProcess, id: string, padBytes = 0): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/events/faults`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': id },
    body: `{"key":"${id}","pad":"${'x'.repeat(padBytes)}"}`
  })
  const body = await response.json() as Record<string, unknown>
  return { status: response.status, retryAfter: response.headers.get('retry-after'), body }
}

async function isDown (t: Test, gateway: GatewayProcess): Promise<void> {
  const startMs = performance.now()
  const { status, retryAfter, body } = await send(gateway, 'down')
  const tookMs = performance.now() - startMs
  t.equal(status, 503, JSON.stringify(body))
  t.match(body, { code: 'sink-unavailable', outcome: 'refused', retryable: true })
  t.ok(Number(retryAfter) >= 1, `Retry-After: ${retryAfter}`)
  t.ok(tookMs < replyTimeoutMs + busyMs, `told after ${Math.round(tookMs)} ms`)
}

/** More than the buffers hold, all at once; what was answered, by status and code. */
async function flood (t: Test, gateway: GatewayProcess): Promise<void> {
  const told = new Map<string, number>()
  let most = 0
  await Promise.all(Array.from({ length: 200 }, async (_, at) => {
    const { status, body } = await send(gateway, `flood-${at}`, 32_768)
    const key = `${status} ${String(body.code)}`
    told.set(key, (told.get(key) ?? 0) + 1)
    most = Math.max(most, gateway.residentBytes())
  }))
  t.comment(`${JSON.stringify([...told])}, ${Math.round(most / 1024 / 1024)} MiB resident`)
  t.ok((told.get('503 overloaded') ?? 0) > 0, 'some were refused because the buffers were full')
  const honest = ['503 overloaded', '503 sink-unavailable']
  t.same([...told.keys()].filter(key => !honest.includes(key)), [], 'nothing else')
  t.ok(most < residentBytesMax)
}

async function frozen (t: Test, kafka: KafkaRig, gateway: GatewayProcess): Promise<void> {
  const sender = startSender({ port: gateway.port, channel: 'faults', connections: 16, batch: 1 })
  await sender.written(300, 60_000)
  await kafka.freeze(0)
  const [before, sentBefore] = [sender.writtenCount(), sender.sent.length]
  await until(() => sender.sent.length > sentBefore + 32, { timeoutMs: 30_000, what: () => 'answers while Kafka is frozen' })
  await new Promise(resolve => setTimeout(resolve, frozenMs))
  const state = await readyz(gateway.healthPort)
  await kafka.thaw(0)
  const backMs = await until(() => sender.writtenCount() > before + 500, {
    timeoutMs: 60_000, what: () => `500 acks after the thaw\n${gateway.log()}`
  })
  await sender.stop()
  t.match(state, { code: 200, status: 'degraded' }, JSON.stringify(state))
  t.ok(await gateway.stop())
  const stored = (await kafka.readAll('faults')).map(record => ({
    id: record.headers.ce_id ?? '', digest: digestOf(record.value ?? ''), partition: record.partition, order: record.offset
  }))
  const mine = new Set(sender.sent.map(one => one.id))
  const report = checkHistory(sender.sent, stored.filter(one => mine.has(one.id)))
  t.comment(`${JSON.stringify(countsOf(report))}, 500 acks ${Math.round(backMs)} ms after the thaw`)
  t.ok(report.unknownCount + report.refusedCount > 0, 'some were told that they are unknown or refused')
  t.same(report.lost, [], 'acknowledged but lost')
  t.same(report.corrupted, [], 'corrupted')
  t.same(report.phantom, [], 'refused but present')
  t.same(report.misplaced, [], 'not where the receipt says')
  t.same(stored.filter(one => one.id.startsWith('flood') || one.id === 'down'), [], 'nothing refused earlier is there')
}

t.test('Kafka comes and goes', { skip: await skipWithoutKafka('faults'), timeout: 170_000 }, async t => {
  const kafka = await startKafka()
  t.teardown(() => kafka.stop())
  const [broker = ''] = kafka.brokers
  await kafka.createTopic('faults', { partitions: 4 })
  await kafka.kill(0)
  const gateway = await startGatewayProcess(t.testdir(), config(broker))
  t.teardown(() => gateway.kill())

  await t.test('down at the start', t => isDown(t, gateway))

  await t.test('readiness is degraded, and unavailable where Kafka is required', async t => {
    const degraded = await readyz(gateway.healthPort)
    t.match(degraded, { code: 200, status: 'degraded' })
    t.match(degraded.reasons.join(), /kafka: /)
    const strict = await startGatewayProcess(`${t.testdir()}/strict`, config(broker, 'readiness: { kafka: required }'))
    t.teardown(() => strict.kill())
    await isDown(t, strict)
    t.match(await readyz(strict.healthPort), { code: 503, status: 'unavailable' })
  })

  await t.test('load while it is down', t => flood(t, gateway))

  await t.test('what was held is given back', async t => {
    await until(async () => await metricOf(gateway.healthPort, 'sluice_budget_used_bytes') === 0, {
      timeoutMs: 10_000, what: () => 'all bytes given back'
    })
    t.equal(await metricOf(gateway.healthPort, 'sluice_worker_restarts_total'), 0)
  })

  await t.test('it comes', async t => {
    await kafka.restart(0)
    let tried = 0
    const tookMs = await until(async () => (await send(gateway, `up-${++tried}`)).status === 200, {
      timeoutMs: 30_000, what: () => `an ack\n${gateway.log()}`
    })
    t.comment(`first ack ${Math.round(tookMs)} ms after Kafka serves`)
    t.ok(tookMs < 15_000, `${Math.round(tookMs)} ms`)
    t.match(await readyz(gateway.healthPort), { code: 200 })
  })

  await t.test('it freezes under load', t => frozen(t, kafka, gateway))
})
