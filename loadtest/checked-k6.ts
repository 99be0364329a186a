// Runs the k6 script of a door with streams against a gateway of two workers, and lets the history checker decide.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { startGatewayProcess } from '../test/support/gateway-process.ts'
import type { GatewayProcess } from '../test/support/gateway-process.ts'
import { checkHistory, countsOf, digestOf } from '../test/support/history.ts'
import type { HistoryReport, SentEvent } from '../test/support/history.ts'
import { sharedKafka } from '../test/support/kafka-shared.ts'
import { namedEventText, streamChannel, streams } from './scenarios.ts'

const urls: Readonly<Record<string, (gateway: GatewayProcess) => string>> = {
  websocket: ({ ports: [port] }) => `URL=ws://127.0.0.1:${port}/v1/stream`,
  grpc: ({ ports: [, port] }) => `ADDRESS=127.0.0.1:${port}`,
  mqtt: ({ ports: [, , port] }) => `URL=ws://127.0.0.1:${port}/`
}

const configFor = (brokers: readonly string[], topic: string): string => `
listeners: [ { protocol: http, port: 0 }, { protocol: grpc, port: 0 }, { protocol: mqtt, transport: websocket, port: 0 } ]
workers: 2
kafka: { brokers: ${JSON.stringify(brokers)} }
routes: [ { name: load, channel: ${streamChannel}, topic: ${topic} } ]
`

/** What a script writes down of one stream. */
interface Written {
  readonly name: string
  readonly sentCount: number
  readonly acked: number
  readonly refused: readonly number[]
  readonly unknown: readonly number[]
}

function sentOf ({ name, sentCount, acked, refused, unknown }: Written): SentEvent[] {
  const [isRefused, isUnknown] = [new Set(refused), new Set(unknown)]
  return Array.from({ length: sentCount }, (_, index) => {
    const order = index + 1
    const id = `${name}-${order}`
    const told = order > acked ? 'none' : isRefused.has(order) ? 'refused' : isUnknown.has(order) ? 'unknown' : 'written'
    return { id, stream: name, order, digest: digestOf(namedEventText(id, streams.eventBytes)), told }
  })
}

/** k6 itself; `go install` puts it where few have it on their PATH. */
async function runK6 (script: string, url: string, outPath: string): Promise<number> {
  const path = [process.env.PATH, join(homedir(), 'go/bin')].join(delimiter)
  const environment = ['SECONDS', 'EVENTS_PER_SECOND'].flatMap(name => {
    const value = process.env[name]
    return value === undefined ? [] : ['-e', `${name}=${value}`]
  })
  const child = spawn('k6', [
    'run', '--quiet', '--log-format', 'raw', '--console-output', outPath, '-e', url, ...environment, script
  ], { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, PATH: path } })
  const failed = once(child, 'error').then(([error]) => { throw error as Error })
  const [exitCode] = await Promise.race([once(child, 'exit') as Promise<[number]>, failed])
  return exitCode
}

/** True where nothing is wrong. */
function judged (report: HistoryReport): boolean {
  const { lost, duplicated, phantom, reordered, corrupted } = report
  console.log(JSON.stringify(countsOf(report)))
  return [lost, duplicated, phantom, reordered, corrupted].every(ids => ids.length === 0)
}

async function main (door: string): Promise<boolean> {
  const urlOf = urls[door]
  if (urlOf === undefined) throw new Error(`say one of ${Object.keys(urls).join(', ')}`)
  const folder = mkdtempSync(join(tmpdir(), 'sluice-k6-'))
  const kafka = await sharedKafka()
  const topic = `k6-${door}-${process.pid}-${Date.now()}`
  await kafka.createTopic(topic, { partitions: 6 })
  const gateway = await startGatewayProcess(folder, configFor(kafka.brokers, topic))
  try {
    const outPath = join(folder, 'outcomes')
    const exitCode = await runK6(join(import.meta.dirname, `k6/${door}.js`), urlOf(gateway), outPath)
    const lines = readFileSync(outPath, 'utf8').split('\n').filter(line => line.startsWith('{'))
    if (lines.length !== streams.connections) throw new Error(`${lines.length} of ${streams.connections} streams told their end`)
    const sent = lines.flatMap(line => sentOf(JSON.parse(line) as Written))
    const stored = (await kafka.readAll(topic)).map(({ headers, value, partition, offset }) =>
      ({ id: headers.ce_id ?? '', digest: digestOf(value ?? ''), partition, order: offset }))
    const isRight = judged(checkHistory(sent, stored))
    console.log(`k6 ended with ${exitCode}; ${isRight ? 'the history is right' : 'THE HISTORY IS WRONG'}`)
    return isRight && exitCode === 0
  } finally {
    await gateway.stop()
    await kafka.deleteTopic(topic)
    await kafka.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

process.exitCode = await main(process.argv[2] ?? '') ? 0 : 1
