// Devices that all come at the same moment: at first, after the death of a worker, and after a restart of the gateway.

import { createHash } from 'node:crypto'
import { startGatewayProcess } from '../../test/support/gateway-process.ts'
import type { GatewayProcess } from '../../test/support/gateway-process.ts'
import { until } from '../../test/support/until.ts'
import { cpuMicroseconds, ticksPerSecond } from '../bench/process-cpu.ts'
import { Devices } from './devices.ts'
import type { DevicesState } from './devices-child.ts'
import { overflowCount } from './overflows.ts'
import { Publishers } from './publishers.ts'
import type { Waits } from './publishers.ts'

export interface StormSetup {
  /** A folder for the gateway. */
  readonly folder: string
  readonly brokers: readonly string[]
  readonly topic: string
  readonly devices: number
  readonly publishers: number
  /** The door's limits, of one worker. */
  readonly connectsPerSecondMax: number
  readonly connectsWaitingMax: number
  readonly connectWaitMs: number
  /** Back-off of devices that are not let in. */
  readonly pauseMs: number
  readonly pauseMsMax: number
  /** Longest time until all are back. */
  readonly backMs: number
  readonly tell: (line: string) => void
}

/** How one storm went. */
export interface Storm {
  readonly name: 'arrival' | 'worker' | 'restart'
  /** Devices that had to come. */
  readonly comingCount: number
  readonly attemptCount: number
  readonly busyCount: number
  readonly endings: Readonly<Record<string, number>>
  /** Until half and all of them were in. */
  readonly halfMs: number
  readonly allMs: number
  /** How far they were ahead of the rate of all workers at most: no more than the bursts. */
  readonly aheadMost: number
  /** Publishers before and meanwhile. */
  readonly calm: Waits
  readonly waits: Waits
  readonly residentMiB: number
  /** What the gateway used of the processor meanwhile, its publishers included. */
  readonly cpuMs: number
  /** Connections that the system dropped at full queues of listeners, of the whole machine. */
  readonly overflowCount: number
}

export interface StormReport {
  readonly storms: readonly Storm[]
  /** Events of publishers that were acknowledged. */
  readonly ackedCount: number
  /** The gateway stopped within its time. */
  readonly drainedInTime: boolean
}

const workersCount = 2
const memoryMiBEach = 640
const devicesEach = 10_000
const channel = 'devices'
const apiKey = 'a-key-for-the-storm-0123456789'
const eventsPerSecond = 10
/** How long publishers are watched before a storm. */
const calmMs = 2_000

/** Twice as many, so that one worker can take all that another one had: each has its share of the limit. */
function limitsOf ({ devices, publishers }: StormSetup): Readonly<Record<string, unknown>> {
  const connectionsMax = 2 * (devices + publishers)
  const memoryMiB = memoryMiBEach * Math.ceil(devices / devicesEach)
  return { connectionsMax, connectionsPerPeerMax: connectionsMax, preAuthBytesMax: '1GiB', memoryBytesMax: `${memoryMiB}MiB` }
}

function configOf (setup: StormSetup, port: number): string {
  const { brokers, topic, connectsPerSecondMax, connectsWaitingMax, connectWaitMs } = setup
  const hash = createHash('sha256').update(apiKey).digest('hex')
  return `
listeners: [ { protocol: mqtt, port: ${port} }, { protocol: health, port: 0 } ]
workers: ${workersCount}
log: { level: warn }
limits: ${JSON.stringify(limitsOf(setup))}
mqtt: ${JSON.stringify({ connectsPerSecondMax, connectsWaitingMax, connectWaitMs })}
kafka: { brokers: ${JSON.stringify(brokers)} }
principals: [ { name: fleet, groups: [ devices ], credentials: [ { apiKey: "sha256:${hash}" } ] } ]
authentication: [ auth-api-key: { header: x-api-key } ]
routes:
  - name: devices
    channel: ${channel}
    topic: ${topic}
    policies:
      - acl: { allow: [ "group:devices" ] }
      - rate-limit: { per: principal, eventsPerSecondMax: 1000000, burstEventsMax: 1000000 }
`
}

interface Scene {
  readonly setup: StormSetup
  readonly devices: Devices
  publishers: Publishers
  gateway: GatewayProcess
  ackedCount: number
}

async function startScene (setup: StormSetup): Promise<Scene> {
  const gateway = await startGatewayProcess(`${setup.folder}/first`, configOf(setup, 0))
  return { setup, devices: new Devices(), publishers: new Publishers(), gateway, ackedCount: 0 }
}

async function openPublishers ({ setup, publishers, gateway }: Scene): Promise<void> {
  await publishers.open({ port: gateway.port, channel, apiKey, publishers: setup.publishers, eventsPerSecond })
}

/** What publishers wait while nobody comes. */
async function calm ({ publishers }: Scene): Promise<Waits> {
  publishers.waits()
  const endMs = performance.now() + calmMs
  await until(() => performance.now() > endMs, { timeoutMs: 2 * calmMs, what: () => 'the time before the storm' })
  return publishers.waits()
}

