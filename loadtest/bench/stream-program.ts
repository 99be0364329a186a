// Runs one program with a door of streams once: starts it, warms it up, counts its CPU, and asks Kafka what it holds.

import { setTimeout as pause } from 'node:timers/promises'
import { channel, eventText, scenarios } from '../scenarios.ts'
import { endChild, messageOf, startChild } from './child.ts'
import { cpuMicroseconds, ticksPerSecond } from './process-cpu.ts'
import { heldCount } from './program.ts'
import { streamDoors } from './speakers/index.ts'
import type { StreamDoorName } from './speakers/index.ts'
import type { FromStreamLoad, ToStreamLoad } from './stream-load.ts'
import type { DoorSetup, Listening } from './subjects/subject.ts'

interface StreamProgram {
  readonly writes: boolean
  /** What it speaks; undefined: whatever the gateway does. */
  readonly doors?: readonly StreamDoorName[]
  /** True: acknowledges before Kafka has it, and so may lose it. */
  readonly isPeer: boolean
  readonly warmUpEvents: number
  readonly countedEvents: number
}

const ours = { isPeer: false, warmUpEvents: 1_000_000, countedEvents: 2_000_000 } as const
/** Fewer, as they are slower by far, and hold what they cannot send in memory. */
const peers = { isPeer: true, writes: true, doors: ['mqtt'], warmUpEvents: 40_000, countedEvents: 150_000 } as const

/** The programs in the order of a round. */
export const streamPrograms = {
  'library-floor': { ...ours, writes: false, doors: ['grpc', 'grpc-unary'] },
  'door-floor': { ...ours, writes: false },
  'door-gateway': { ...ours, writes: true },
  'mosquitto-per-message': peers,
  'mosquitto-batches': peers
} as const satisfies Record<string, StreamProgram>

export type StreamProgramName = keyof typeof streamPrograms

/** The programs of a round at this door; `withPeers`: also those that are no floor and not ours. */
export function programsAt (door: StreamDoorName, withPeers: boolean): StreamProgramName[] {
  return (Object.entries(streamPrograms) as [StreamProgramName, StreamProgram][])
    .filter(([, { isPeer, doors }]) => (withPeers || !isPeer) && (doors?.includes(door) ?? true))
    .map(([name]) => name)
}

export interface Measured {
  /** CPU of the program and what belongs to it, per event delivered. */
  readonly microseconds: number
  /** The part of it that is not in the program's own process. */
  readonly otherMicroseconds: number
  readonly ackedCount: number
  /** Of these, in Kafka in the end. */
  readonly deliveredCount: number
  /** Delivered. */
  readonly perSecond: number
}

export const { eventBytes } = scenarios.single
/** Longest time of sending, for machines that do not reach the counts. */
const warmUpMs = 12_000
const countedMs = 20_000
const startMs = 60_000
const answerMs = 90_000
/** What an acknowledgement did not wait for is in Kafka once nothing has come for so long. */
const quietMs = 3_000
const settleMs = 90_000

type Child = ReturnType<typeof startChild>

async function ask (load: Child, message: ToStreamLoad): Promise<FromStreamLoad> {
  load.send(message)
  const answer = await messageOf<FromStreamLoad>(load, answerMs)
  if (answer.kind === 'broken') throw new Error(`the load broke: ${answer.what}`)
  return answer
}

interface Settled { readonly heldCount: number, readonly atMs: number }

/** What Kafka holds once it stays at that, and when it came to it. */
async function settled (setup: DoorSetup): Promise<Settled> {
  const endMs = performance.now() + settleMs
  let last: Settled = { heldCount: await heldCount(setup), atMs: performance.now() }
  while (performance.now() < Math.min(last.atMs + quietMs, endMs)) {
    await pause(quietMs / 10)
    const held = await heldCount(setup)
    if (held !== last.heldCount) last = { heldCount: held, atMs: performance.now() }
  }
  return last
}

/** One run. Throws where Kafka holds fewer events than were acknowledged, unless the program is known for it. */
export async function runStreamProgram (
  name: StreamProgramName, setup: DoorSetup, core: number | undefined
): Promise<Measured> {
  const { writes, isPeer, warmUpEvents, countedEvents }: StreamProgram = streamPrograms[name]
  const program = startChild({ file: new URL(`./subjects/${name}.ts`, import.meta.url), args: [JSON.stringify(setup)], core })
  const load = startChild({ file: new URL('./stream-load.ts', import.meta.url), core: undefined })
  const held = async (): Promise<Settled> =>
    isPeer ? await settled(setup) : { heldCount: writes ? await heldCount(setup) : 0, atMs: performance.now() }
  try {
    const { port, otherPids = [] } = await messageOf<Listening>(program, startMs)
    const { door, apiKey } = setup
    const { connections } = streamDoors[door]
    const dataText = eventText(eventBytes)
    await ask(load, { kind: 'connect', setup: { door, port, channel, apiKey, dataText, connections } })
    await ask(load, { kind: 'run', events: warmUpEvents, sendMs: warmUpMs })
    const before = await held()
    const ticks = ticksPerSecond()
    const cpuOf = (pids: readonly number[]): number => pids.reduce((sum, pid) => sum + cpuMicroseconds(pid, ticks), 0)
    const own = [program.pid ?? 0]
    const [ownBefore, otherBefore] = [cpuOf(own), cpuOf(otherPids)]
    const beganMs = performance.now()
    const answer = await ask(load, { kind: 'run', events: countedEvents, sendMs: countedMs })
    if (answer.kind !== 'done') throw new Error('the load did not run')
    // Peers still work on what they have acknowledged.
    const after = isPeer ? await held() : undefined
    const otherUsed = cpuOf(otherPids) - otherBefore
    const used = cpuOf(own) - ownBefore + otherUsed
    const written = writes ? (after ?? await held()).heldCount - before.heldCount : answer.acked
    if (!isPeer && written < answer.acked) throw new Error(`Kafka holds ${written} of ${answer.acked} acknowledged events`)
    const deliveredCount = isPeer ? written : answer.acked
    if (deliveredCount === 0) throw new Error(`${name}: nothing has reached Kafka`)
    return {
      microseconds: used / deliveredCount, otherMicroseconds: otherUsed / deliveredCount, ackedCount: answer.acked,
      deliveredCount, perSecond: deliveredCount * 1_000 / (after === undefined ? answer.ms : after.atMs - beganMs)
    }
  } finally {
    await endChild(load)
    await endChild(program)
  }
}
