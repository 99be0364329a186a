// Puts a raw MQTT load on a gateway and lets the history checker decide. Run: npm run load:mqtt (see README.md)

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startGatewayProcess } from '../test/support/gateway-process.ts'
import type { GatewayProcess } from '../test/support/gateway-process.ts'
import { kafkaClient } from '../test/support/kafka-client.ts'
import { sharedKafka } from '../test/support/kafka-shared.ts'
import type { ProtocolVersion, Qos } from './mqtt/frames.ts'
import { runLoad } from './mqtt/load.ts'
import type { LoadResult, LoadSetup } from './mqtt/load.ts'
import { percentile } from './mqtt/load-tally.ts'
import { judge, storedEvents } from './mqtt/verdict.ts'
import type { Verdict } from './mqtt/verdict.ts'
import { partitionCount, scenarios } from './scenarios.ts'

const { values } = parseArgs({
  options: {
    'connections': { type: 'string', default: '50' },
    'window': { type: 'string', default: '20' },
    'qos': { type: 'string', default: '1' },
    'version': { type: 'string', default: '5' },
    'events': { type: 'string', default: '200000' },
    'bytes': { type: 'string', default: String(scenarios.single.eventBytes) },
    'seconds': { type: 'string', default: '60' },
    'cut-every': { type: 'string', default: '0' },
    'url': { type: 'string' },
    'channel': { type: 'string', default: 'load/devices' },
    'brokers': { type: 'string' },
    'topic': { type: 'string' }
  }
})

type Asked = Omit<LoadSetup, 'host' | 'port'>
interface Judged { readonly result: LoadResult, readonly verdict: Verdict }
/** How long Kafka is read. */
const readMs = 120_000

type NumberName = 'connections' | 'window' | 'qos' | 'version' | 'events' | 'bytes' | 'seconds' | 'cut-every'

function wholeNumber (name: NumberName, { least, most }: { least: number, most: number }): number {
  const number = Number(values[name])
  if (Number.isInteger(number) && number >= least && number <= most) return number
  throw new Error(`--${name} is a whole number from ${least} to ${most}`)
}

function readSetup (): Asked {
  const connections = wholeNumber('connections', { least: 1, most: 20_000 })
  const qos = wholeNumber('qos', { least: 0, most: 2 }) as Qos
  const cutEvery = wholeNumber('cut-every', { least: 0, most: 1_000_000 })
  const version = values.version === '3.1.1' ? 4 : wholeNumber('version', { least: 4, most: 5 }) as ProtocolVersion
  if (qos === 0 && cutEvery > 0) throw new Error('--cut-every needs QoS 1 or 2: at QoS 0 nobody knows what was lost')
  return {
    connections, qos, cutEvery, version, window: wholeNumber('window', { least: 1, most: 10_000 }),
    events: wholeNumber('events', { least: connections, most: 5_000_000 }),
    eventBytes: wholeNumber('bytes', { least: 100, most: 100_000 }),
    sendMs: wholeNumber('seconds', { least: 1, most: 3_600 }) * 1_000, channel: values.channel,
    apiKey: process.env.API_KEY, run: `load-${randomBytes(4).toString('hex')}`
  }
}

const configFor = (brokers: readonly string[], topic: string): string => `
listeners: [ { protocol: mqtt, port: 0 } ]
workers: 2
limits: { connectionsMax: 100000, connectionsPerPeerMax: 100000, memoryBytesMax: 2GiB }
mqtt: { contentType: application/json }
kafka: { brokers: ${JSON.stringify(brokers)} }
routes: [ { name: load, channel: ${values.channel}, topic: ${topic}, key: { pointer: /device } } ]
`

/** A gateway and a topic of its own; the topic is read when the gateway has written what it holds. */
async function alone (setup: Asked): Promise<Judged> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-load-'))
  const kafka = await sharedKafka()
  const topic = `load-mqtt-${process.pid}-${Date.now()}`
  let gateway: GatewayProcess | undefined
  try {
    await kafka.createTopic(topic, { partitions: partitionCount })
    gateway = await startGatewayProcess(folder, configFor(kafka.brokers, topic))
    const result = await runLoad({ ...setup, host: '127.0.0.1', port: gateway.port })
    await gateway.stop()
    const records = await kafka.readAll(topic, { timeoutMs: readMs })
    return { result, verdict: judge(setup.qos, result, storedEvents(records)) }
  } finally {
    await gateway?.kill()
    await kafka.deleteTopic(topic)
    await kafka.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A gateway that runs; its topic may hold what others sent. */
async function against (url: URL, setup: Asked): Promise<Judged> {
  const result = await runLoad({ ...setup, host: url.hostname, port: Number(url.port === '' ? 1_883 : url.port) })
  const { brokers, topic } = values
  if (brokers === undefined || topic === undefined) return { result, verdict: judge(setup.qos, result) }
  const records = await kafkaClient(brokers.split(',')).readAll(topic, { timeoutMs: readMs })
  const own = storedEvents(records).filter(({ id }) => id.startsWith(setup.run))
  return { result, verdict: judge(setup.qos, result, own) }
}

function spread (values: number[]): string {
  const at = (share: number): string => percentile(values, share).toFixed(1)
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`
}

function show ({ tally, ms }: LoadResult, { qos, version, connections, window }: Asked): void {
  const { sentCount, ackMs, completeMs, resentCount, cutCount } = tally
  console.log(`MQTT ${version === 5 ? '5' : '3.1.1'}, QoS ${qos}: ${connections} connections, ${window} messages in flight on each`)
  console.log(`${sentCount} events in ${(ms / 1_000).toFixed(1)} s: ${(sentCount * 1_000 / ms).toFixed(0)} a second`)
  if (ackMs.length > 0) console.log(`${qos === 2 ? 'PUBREC' : 'PUBACK'}   ${spread(ackMs)}`)
  if (completeMs.length > 0) console.log(`PUBCOMP  ${spread(completeMs)}`)
  if (cutCount > 0) console.log(`${cutCount} connections cut, ${resentCount} messages sent again`)
}

const setup = readSetup()
const { result, verdict } = values.url === undefined ? await alone(setup) : await against(new URL(values.url), setup)
show(result, setup)
console.log(JSON.stringify(verdict.counts))
for (const fault of verdict.faults) console.log(`!!! ${fault}`)
if (values.url !== undefined && values.topic === undefined) console.log('Kafka was not looked at: name --brokers and --topic')
console.log(verdict.faults.length === 0 ? 'nothing is wrong' : 'SOMETHING IS WRONG')
process.exitCode = verdict.faults.length === 0 ? 0 : 1
