// Messages of a real broker while Kafka stands still, the gateway is killed and the broker restarts: nothing is lost.

import t from 'tap'
import type { Test } from 'tap'
import { startGatewayProcess } from '../support/gateway-process.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import { checkHistory, countsOf, digestOf } from '../support/history.ts'
import type { HistoryReport } from '../support/history.ts'
import { startKafka } from '../support/kafka-rig.ts'
import type { KafkaRig } from '../support/kafka-rig.ts'
import { skipWithoutKafka } from '../support/kafka-shared.ts'
import { metricOf } from '../support/metrics.ts'
import { skipWithoutMosquitto, startMosquitto } from '../support/mosquitto-process.ts'
import { startPublisher } from '../support/mqtt-publisher.ts'
import type { Publisher } from '../support/mqtt-publisher.ts'
import { until } from '../support/until.ts'

const keepAliveMs = 2_000
const frozenMs = 3 * keepAliveMs
const workersCount = 2
/** Both workers share the one, and the first has the other for itself. */
const connectionsCount = workersCount + 1

const config = (kafka: string, mqtt: number): string => `
listeners:
  - { protocol: health, port: 0 }
workers: ${workersCount}
kafka: { brokers: ["${kafka}"] }
principals: [ { name: plant, groups: [ plants ] } ]
mqttBridge:
  - name: five
    url: mqtt://127.0.0.1:${mqtt}
    node: here
    principal: plant
    subscriptions: [ "$share/sluice/five/#" ]
    keepAliveMs: ${keepAliveMs}
    reconnectDelayMaxMs: 1000
  - name: three
    url: mqtt://127.0.0.1:${mqtt}
    node: here
    version: 3.1.1
    principal: plant
    subscriptions: [ "three/#" ]
    contentType: application/cloudevents+json
    keepAliveMs: ${keepAliveMs}
    reconnectDelayMaxMs: 1000
routes:
  - { name: plant, channel: "{version}/{line}", parameters: { version: { enum: [ five, three ] } }, topic: plant,
      policies: [ { acl: { allow: [ "group:plants" ] } } ] }
`

const skip = await skipWithoutKafka('faults') || skipWithoutMosquitto()

t.test('a bridge to a real broker [MQTT-7.0.0-1] [MQTT-7.1.2-1]', { skip, timeout: 300_000 }, async t => {
  const kafka = await startKafka()
  t.teardown(() => kafka.stop())
  await kafka.createTopic('plant', { partitions: 4 })
  const folder = t.testdir()
  const mosquitto = await startMosquitto(`${folder}/mosquitto`)
  t.teardown(() => mosquitto.stop())
  const text = config(kafka.brokers[0] ?? '', mosquitto.port)
  let gateway = await startGatewayProcess(`${folder}/one`, text)
  t.teardown(() => gateway.kill())
  await connected(gateway)
  const shared = await startPublisher({ port: mosquitto.port, version: 5, topic: 'five/line-1', windowCount: 10 })
  const plain = await startPublisher({ port: mosquitto.port, version: 4, topic: 'three/line-1', windowCount: 10 })
  const publishers = [shared, plain]
  const more = (count: number): Promise<unknown> => Promise.all(publishers.map(one => one.more(count)))
  await more(300)

  await t.test('Kafka stands still for longer than the keepalive', async t => {
    await kafka.freeze(0)
    const startMs = performance.now()
    await more(200)
    await until(() => performance.now() - startMs > frozenMs, { timeoutMs: 2 * frozenMs, what: () => 'three keepalives' })
    const heldCount = await measured(gateway, 'messages_held')
    t.ok(heldCount > 100, `${heldCount} messages are held`)
    await kafka.thaw(0)
    await more(200)
    const losses = await metricOf(gateway.healthPort, 'sluice_broker_losses_total')
    t.equal(losses, 0, 'no connection was lost')
  })

  await t.test('the gateway is killed, and another one takes its sessions', async () => {
    await gateway.kill('SIGKILL')
    await more(200)
    gateway = await startGatewayProcess(`${folder}/two`, text)
    await connected(gateway)
    await more(200)
  })

  await t.test('the broker restarts while Kafka stands still', async t => {
    await kafka.freeze(0)
    await more(100)
    // Mosquitto 2.0 forgets shared subscriptions when it ends: it would drop what comes before they are made again.
    await shared.pause()
    await mosquitto.stop()
    await until(async () => await measured(gateway, 'brokers_connected') === 0, waiting('the end of all connections'))
    await mosquitto.start()
    await connected(gateway)
    shared.resume()
    await more(100)
    await kafka.thaw(0)
    await more(100)
    t.ok(await measured(gateway, 'messages_rejoined_total') > 0, 'what came again was joined with what was under way')
  })

  await t.test('the gateway drains', async t => {
    await more(100)
    t.ok(await gateway.stop(), 'in time')
    gateway = await startGatewayProcess(`${folder}/three`, text)
    await connected(gateway)
    await more(100)
  })

  await Promise.all(publishers.map(one => one.stop()))
  await settled(gateway)
  const report = await historyOf(t, kafka, publishers)
  // Order is promised among messages that are taken at their first attempt, which not all are here.
  t.comment(`${report.reordered.length} out of order`)
  t.same(report.lost, [], 'acknowledged by the broker and lost')
  t.same(report.corrupted, [], 'corrupted')
  t.same(report.phantom, [], 'nobody sent it')
  t.ok(await gateway.stop(), 'it drains in time')
})

function waiting (what: string): { timeoutMs: number, what: () => string } {
  return { timeoutMs: 60_000, what: () => what }
}

function measured (gateway: GatewayProcess, name: string): Promise<number> {
  return metricOf(gateway.healthPort, `sluice_${name}`, 'door="mqtt-bridge"')
}

async function connected (gateway: GatewayProcess): Promise<void> {
  await until(async () => await measured(gateway, 'brokers_connected') === connectionsCount, {
    timeoutMs: 60_000, what: () => `all bridges connected\n${gateway.log()}`
  })
}

/** Nothing is in flight for a while, so the broker has nothing more to send. */
async function settled (gateway: GatewayProcess): Promise<void> {
  let quietCount = 0
  await until(async () => {
    quietCount = await measured(gateway, 'messages_held') === 0 ? quietCount + 1 : 0
    return quietCount > 5
  }, waiting('nothing in flight'))
}

async function historyOf (t: Test, kafka: KafkaRig, publishers: readonly Publisher[]): Promise<HistoryReport> {
  const stored = (await kafka.readAll('plant')).map(record => ({
    id: record.headers.ce_id ?? '', digest: digestOf(record.value ?? ''), partition: record.partition, order: record.offset
  }))
  const report = checkHistory(publishers.flatMap(one => one.sent), stored)
  t.comment(JSON.stringify(countsOf(report)))
  return report
}
