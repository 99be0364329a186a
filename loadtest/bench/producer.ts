// Question: what CPU does a record cost this producer core, beside kafkajs, Java's client and librdkafka?
// By hand: npm run bench:producer [-- --rounds 5 --records 2000000 --keyed --headers --driver kafkajs --profile].
// With --soak: does the heap stay flat over 50 million records?

import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startKafka } from '../../test/support/kafka-rig.ts'
import { sharedKafka, skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import type { SharedKafka } from '../../test/support/kafka-shared.ts'
import { findKafka, jarsDirectory } from '../../test/support/kafka-source.ts'
import { canPin, endChild, messageOf, pinSelf, startChild } from './child.ts'
import { readProfile } from './cpu-profile.ts'
import { residentBytes } from './process-cpu.ts'
import type { FromProducer, ProducerSetup, ToProducer } from './producers/producer-child.ts'
import { producers } from './producers/program.ts'
import type { ProducerMeasured, ProducerName } from './producers/program.ts'
import { spreadOf, spreadText } from './spread.ts'

const programCore = 0
const otherCore = 1
const roundsMax = 50
const partitionCount = 6
/** What a partition may hold on this disk: old records make room. */
const retention = {
  'retention.bytes': String(256 * 1_048_576), 'segment.bytes': String(64 * 1_048_576), 'file.delete.delay.ms': '1000'
}
/** Kafka looks for old segments every five minutes, in which a producer writes ten gigabytes. */
const retentionCheck = { 'log.retention.check.interval.ms': '5000', 'log.initial.task.delay.ms': '5000' }

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    records: { type: 'string', default: '2000000' },
    program: { type: 'string', multiple: true, default: Object.keys(producers) },
    driver: { type: 'string', default: 'native' },
    keyed: { type: 'boolean', default: false },
    headers: { type: 'boolean', default: false },
    profile: { type: 'boolean', default: false },
    soak: { type: 'boolean', default: false }
  }
})

function within (text: string, least: number, most: number): number {
  return Math.min(most, Math.max(least, Math.floor(Number(text)) || least))
}

const recordsCount = within(values.records, 1_000, 20_000_000)
const roundCount = values.profile ? 1 : within(values.rounds, 1, roundsMax)
if (values.driver !== 'native' && values.driver !== 'kafkajs') throw new Error('the driver is native or kafkajs')
const { driver } = values

/** What can run here, of what was asked for. */
function programsHere (jars: string | undefined): ProducerName[] {
  const names = values.profile ? ['this core'] : values.program
  return names.filter((name): name is ProducerName => {
    if (!Object.hasOwn(producers, name)) throw new Error(`${name} is none of ${Object.keys(producers).join(', ')}`)
    const missing = (name === 'Java' && jars === undefined) || (name === 'librdkafka' && !has('kcat'))
    if (missing) console.log(`${name} is left out: it is not on this machine`)
    return !missing
  })
}

