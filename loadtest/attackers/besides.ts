// One attack beside good clients, in turns without it and with it, against a gateway of its own.

import { randomBytes } from 'node:crypto'
import type { SharedKafka } from '../../test/support/kafka-shared.ts'
import { metricOf } from '../../test/support/metrics.ts'
import { until } from '../../test/support/until.ts'
import { endChild, messageOf, startChild } from '../bench/child.ts'
import { cpuMicroseconds, residentBytes, ticksPerSecond } from '../bench/process-cpu.ts'
import { heldCount } from '../bench/program.ts'
import { spreadOf } from '../bench/spread.ts'
import type { AttackName } from './attacks.ts'
import type { CrowdReport, FromCrowd, ToCrowd } from './crowd-child.ts'
import type { GatewayListening, GatewaySetup } from './gateway.ts'
import type { FromGood, Latencies, ToGood } from './good-clients.ts'

export interface BesidesOptions {
  readonly name: AttackName
  readonly kafka: SharedKafka
  readonly folder: string
  /** The core of the gateway; everything else runs where this process does. */
  readonly core: number | undefined
  readonly count: number
  readonly roundsCount: number
  /** What the attackers may use, of one core. */
  readonly cpuShare: number
  readonly againMs: number
  readonly profile: boolean
  readonly timeoutMs: number
  readonly quietMs: number
  readonly attackMs: number
}

export interface Turn extends Latencies {
  /** Of the gateway's worker, 99th percentile; an idle loop has its timer's 10 ms. */
  readonly loopDelayMs: number
  /** CPU that the gateway used, of one core. */
  readonly cpuShare: number
}

export interface Besides {
  readonly quiet: readonly Turn[]
  readonly attacked: readonly Turn[]
  readonly reports: readonly CrowdReport[]
  /** Of acked events, those that Kafka does not have. */
  readonly lostCount: number
  readonly refusedCount: number
  readonly skippedCount: number
  readonly unackedCount: number
  readonly residentBytesMost: number
  readonly memoryBytesMax: number
  /** Attackers' connections that the gateway still had when it had had time to drop all. */
  readonly leftCount: number
}

/** Of each round what the attack did to the 99th percentile; the median of these. */
export function ratioOf ({ quiet, attacked }: Besides, part: 'p50Ms' | 'p99Ms'): number {
  return spreadOf(attacked.map((turn, at) => turn[part] / (quiet[at]?.[part] ?? NaN))).median
}

export const memoryBytesMax = 512 * 1024 * 1024
export const goodKey = 'a-good-key-0123456789'
export const attackKey = 'a-bad-key-0123456789'
export const attackChannel = 'attack/orders'
const connectionsPerDoor = 20
const eventsPerSecond = 800
const startMs = 120_000
const warmUpMs = 4_000
const memoryEveryMs = 200
const ticks = ticksPerSecond()

type Child = ReturnType<typeof startChild>

async function ask<Kind extends FromGood['kind']> (
  child: Child, message: ToGood, kind: Kind
): Promise<FromGood & { kind: Kind }> {
  child.send(message)
  for (;;) {
    const answer = await messageOf<FromGood>(child, startMs)
    if (answer.kind === 'broken') throw new Error(`a good client broke: ${answer.what}`)
    if (answer.kind === kind) return answer as FromGood & { kind: Kind }
  }
}

/** The event loop's delay is told for the time since it was last asked for. */
async function loopDelayMs (healthPort: number): Promise<number> {
  return await metricOf(healthPort, 'sluice_event_loop_delay_p99_seconds') * 1_000
}

/** What is looked at: the good clients' process, and the gateway's. */
interface Place {
  readonly good: Child
  readonly pid: number
  readonly ports: GatewayListening['ports']
}

async function turn ({ good, pid, ports: { health } }: Place, ms: number): Promise<Turn> {
  await loopDelayMs(health)
  const before = cpuMicroseconds(pid, ticks)
  const { count, p50Ms, p99Ms, mostMs } = await ask(good, { kind: 'measure', ms }, 'measured')
  const cpuShare = (cpuMicroseconds(pid, ticks) - before) / (ms * 1_000)
  return { count, p50Ms, p99Ms, mostMs, loopDelayMs: await loopDelayMs(health), cpuShare }
}

