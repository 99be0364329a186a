// Question: what CPU does an event on an open stream cost the gateway, beside the door's own floor?
// By hand: npm run bench:streams [-- --rounds 5 --door websocket --profile]. How to read it: loadtest/README.md.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sharedKafka, skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import type { SharedKafka } from '../../test/support/kafka-shared.ts'
import { channel, eventText, partitionCount, scenarios } from '../scenarios.ts'
import { canPin, endChild, messageOf, pinSelf, startChild } from './child.ts'
import { readProfile } from './cpu-profile.ts'
import { cpuMicroseconds, ticksPerSecond } from './process-cpu.ts'
import { heldCount } from './program.ts'
import { streamDoors } from './speakers/index.ts'
import type { StreamDoorName } from './speakers/index.ts'
import { spreadOf, spreadText } from './spread.ts'
import type { FromStreamLoad, ToStreamLoad } from './stream-load.ts'
import type { DoorSetup, Listening } from './subjects/subject.ts'

const programCore = 0
const otherCore = 1
const roundsMax = 50
const warmUpEvents = 300_000
const countedEvents = 600_000
/** Longest time of sending, for machines that do not reach the counts. */
const warmUpMs = 12_000
const countedMs = 20_000
const startMs = 60_000
const answerMs = 90_000
const { eventBytes } = scenarios.single
const programs = ['door-floor', 'door-gateway'] as const
type ProgramName = typeof programs[number]

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    door: { type: 'string', multiple: true, default: Object.keys(streamDoors) },
    profile: { type: 'boolean', default: false }
  }
})
const doors = values.door.map(name => {
  if (!Object.hasOwn(streamDoors, name)) throw new Error(`${name} is none of ${Object.keys(streamDoors).join(', ')}`)
  return name as StreamDoorName
})
const roundCount = values.profile ? 1 : Math.min(Math.max(1, Math.floor(Number(values.rounds)) || 1), roundsMax)

interface Measured { readonly microseconds: number, readonly perSecond: number }

async function ask (load: ReturnType<typeof startChild>, message: ToStreamLoad): Promise<FromStreamLoad> {
  load.send(message)
  const answer = await messageOf<FromStreamLoad>(load, answerMs)
  if (answer.kind === 'broken') throw new Error(`the load broke: ${answer.what}`)
  return answer
}

/** One run of one program. Throws where Kafka holds fewer events than were acknowledged. */
async function run (name: ProgramName, setup: DoorSetup, core: number | undefined): Promise<Measured> {
  const file = new URL(`./subjects/${name}.ts`, import.meta.url)
  const program = startChild({ file, args: [JSON.stringify(setup)], core })
  const load = startChild({ file: new URL('./stream-load.ts', import.meta.url), core: undefined })
  const held = async (): Promise<number> => await heldCount(setup)
  try {
    const { port } = await messageOf<Listening>(program, startMs)
    const { door, apiKey } = setup
    const { connections } = streamDoors[door]
    const dataText = eventText(eventBytes)
    await ask(load, { kind: 'connect', setup: { door, port, channel, apiKey, dataText, connections } })
    await ask(load, { kind: 'run', events: warmUpEvents, sendMs: warmUpMs })
    const heldBefore = await held()
    const pid = program.pid ?? 0
    const ticks = ticksPerSecond()
    const before = cpuMicroseconds(pid, ticks)
    const answer = await ask(load, { kind: 'run', events: countedEvents, sendMs: countedMs })
    if (answer.kind !== 'done') throw new Error('the load did not run')
    const used = cpuMicroseconds(pid, ticks) - before
    const written = name === 'door-gateway' ? await held() - heldBefore : answer.acked
    if (written < answer.acked) throw new Error(`Kafka holds ${written} of ${answer.acked} acknowledged events`)
    return { microseconds: used / answer.acked, perSecond: answer.acked * 1_000 / answer.ms }
  } finally {
    await endChild(load)
    await endChild(program)
  }
}

async function measure (kafka: SharedKafka, door: StreamDoorName, core: number | undefined): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const rounds: Record<ProgramName, Measured[]> = { 'door-floor': [], 'door-gateway': [] }
  try {
    for (let round = 0; round < roundCount; round++) {
      for (const name of values.profile ? ['door-gateway'] as const : programs) {
        const topic = `bench-${randomBytes(6).toString('hex')}`
        await kafka.createTopic(topic, { partitions: partitionCount })
        const setup: DoorSetup = {
          door, brokers: kafka.brokers, topic, folder, apiKey: 'a-key-for-the-bench-0123456789', profile: values.profile
        }
        const measured = await run(name, setup, core)
        rounds[name].push(measured)
        await kafka.deleteTopic(topic)
        process.stderr.write(`${door} round ${round + 1} of ${roundCount}: ${name} ${measured.microseconds.toFixed(2)}\n`)
      }
    }
    if (values.profile) console.log(readProfile(folder))
    else show(door, rounds)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Ratio and difference of the same round, because a busy machine makes whole rounds dearer. */
function show (door: StreamDoorName, rounds: Readonly<Record<ProgramName, readonly Measured[]>>): void {
  const { connections, window } = streamDoors[door]
  const floors = rounds['door-floor']
  const floorOf = (round: number): number => floors[round]?.microseconds ?? NaN
  console.log(`\n${door}: ${connections} connections, ${window} events of ${eventBytes} bytes in flight on each, ` +
    `${partitionCount} partitions, acks=all; ${roundCount} rounds: median (range)`)
  console.log('program'.padEnd(16) + 'CPU us/event'.padStart(22) + 'x floor'.padStart(20) + 'above floor'.padStart(22) +
    'events/s'.padStart(12))
  for (const name of programs) {
    const own = rounds[name]
    console.log(name.padEnd(16) +
      spreadText(spreadOf(own.map(each => each.microseconds)), 2).padStart(22) +
      spreadText(spreadOf(own.map((each, round) => each.microseconds / floorOf(round))), 2).padStart(20) +
      spreadText(spreadOf(own.map((each, round) => each.microseconds - floorOf(round))), 2).padStart(22) +
      spreadOf(own.map(each => each.perSecond)).median.toFixed(0).padStart(12))
  }
}

if (process.platform !== 'linux') throw new Error('this bench reads CPU time from /proc, which only Linux has')
const reason = await skipWithoutKafka()
if (reason !== false) throw new Error(reason)
const pins = canPin()
if (pins) pinSelf(otherCore)
console.log(pins
  ? `the program under test has core ${programCore}; the load and the broker, if it is ours, have core ${otherCore}`
  : 'taskset or a second core is missing: nothing is pinned, and figures spread wider')
const kafka = await sharedKafka()
try {
  for (const door of doors) await measure(kafka, door, pins ? programCore : undefined)
} finally {
  await kafka.stop()
}
