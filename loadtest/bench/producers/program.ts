// Runs one producer once on its core: counts its CPU, and asks Kafka how many records it really wrote.

import { spawn } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { endChild, messageOf, startChild } from '../child.ts'
import { cpuMicroseconds, residentBytes, ticksPerSecond } from '../process-cpu.ts'
import type { FromProducer, ProducerSetup, ToProducer } from './producer-child.ts'
import { valueOf } from './producer-child.ts'

export interface ProducerRun {
  readonly setup: ProducerSetup
  readonly folder: string
  readonly core: number | undefined
  /** Where Kafka's jars are; undefined: Java's producer is left out. */
  readonly jars: string | undefined
  readonly warmUpCount: number
  readonly recordsCount: number
}

export interface ProducerMeasured {
  /** CPU per record in the counted window; of programs that cannot be asked, of the whole process. */
  readonly microseconds: number
  /** CPU of the whole process, start and warm-up included, per record it wrote. */
  readonly wholeMicroseconds: number
  readonly perSecond: number
  readonly residentBytes: number
}

const perSecondTicks = ticksPerSecond()
const startMs = 60_000
const runMs = 300_000

/** Records that the topic holds. */
async function heldCount ({ brokers, topic }: ProducerSetup): Promise<number> {
  const admin = new kafkajs.Kafka({ brokers: [...brokers], logLevel: kafkajs.logLevel.ERROR }).admin()
  await admin.connect()
  try {
    const offsets = await admin.fetchTopicOffsets(topic)
    return offsets.reduce((sum, { high }) => sum + Number(high), 0)
  } finally {
    await admin.disconnect()
  }
}

/** A Node program of this folder, which warms up first. */
async function runNode (file: string, run: ProducerRun): Promise<ProducerMeasured> {
  const { setup, core, warmUpCount, recordsCount } = run
  const child = startChild({ file: new URL(file, import.meta.url), args: [JSON.stringify(setup)], core })
  const ask = async (count: number): Promise<FromProducer> => {
    child.send({ recordsCount: count } satisfies ToProducer)
    return messageOf<FromProducer>(child, runMs)
  }
  try {
    await messageOf(child, startMs)
    await ask(warmUpCount)
    const heldBefore = await heldCount(setup)
    const pid = child.pid ?? 0
    const usedBefore = cpuMicroseconds(pid, perSecondTicks)
    const beganAtMs = performance.now()
    await ask(recordsCount)
    const tookMs = performance.now() - beganAtMs
    const used = cpuMicroseconds(pid, perSecondTicks)
    const held = await heldCount(setup)
    if (held - heldBefore < recordsCount) throw new Error(`Kafka holds ${held - heldBefore} of ${recordsCount} records`)
    return {
      microseconds: (used - usedBefore) / recordsCount, wholeMicroseconds: used / held,
      perSecond: recordsCount * 1_000 / tookMs, residentBytes: residentBytes(pid)
    }
  } finally {
    await endChild(child)
  }
}

/** A foreign program, which is counted from its start to its end by the shell that waits for it. */
async function runForeign (command: readonly string[], run: ProducerRun): Promise<ProducerMeasured> {
  const { setup, core, recordsCount } = run
  const pinned = core === undefined ? command : ['taskset', '-c', String(core), ...command]
  const script = 'TIMEFORMAT="cpu %U %S"; time "$@" > /dev/null'
  const child = spawn('bash', ['-c', script, 'bash', ...pinned], { stdio: ['ignore', 'ignore', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), runMs)
  let words = ''
  child.stderr.on('data', (chunk: Buffer) => { words = (words + String(chunk)).slice(-10_000) })
  const beganAtMs = performance.now()
  const code = await new Promise<number | null>(resolve => { child.once('close', resolve) })
  const tookMs = performance.now() - beganAtMs
  clearTimeout(timer)
  const cpu = /cpu ([0-9.]+) ([0-9.]+)\s*$/.exec(words)
  if (code !== 0 || cpu === null) throw new Error(`${command[0] ?? ''} ended with ${code}: ${words}`)
  const held = await heldCount(setup)
  if (held < recordsCount) throw new Error(`Kafka holds ${held} of ${recordsCount} records`)
  const microseconds = (Number(cpu[1]) + Number(cpu[2])) * 1e6 / held
  return { microseconds, wholeMicroseconds: microseconds, perSecond: held * 1_000 / tookMs, residentBytes: 0 }
}

function javaCommand ({ setup, jars, recordsCount }: ProducerRun): string[] {
  return [
    'java', '-Xmx512m', '-cp', `${jars ?? ''}/*`, 'org.apache.kafka.tools.ProducerPerformance',
    '--topic', setup.topic, '--num-records', String(recordsCount), '--record-size', String(setup.recordBytes),
    '--throughput', '-1', '--bootstrap-server', setup.brokers.join(','),
    '--command-property', 'acks=all', 'linger.ms=5', 'enable.idempotence=true'
  ]
}

/** A file of lines, made once per folder. */
function linesFile ({ setup, folder, recordsCount }: ProducerRun): string {
  const path = join(folder, `lines-${recordsCount}`)
  if (existsSync(path)) return path
  const block = Buffer.concat(Array.from({ length: 1_000 }, (_, at) =>
    Buffer.concat([valueOf(at, setup.recordBytes), Buffer.from('\n')])))
  for (let count = 0; count < recordsCount; count += 1_000) writeFileSync(path, block, { flag: 'a' })
  return path
}

function kcatCommand (run: ProducerRun): string[] {
  const { setup } = run
  const settings = ['acks=all', 'enable.idempotence=true', 'linger.ms=5', 'queue.buffering.max.messages=1000000']
  return [
    'kcat', '-P', '-b', setup.brokers.join(','), '-t', setup.topic, '-p', '-1',
    ...settings.flatMap(setting => ['-X', setting]), '-l', linesFile(run)
  ]
}

/** The producers in the order of a round. */
export const producers = {
  'this core': { run: (run: ProducerRun) => runNode('sink.ts', run), share: 1 },
  'kafkajs.send': { run: (run: ProducerRun) => runNode('kafkajs-send.ts', run), share: 0.1 },
  'Java': { run: (run: ProducerRun) => runForeign(javaCommand(run), run), share: 1 },
  'librdkafka': { run: (run: ProducerRun) => runForeign(kcatCommand(run), run), share: 1 }
} as const

export type ProducerName = keyof typeof producers
