// MQTT devices while brokers, workers, connections and the gateway itself are killed and all of Kafka stands still.
// SLUICE_FAULT_ACKS=100000 is the full run: 500 devices, three kills of each, two minutes without Kafka.

import t from 'tap'
import type { Test } from 'tap'
import { startGatewayProcess } from '../support/gateway-process.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import { checkHistory, countsOf, digestOf } from '../support/history.ts'
import type { StoredEvent } from '../support/history.ts'
import { startKafka } from '../support/kafka-rig.ts'
import type { KafkaRig } from '../support/kafka-rig.ts'
import { skipWithoutKafka } from '../support/kafka-shared.ts'
import { metricOf } from '../support/metrics.ts'
import { MqttDevices } from '../support/mqtt-devices.ts'
import { until } from '../support/until.ts'
import type { Break } from '../support/worker-breaker.ts'

const isFull = process.env.SLUICE_FAULT_ACKS !== undefined
const ackCount = Number(process.env.SLUICE_FAULT_ACKS ?? 1_000)
const devicesCount = isFull ? 500 : 60
/** How a worker goes, in each round: one that loops is silent, with its connections open, until it is ended. */
const breaks: readonly Break[] = isFull ? ['throw', 'loop', 'heap'] : ['throw']
const downMs = isFull ? 120_000 : 10_000
const keepAliveSeconds = 4
const residentBytesMax = 512 * 1024 * 1024
const stretchTimeoutMs = 120_000
/** Longer than an event takes, shorter than a broker counts as alive after its end. */
const waitMs = 1_000
const partitionsCount = 6

const config = (brokers: readonly string[]): string => `
listeners:
  - { protocol: mqtt, port: 0 }
  - { protocol: health, port: 0 }
workers: 2
mqtt: { structured311: true }
kafka: { brokers: ${JSON.stringify(brokers)} }
routes:
  - { name: devices, channel: devices, topic: devices, key: { pointer: /key } }
  - { name: shut, channel: shut, topic: devices, policies: [ payload-limit: { bytesMax: 1 } ] }
`

/** What stands while things around it fall. */
interface Scene {
  readonly t: Test
  readonly kafka: KafkaRig
  readonly devices: MqttDevices
  gateway: GatewayProcess
}

async function reached ({ devices, gateway }: Scene, goal: number): Promise<void> {
  await until(() => devices.writtenCount >= goal, {
    timeoutMs: stretchTimeoutMs,
    what: () => `${goal} acks; ${devices.writtenCount} came, ${JSON.stringify(devices.endings)}\n${gateway.log()}`
  })
}

async function allConnected ({ devices, gateway }: Scene): Promise<void> {
  await until(() => devices.connectedCount === devicesCount, {
    timeoutMs: stretchTimeoutMs,
    what: () => `every device; ${devices.connectedCount} are, ${JSON.stringify(devices.endings)}\n${gateway.log()}`
  })
}

/**
 * A broker goes; while events wait for new leaders a worker goes too, and half of the devices lose their connections:
 * the sessions of the other worker live on. Returns the broker that stays away.
 */
async function killsInRound (scene: Scene, round: number, how: Break): Promise<number | undefined> {
  const { kafka, devices } = scene
  const leader = await kafka.leaderOf('devices', round % partitionsCount)
  await kafka.kill(leader)
  await until(() => devices.waitingCount(waitMs) >= devicesCount / 2, {
    timeoutMs: stretchTimeoutMs, what: () => `devices that wait for a leader, in round ${round}`
  })
  scene.gateway.breakWorker(round % 2, how)
  devices.cutHalf()
  await reached(scene, devices.writtenCount + 5 * devicesCount)
  // In a small run two brokers are enough, and the time is not.
  if (isFull) await kafka.restart(leader)
  await allConnected(scene)
  return isFull ? undefined : leader
}

/** Nothing of Kafka answers: nothing is acknowledged, nobody is sent away, and nobody has to come back. */
async function withoutKafka (scene: Scene, goneBroker: number | undefined): Promise<void> {
  const { t, kafka, devices, gateway } = scene
  const brokers = [...kafka.brokers.keys()].filter(broker => broker !== goneBroker)
  await Promise.all(brokers.map(broker => kafka.freeze(broker)))
  const startMs = performance.now()
  await until(() => devices.waitingCount(waitMs) === devicesCount, {
    timeoutMs: stretchTimeoutMs, what: () => `all devices wait; ${devices.waitingCount(waitMs)} do`
  })
  const { writtenCount, brokenCount } = devices
  let residentBytesMost = 0
  let pingingMost = 0
  await until(() => {
    residentBytesMost = Math.max(residentBytesMost, gateway.residentBytes())
    pingingMost = Math.max(pingingMost, devices.pingingCount(keepAliveSeconds * 1_000))
    return performance.now() - startMs > downMs
  }, { timeoutMs: 2 * downMs, what: () => 'the time without Kafka' })
  t.equal(devices.writtenCount, writtenCount, 'nothing was acknowledged')
  t.equal(devices.connectedCount, devicesCount, 'all devices stayed')
  t.equal(pingingMost, 0, 'their pings were answered')
  const underWayCount = devices.openCount
  await Promise.all(brokers.map(broker => kafka.thaw(broker)))
  await reached(scene, writtenCount + underWayCount + devicesCount)
  t.equal(devices.brokenCount, brokenCount, 'and none had to come back')
  residentBytesMost = Math.max(residentBytesMost, gateway.residentBytes())
  const residentMiB = Math.round(residentBytesMost / 1024 / 1024)
  t.comment(JSON.stringify({ downMs, underWayCount, residentMiB, reconnects: devices.brokenCount - brokenCount }))
  t.ok(residentBytesMost < residentBytesMax, `${residentMiB} MiB resident at most`)
}