/** The most that admissions were ahead of a rate, whose clock began before the first of them was asked for. */
function aheadMostOf (admittedAtMs: readonly number[], perSecond: number): number {
  return admittedAtMs.reduce((most, atMs, at) => Math.max(most, at + 1 - atMs / 1_000 * perSecond), 0)
}

interface Begin { readonly name: Storm['name'], readonly cause: () => void, readonly began: (state: DevicesState) => boolean }

/** From its cause until every device is in. */
async function storm (scene: Scene, { name, cause, began }: Begin): Promise<Storm> {
  const { setup, devices, gateway } = scene
  const before = await calm(scene)
  await devices.countAnew()
  const overflowsBefore = overflowCount()
  const cpuMs = (): number => cpuMicroseconds(gateway.pid, ticksPerSecond()) / 1_000
  const cpuBeforeMs = cpuMs()
  cause()
  await until(() => began(devices.state) && devices.state.connectedCount === setup.devices, {
    timeoutMs: setup.backMs,
    what: () => `all devices are in after ${name}: ${JSON.stringify(devices.state)}\n${gateway.log()}`
  })
  const waits = scene.publishers.waits()
  const { attemptCount, busyCount, endings } = devices.state
  const admittedAtMs = await devices.admittedAtMs()
  const done: Storm = {
    name, comingCount: admittedAtMs.length, attemptCount, busyCount, endings,
    halfMs: admittedAtMs[admittedAtMs.length >> 1] ?? NaN, allMs: admittedAtMs.at(-1) ?? NaN,
    aheadMost: aheadMostOf(admittedAtMs, workersCount * setup.connectsPerSecondMax),
    calm: before, waits, residentMiB: gateway.residentBytes() / 2 ** 20,
    cpuMs: cpuMs() - cpuBeforeMs, overflowCount: overflowCount() - overflowsBefore
  }
  setup.tell(lineOf(done))
  return done
}

function lineOf (storm: Storm): string {
  const { name, comingCount, attemptCount, busyCount, endings, halfMs, allMs, calm, waits, ...rest } = storm
  const of = ({ stayedCount, ackedCount, medianMs, mostMs }: Waits): string =>
    `${stayedCount} publishers, ${ackedCount} acks, ${medianMs.toFixed(0)} ms (most ${mostMs.toFixed(0)})`
  return `${name}: ${comingCount} devices in, half after ${halfMs.toFixed(0)} ms, all after ${allMs.toFixed(0)} ms; ` +
    `${attemptCount} attempts, ${busyCount} told to come later, ${JSON.stringify(endings)}; ` +
    `at most ${rest.aheadMost.toFixed(0)} ahead of the rate; ${rest.residentMiB.toFixed(0)} MiB, ` +
    `${rest.cpuMs.toFixed(0)} ms of CPU; ${rest.overflowCount} dropped by the system\n` +
    `  before: ${of(calm)}; meanwhile: ${of(waits)}`
}

/** Both are gone, one after the other, and the devices wait for a word. */
async function restart (scene: Scene): Promise<boolean> {
  const { setup, devices, publishers, gateway } = scene
  devices.hold()
  publishers.end()
  scene.ackedCount += publishers.ackedCount
  const startMs = performance.now()
  const inTime = await gateway.stop()
  setup.tell(`stopped in ${(performance.now() - startMs).toFixed(0)} ms, ${inTime ? 'in time' : 'BY FORCE'}`)
  await until(() => devices.state.connectedCount === 0, { timeoutMs: setup.backMs, what: () => 'the end of all connections' })
  scene.gateway = await startGatewayProcess(`${setup.folder}/second`, configOf(setup, gateway.port))
  scene.publishers = new Publishers()
  await openPublishers(scene)
  return inTime
}

export async function runStorms (setup: StormSetup): Promise<StormReport> {
  const scene = await startScene(setup)
  const { devices } = scene
  const { devices: devicesCount, pauseMs, pauseMsMax } = setup
  const storms: Storm[] = []
  try {
    await openPublishers(scene)
    const { port } = scene.gateway
    storms.push(await storm(scene, {
      name: 'arrival', began: () => true,
      cause: () => { devices.start({ port, devices: devicesCount, apiKey, pauseMs, pauseMsMax }) }
    }))
    storms.push(await storm(scene, {
      name: 'worker', began: ({ admittedCount }) => admittedCount > 0,
      cause: () => { scene.gateway.breakWorker(0, 'throw') }
    }))
    const drainedInTime = await restart(scene)
    storms.push(await storm(scene, { name: 'restart', began: () => true, cause: () => { devices.return() } }))
    scene.publishers.end()
    return { storms, drainedInTime, ackedCount: scene.ackedCount + scene.publishers.ackedCount }
  } finally {
    scene.publishers.end()
    await devices.end()
    await scene.gateway.kill()
  }
}
