// Runs one program under test once: starts it, warms it up, counts its CPU, and asks Kafka what it holds.

import kafkajs from 'kafkajs'
import { bodyText, channel } from '../scenarios.ts'
import type { Scenario } from '../scenarios.ts'
import { endChild, messageOf, startChild } from './child.ts'
import type { FromLoad, ToLoad } from './load-child.ts'
import { cpuMicroseconds, residentBytes, ticksPerSecond } from './process-cpu.ts'
import type { Listening, SubjectSetup } from './subjects/subject.ts'

/** The programs in the order of a round, and whether they write to Kafka. */
export const programs = {
  'floor': { writes: false },
  'gateway': { writes: true },
  'kafkajs-per-request': { writes: true },
  'kafkajs-batches': { writes: true }
} as const

export type ProgramName = keyof typeof programs

export interface RunOptions {
  readonly scenario: Scenario
  readonly kafka: { readonly brokers: readonly string[] }
  readonly topic: string
  readonly folder: string
  /** The core of the program under test; the load runs where the bench does. */
  readonly core: number | undefined
  readonly profile: boolean
}

export interface Measured {
  /** CPU of the program, per event that Kafka holds. */
  readonly microseconds: number
  readonly perSecond: number
  /** Resident memory at the end. */
  readonly residentBytes: number
}

const apiKey = 'a-key-for-the-bench-0123456789'
const startMs = 60_000
/** Longest time of sending, for machines that do not reach the count. */
const warmUpMs = 12_000
const countedMs = 15_000
const perSecondTicks = ticksPerSecond()

/** One request as it goes over the wire, with the headers that a client's library sends. */
function requestText (scenario: Scenario): string {
  const body = bodyText(scenario)
  const head = [
    `POST /v1/events/${channel} HTTP/1.1`, 'Host: 127.0.0.1', 'User-Agent: bench/1', 'Accept: */*',
    `Content-Type: ${scenario.contentType}`, `X-Api-Key: ${apiKey}`, `Content-Length: ${Buffer.byteLength(body)}`
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

/** Records that the topic holds, over all partitions. */
export async function heldCount ({ brokers, topic }: { brokers: readonly string[], topic: string }): Promise<number> {
  const client = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.ERROR })
  const admin = client.admin()
  await admin.connect()
  try {
    const offsets = await admin.fetchTopicOffsets(topic)
    return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
  } finally {
    await admin.disconnect()
  }
}

type Child = ReturnType<typeof startChild>

async function ask (load: Child, message: ToLoad): Promise<FromLoad & { kind: 'done' | 'connected' }> {
  load.send(message)
  const answer = await messageOf<FromLoad>(load, 60_000)
  if (answer.kind === 'broken') throw new Error(`the load broke: ${answer.what}`)
  return answer
}

interface Sent { readonly answered: number, readonly ms: number }

async function send (load: Child, requests: number, sendMs: number): Promise<Sent> {
  const answer = await ask(load, { kind: 'run', requests, sendMs })
  if (answer.kind !== 'done') throw new Error('the load did not run')
  if (answer.failed > 0) throw new Error(`${answer.failed} of ${answer.answered} requests were not answered with 200`)
  return answer
}

/** Throws where Kafka holds fewer events than were acknowledged. */
export async function runProgram (name: ProgramName, options: RunOptions): Promise<Measured> {
  const { scenario, kafka, topic, folder, core, profile } = options
  const { connections, eventsPerRequest, format, warmUpEvents, countedEvents } = scenario
  const json = eventsPerRequest === 1 ? 'check' : 'trust'
  const setup: SubjectSetup = { brokers: kafka.brokers, topic, folder, apiKey, json, format, profile }
  const file = new URL(`./subjects/${name}.ts`, import.meta.url)
  const program = startChild({ file, args: [JSON.stringify(setup)], core })
  const load = startChild({ file: new URL('./load-child.ts', import.meta.url), core: undefined })
  try {
    const { port } = await messageOf<Listening>(program, startMs)
    await ask(load, { kind: 'connect', setup: { port, connections, request: requestText(scenario) } })
    await send(load, warmUpEvents / eventsPerRequest, warmUpMs)
    const heldBefore = await heldCount({ ...kafka, topic })
    const pid = program.pid ?? 0
    const before = cpuMicroseconds(pid, perSecondTicks)
    const { answered, ms } = await send(load, countedEvents / eventsPerRequest, countedMs)
    const used = cpuMicroseconds(pid, perSecondTicks) - before
    const acknowledged = answered * eventsPerRequest
    const held = programs[name].writes ? await heldCount({ ...kafka, topic }) - heldBefore : acknowledged
    if (held < acknowledged) throw new Error(`${name}: Kafka holds ${held} of ${acknowledged} acknowledged events`)
    return { microseconds: used / held, perSecond: held * 1_000 / ms, residentBytes: residentBytes(pid) }
  } finally {
    await endChild(load)
    await endChild(program)
  }
}
