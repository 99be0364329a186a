// Question: what CPU does an event over REST cost the gateway, beside its floor and what people write themselves?
// By hand: npm run bench [-- --rounds 5 --scenario single --profile]. How to read it: loadtest/README.md.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { sharedKafka, skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import type { SharedKafka } from '../../test/support/kafka-shared.ts'
import { partitionCount, scenarios } from '../scenarios.ts'
import type { ScenarioName } from '../scenarios.ts'
import { canPin, pinSelf } from './child.ts'
import { readProfile } from './cpu-profile.ts'
import { programs, runProgram } from './program.ts'
import type { Measured, ProgramName } from './program.ts'
import { spreadOf, spreadText } from './spread.ts'

const programCore = 0
const otherCore = 1
const roundsMax = 50

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    scenario: { type: 'string', multiple: true, default: Object.keys(scenarios) },
    program: { type: 'string', multiple: true, default: Object.keys(programs) },
    profile: { type: 'boolean', default: false }
  }
})

function namesIn<Name extends string> (given: readonly string[], known: Readonly<Record<Name, unknown>>): Name[] {
  for (const name of given) {
    if (!Object.hasOwn(known, name)) throw new Error(`${name} is none of ${Object.keys(known).join(', ')}`)
  }
  return given as Name[]
}

const scenarioNames = namesIn<ScenarioName>(values.scenario, scenarios)
const programNames = values.profile ? ['gateway' as const] : namesIn<ProgramName>(values.program, programs)
const roundCount = values.profile ? 1 : Math.min(Math.max(1, Math.floor(Number(values.rounds)) || 1), roundsMax)

type Rounds = ReadonlyMap<ProgramName, readonly Measured[]>

async function measure (kafka: SharedKafka, scenario: ScenarioName, core: number | undefined): Promise<Rounds> {
  const rounds = new Map<ProgramName, Measured[]>(programNames.map(name => [name, []]))
  const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  try {
    for (let round = 0; round < roundCount; round++) {
      for (const name of programNames) {
        const topic = `bench-${randomBytes(6).toString('hex')}`
        await kafka.createTopic(topic, { partitions: partitionCount })
        const profile = values.profile
        const measured = await runProgram(name, { scenario: scenarios[scenario], kafka, topic, folder, core, profile })
        rounds.get(name)?.push(measured)
        await kafka.deleteTopic(topic)
        process.stderr.write(`${scenario} round ${round + 1} of ${roundCount}: ${name} ${measured.microseconds.toFixed(1)}\n`)
      }
    }
    if (values.profile) console.log(readProfile(folder))
  } finally {
    rmSync(folder, { recursive: true })
  }
  return rounds
}

/** The ratio of the same round, because a busy machine makes whole rounds dearer. */
function ratioText (own: readonly Measured[], other: readonly Measured[] | undefined): string {
  if (other === undefined) return '-'
  return spreadText(spreadOf(own.map((each, round) => each.microseconds / (other[round]?.microseconds ?? NaN))), 2)
}

function show (scenario: ScenarioName, rounds: Rounds): void {
  const { connections, eventsPerRequest, eventBytes } = scenarios[scenario]
  console.log(`\n${scenario}: ${connections} connections, ${eventsPerRequest} event(s) of ${eventBytes} bytes per request, ` +
    `${partitionCount} partitions, acks=all; ${roundCount} rounds: median (range)`)
  const widths = [22, 22, 18, 20, 12, 8]
  const row = (cells: readonly string[]): void => {
    console.log(cells.map((cell, at) => at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)).join(''))
  }
  row(['program', 'CPU us/event', 'x floor', 'x kafkajs/request', 'events/s', 'MiB'])
  for (const [name, measured] of rounds) {
    row([
      name,
      spreadText(spreadOf(measured.map(each => each.microseconds)), 1),
      ratioText(measured, rounds.get('floor')),
      ratioText(measured, rounds.get('kafkajs-per-request')),
      spreadOf(measured.map(each => each.perSecond)).median.toFixed(0),
      (spreadOf(measured.map(each => each.residentBytes)).median / 2 ** 20).toFixed(0)
    ])
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
  for (const name of scenarioNames) show(name, await measure(kafka, name, pins ? programCore : undefined))
} finally {
  await kafka.stop()
}