interface Attacked { readonly attacked: Turn, readonly report: CrowdReport }

async function attackedTurn (place: Place, options: BesidesOptions): Promise<Attacked> {
  const { ports } = place
  const { name, count, cpuShare, againMs, timeoutMs, attackMs } = options
  const crowd = startChild({ file: new URL('./crowd-child.ts', import.meta.url), core: undefined })
  try {
    const limits = { timeoutMs }
    const access = { apiKey: attackKey, channel: attackChannel }
    crowd.send({
      kind: 'begin', setup: { name, ports, count, cpuShare, againMs, limits, access }
    } satisfies ToCrowd)
    await messageOf<FromCrowd>(crowd, startMs)
    const attacked = await turn(place, attackMs)
    crowd.send({ kind: 'report' } satisfies ToCrowd)
    const report = await messageOf<FromCrowd>(crowd, startMs)
    if (report.kind !== 'report') throw new Error('the attackers told nothing')
    return { attacked, report }
  } finally {
    await endChild(crowd)
  }
}

function gatewaySetup (options: BesidesOptions): GatewaySetup {
  const { kafka, folder, timeoutMs, profile } = options
  const topic = `attackers-${randomBytes(6).toString('hex')}`
  return {
    brokers: kafka.brokers, topic, attackTopic: `${topic}-attack`, folder, goodKey, attackKey, attackChannel, timeoutMs,
    memoryBytesMax, profile
  }
}

/** Waits until the gateway has no connections but those of good clients; how many it has above that in the end. */
async function leftCount (healthPort: number): Promise<number> {
  const left = async (): Promise<number> =>
    await metricOf(healthPort, 'sluice_connections_active') - 2 * connectionsPerDoor
  await until(async () => await left() <= 0, { timeoutMs: 15_000, what: () => 'connections' }).catch(() => {})
  return left()
}

export async function besides (options: BesidesOptions): Promise<Besides> {
  const { kafka, core, roundsCount, quietMs } = options
  const setup = gatewaySetup(options)
  for (const topic of [setup.topic, setup.attackTopic]) await kafka.createTopic(topic, { partitions: 6 })
  const gateway = startChild({ file: new URL('./gateway.ts', import.meta.url), args: [JSON.stringify(setup)], core })
  const good = startChild({ file: new URL('./good-clients.ts', import.meta.url), core: undefined })
  let residentBytesMost = 0
  const meter = setInterval(() => {
    residentBytesMost = Math.max(residentBytesMost, residentBytes(gateway.pid ?? 0))
  }, memoryEveryMs)
  try {
    const { ports } = await messageOf<GatewayListening>(gateway, startMs)
    const { http, grpc, health } = ports
    const place: Place = { good, pid: gateway.pid ?? 0, ports }
    await ask(good, {
      kind: 'connect', setup: { apiKey: goodKey, ports: { websocket: http, grpc }, connectionsPerDoor, eventsPerSecond }
    }, 'connected')
    await ask(good, { kind: 'measure', ms: warmUpMs }, 'measured')
    const rounds: (Attacked & { quiet: Turn, left: number })[] = []
    for (let round = 0; round < roundsCount; round++) {
      const quiet = await turn(place, quietMs)
      rounds.push({ quiet, ...await attackedTurn(place, options), left: await leftCount(health) })
    }
    const { acked, refused, skipped, unacked } = await ask(good, { kind: 'finish' }, 'finished')
    const held = await heldCount({ brokers: kafka.brokers, topic: setup.topic })
    return {
      quiet: rounds.map(({ quiet }) => quiet), attacked: rounds.map(({ attacked }) => attacked),
      reports: rounds.map(({ report }) => report), leftCount: Math.max(...rounds.map(({ left }) => left)),
      lostCount: Math.max(0, acked - held), refusedCount: refused, skippedCount: skipped, unackedCount: unacked,
      residentBytesMost, memoryBytesMax
    }
  } finally {
    clearInterval(meter)
    await endChild(good)
    await endChild(gateway)
    for (const topic of [setup.topic, setup.attackTopic]) await kafka.deleteTopic(topic)
  }
}
