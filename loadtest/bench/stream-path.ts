// Question: what CPU does an event on a stream cost the gateway, beside the floors of door and library, and peers?
// By hand: npm run bench:streams [-- --rounds 5 --door websocket --profile]; --door mqtt --peer: beside mosquitto and
// a bridge. How to read it: loadtest/README.md.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sharedKafka, skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import type { SharedKafka } from '../../test/support/kafka-shared.ts'
import { skipWithoutMosquitto } from '../../test/support/mosquitto-process.ts'
import { partitionCount } from '../scenarios.ts'
import { canPin, pinSelf } from './child.ts'
import { readProfile } from './cpu-profile.ts'
import { streamDoors } from './speakers/index.ts'
import type { StreamDoorName } from './speakers/index.ts'
import { spreadOf, spreadText } from './spread.ts'
import { eventBytes, programsAt, runStreamProgram, streamPrograms } from './stream-program.ts'
import type { Measured, StreamProgramName } from './stream-program.ts'
import type { DoorSetup } from './subjects/subject.ts'

const programCore = 0
const otherCore = 1
const roundsMax = 50
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    door: { type: 'string', multiple: true, default: Object.keys(streamDoors) },
    peer: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false }
  }
})
const doors = values.door.map(name => {
  if (!Object.hasOwn(streamDoors, name)) throw new Error(`${name} is none of ${Object.keys(streamDoors).join(', ')}`)
  return name as StreamDoorName
})
const roundCount = values.profile ? 1 : Math.min(Math.max(1, Math.floor(Number(values.rounds)) || 1), roundsMax)

type Rounds = ReadonlyMap<StreamProgramName, Measured[]>

async function measure (kafka: SharedKafka, door: StreamDoorName, core: number | undefined): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const names = values.profile ? ['door-gateway' as const] : programsAt(door, values.peer)
  const rounds: Rounds = new Map(names.map(name => [name, []]))
  try {
    for (let round = 0; round < roundCount; round++) {
      for (const [name, own] of rounds) {
        const topic = `bench-${randomBytes(6).toString('hex')}`
        await kafka.createTopic(topic, { partitions: partitionCount })
        const setup: DoorSetup = {
          door, brokers: kafka.brokers, topic, folder, apiKey: 'a-key-for-the-bench-0123456789', profile: values.profile
        }
        const measured = await runStreamProgram(name, setup, core)
        own.push(measured)
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
function show (door: StreamDoorName, rounds: Rounds): void {
  const { connections, window } = streamDoors[door]
  const of = (name: StreamProgramName, round: number): number => rounds.get(name)?.[round]?.microseconds ?? NaN
  console.log(`\n${door}: ${connections} connections, ${window} events of ${eventBytes} bytes in flight on each, ` +
    `${partitionCount} partitions, acks=all; ${roundCount} rounds: median (range)`)
  console.log('program'.padEnd(24) + 'CPU us/event'.padStart(24) + 'x door-floor'.padStart(24) +
    'above door-floor'.padStart(24) + 'x library-floor'.padStart(24) + 'events/s'.padStart(12))
  for (const [name, own] of rounds) {
    const digits = streamPrograms[name].isPeer ? 1 : 2
    const shown = (valueOf: (each: Measured, round: number) => number): string =>
      spreadText(spreadOf(own.map(valueOf)), digits).padStart(24)
    console.log(name.padEnd(24) +
      shown(each => each.microseconds) +
      shown((each, round) => each.microseconds / of('door-floor', round)) +
      shown((each, round) => each.microseconds - of('door-floor', round)) +
      (rounds.has('library-floor') ? shown((each, round) => each.microseconds / of('library-floor', round)) : '-'.padStart(24)) +
      spreadOf(own.map(each => each.perSecond)).median.toFixed(0).padStart(12))
  }
  for (const [name, own] of rounds) if (streamPrograms[name].isPeer) showPeer(name, own, rounds.get('door-gateway') ?? [])
}

function showPeer (name: StreamProgramName, own: readonly Measured[], gateways: readonly Measured[]): void {
  const sumOf = (count: (each: Measured) => number): number => own.reduce((sum, each) => sum + count(each), 0)
  const ratios = own.map((each, round) => (gateways[round]?.microseconds ?? NaN) / each.microseconds)
  const mosquitto = spreadText(spreadOf(own.map(each => each.otherMicroseconds)), 1)
  const bridge = spreadText(spreadOf(own.map(each => each.microseconds - each.otherMicroseconds)), 1)
  const [acked, delivered] = [sumOf(each => each.ackedCount), sumOf(each => each.deliveredCount)]
  console.log(`${name}: mosquitto ${mosquitto} + bridge ${bridge} us per event delivered, of which the gateway needs ` +
    `${spreadText(spreadOf(ratios), 3)}; of ${acked} acknowledged ${delivered} reached Kafka ` +
    `(${(delivered * 100 / acked).toFixed(1)}%)`)
}

if (process.platform !== 'linux') throw new Error('this bench reads CPU time from /proc, which only Linux has')
const reason = await skipWithoutKafka()
if (reason !== false) throw new Error(reason)
const withoutPeer = values.peer && skipWithoutMosquitto()
if (withoutPeer !== false) throw new Error(withoutPeer)
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