/** The gateway is killed, and its devices find another one. */
async function killedGateway (scene: Scene, successor: GatewayProcess): Promise<void> {
  await scene.gateway.kill('SIGKILL')
  scene.gateway = successor
  scene.devices.moveTo(successor.port)
  await allConnected(scene)
}

async function checked ({ t, kafka, devices }: Scene): Promise<void> {
  const { sent } = devices
  const stored: StoredEvent[] = (await kafka.readAll('devices', { timeoutMs: 120_000 })).map(record => ({
    id: record.headers.ce_id ?? '', digest: digestOf(record.value ?? ''), partition: record.partition, order: record.offset
  }))
  const report = checkHistory(sent, stored)
  const resent = sent.filter(({ attemptCount }) => attemptCount > 1)
  const resentIds = new Set(resent.map(({ id }) => id))
  const within = resent.filter(({ qos, outlivedSession }) => qos === 2 && !outlivedSession)
  const onceIds = new Set(sent.filter(({ qos, outlivedSession }) => qos === 2 && !outlivedSession).map(({ id }) => id))
  const refused = sent.filter(({ told }) => told === 'refused')
  t.comment(JSON.stringify({
    ...countsOf(report), resent: resent.length, resentWithinSession: within.length, broken: devices.brokenCount,
    resumed: devices.resumedCount, endings: devices.endings
  }))
  t.same(report.lost, [], 'acknowledged but lost')
  t.same(report.phantom, [], 'refused but present, or sent by nobody')
  t.same(report.corrupted, [], 'corrupted')
  t.same(report.duplicated.filter(id => onceIds.has(id)), [], 'with QoS 2 there twice although the session lived')
  t.same(report.duplicated.filter(id => !resentIds.has(id)), [], 'there twice although sent once')
  t.same(sent.filter(({ told }) => told === 'none'), [], 'neither told nor sent again')
  t.ok(within.length > 0, `${within.length} of QoS 2 were sent again within their session`)
  t.ok(resent.some(({ outlivedSession }) => outlivedSession), 'some after it was lost')
  t.ok(devices.resumedCount > 0, `${devices.resumedCount} connections went on with their session`)
  t.ok(refused.length > 0, 'some were refused')
}

t.test(`${devicesCount} devices keep what they are told`, {
  skip: await skipWithoutKafka('faults'), timeout: 3_600_000
}, async t => {
  const kafka = await startKafka({ brokers: 3 })
  t.teardown(() => kafka.stop())
  const folder = t.testdir()
  const [gateway] = await Promise.all([
    startGatewayProcess(`${folder}/one`, config(kafka.brokers)),
    kafka.createTopic('devices', { partitions: partitionsCount, config: { 'min.insync.replicas': '2' } })
  ])
  const devices = new MqttDevices({
    port: gateway.port, devices: devicesCount, eventsPerSecond: isFull ? 4 : 5, inFlightMax: 40, keepAliveSeconds,
    topic: 'devices', refusingTopic: 'shut'
  })
  t.teardown(() => { devices.close() })
  const scene: Scene = { t, kafka, devices, gateway }
  t.teardown(() => gateway.kill())

  const startMs = performance.now()
  const done = (what: string): void => {
    const residentMiB = Math.round(scene.gateway.residentBytes() / 1024 / 1024)
    t.comment(`${what}: ${Math.round(performance.now() - startMs)} ms, ${devices.writtenCount} acks, ${residentMiB} MiB`)
  }
  let goneBroker: number | undefined
  await allConnected(scene)
  done('connected')
  for (const [round, how] of breaks.entries()) {
    await reached(scene, ackCount * (round + 1) / (breaks.length + 2))
    goneBroker = await killsInRound(scene, round, how)
    done(`round ${round}`)
  }
  const restartsCount = await metricOf(gateway.healthPort, 'sluice_worker_restarts_total')
  t.equal(restartsCount, breaks.length, 'every broken worker was replaced')
  // It starts while there is little else to do.
  const starting = startGatewayProcess(`${folder}/two`, config(kafka.brokers))
  t.teardown(async () => (await starting).kill())
  await withoutKafka(scene, goneBroker)
  done('without Kafka')
  await killedGateway(scene, await starting)
  done('killed gateway')
  await reached(scene, Math.max(ackCount, devices.writtenCount + 2 * devicesCount))
  await devices.stop(stretchTimeoutMs)
  t.ok(await scene.gateway.stop(), 'the gateway drained in time')
  await checked(scene)
  t.notMatch(gateway.log() + scene.gateway.log(), /UnhandledPromise|settled twice/)
})