function has (command: string): boolean {
  try {
    execFileSync('which', [command], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** A broker of this bench's own that keeps its disk small; a cluster of KAFKA_BROKERS looks when it looks. */
async function benchKafka (): Promise<SharedKafka> {
  if ((await findKafka()).kind === 'external') return sharedKafka()
  return startKafka({ config: retentionCheck, brokerSessionMs: 9_000 })
}

async function withTopic<T> (kafka: SharedKafka, work: (setup: ProducerSetup) => Promise<T>): Promise<T> {
  const topic = `bench-${randomBytes(6).toString('hex')}`
  await kafka.createTopic(topic, { partitions: partitionCount, config: retention })
  const { keyed, headers } = values
  try {
    return await work({
      brokers: kafka.brokers, topic, driver, recordBytes: 200, keyed, headers,
      profileFolder: values.profile ? folder : undefined
    })
  } finally {
    await kafka.deleteTopic(topic)
  }
}

function ratioText (
  own: readonly ProducerMeasured[], other: readonly ProducerMeasured[], whole: boolean
): string {
  const figure = (one: ProducerMeasured | undefined): number =>
    (whole ? one?.wholeMicroseconds : one?.microseconds) ?? NaN
  return spreadText(spreadOf(own.map((each, round) => figure(each) / figure(other[round]))), 2)
}

function show (rounds: ReadonlyMap<ProducerName, readonly ProducerMeasured[]>): void {
  const own = rounds.get('this core') ?? []
  console.log(`\n${recordsCount} records of 200 bytes (kafkajs.send: a tenth), ${partitionCount} partitions, ` +
    `acks=all, no compression; ${roundCount} rounds: median (range)`)
  console.log(`this core: driver ${driver}; all but kafkajs.send are idempotent`)
  if (values.keyed) console.log('with keys: this core and kafkajs.send; the others have none, so theirs cost less')
  if (values.headers) console.log('with 3 headers: this core only, so the ratios tell nothing')
  const widths = [14, 22, 22, 22, 22, 12]
  const row = (cells: readonly string[]): void => {
    console.log(cells.map((cell, at) => at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)).join(''))
  }
  row(['producer', 'CPU us/record', 'whole process', 'this core is x', 'whole: x', 'records/s'])
  for (const [name, measured] of rounds) {
    const foreign = name === 'Java' || name === 'librdkafka'
    row([
      name,
      spreadText(spreadOf(measured.map(each => each.microseconds)), 2),
      spreadText(spreadOf(measured.map(each => each.wholeMicroseconds)), 2),
      own.length === 0 ? '-' : ratioText(own, measured, false) + (foreign ? ' *' : ''),
      own.length === 0 ? '-' : ratioText(own, measured, true),
      spreadOf(measured.map(each => each.perSecond)).median.toFixed(0)
    ])
  }
  console.log('* our window beside a whole foreign process, start included: quote the ratio of the whole ones')
}

async function measure (kafka: SharedKafka, core: number | undefined): Promise<void> {
  const jarsPath = jarsDirectory()
  const jars = existsSync(jarsPath) ? jarsPath : undefined
  const names = programsHere(jars)
  const rounds = new Map<ProducerName, ProducerMeasured[]>(names.map(name => [name, []]))
  for (let round = 0; round < roundCount; round++) {
    for (const name of names) {
      const { run, share } = producers[name]
      const measured = await withTopic(kafka, setup => run({
        setup, folder, core, jars,
        warmUpCount: Math.floor(recordsCount * share / 4), recordsCount: Math.floor(recordsCount * share)
      }))
      rounds.get(name)?.push(measured)
      process.stderr.write(`round ${round + 1} of ${roundCount}: ${name} ${measured.microseconds.toFixed(2)}\n`)
    }
  }
  if (values.profile) console.log(readProfile(folder))
  show(rounds)
}

const soakStepCount = 5_000_000
const soakSteps = 10

/** Heap flat: after 50 million records no more is in use than after the first fifteen. */
async function soak (kafka: SharedKafka, core: number | undefined): Promise<void> {
  // The child collects its garbage before it tells: without this it has no way to, and the heap is anything.
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --expose-gc`
  await withTopic(kafka, async (setup) => {
    const child = startChild({ file: new URL('./producers/sink.ts', import.meta.url), args: [JSON.stringify(setup)], core })
    const heaps: number[] = []
    try {
      await messageOf(child, 60_000)
      for (let step = 1; step <= soakSteps; step++) {
        child.send({ recordsCount: soakStepCount } satisfies ToProducer)
        const { heapBytes } = await messageOf<FromProducer>(child, 600_000)
        heaps.push(heapBytes)
        const mebibytes = [heapBytes, residentBytes(child.pid ?? 0)].map(bytes => (bytes / 2 ** 20).toFixed(1))
        console.log(`${step * soakStepCount / 1e6} M records: heap ${mebibytes[0]} MiB, resident ${mebibytes[1]} MiB`)
      }
    } finally {
      await endChild(child)
    }
    const first = spreadOf(heaps.slice(0, 3)).median
    const last = heaps.at(-1) ?? Infinity
    if (last > first * 1.2) throw new Error('the heap grows')
    console.log(`flat: the last is ${(last / first).toFixed(2)} of the median of the first three`)
  })
}

if (process.platform !== 'linux' || !existsSync('/proc/self/stat') || readFileSync('/proc/self/stat').length === 0) {
  throw new Error('this bench reads CPU time from /proc, which only Linux has')
}
const reason = await skipWithoutKafka()
if (reason !== false) throw new Error(reason)
const pins = canPin()
if (pins) pinSelf(otherCore)
console.log(pins ? `the producer has core ${programCore}, the broker and the rest core ${otherCore}` : 'nothing is pinned')
const folder = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
const kafka = await benchKafka()
try {
  await (values.soak ? soak : measure)(kafka, pins ? programCore : undefined)
} finally {
  await kafka.stop()
  rmSync(folder, { recursive: true })
}
