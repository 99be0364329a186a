// The same event makes the same Kafka record, byte for byte, whatever door it came in by and in whatever form.

import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { eventCorpus, refusedEvents, sampleRoutes } from '../support/event-corpus.ts'
import type { SampleEvent } from '../support/event-corpus.ts'
import { contextPairs } from '../support/event-senders.ts'
import type { EventSender } from '../support/event-senders.ts'
import { grpcSenders } from '../support/event-senders-grpc.ts'
import { restSenders } from '../support/event-senders-rest.ts'
import { mqttSenders } from '../support/event-senders-mqtt.ts'
import { websocketSenders } from '../support/event-senders-websocket.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { sharedKafka, skipWithoutKafka } from '../support/kafka-shared.ts'
import type { SharedKafka } from '../support/kafka-shared.ts'
import type { StoredRecord } from '../support/kafka-client.ts'

/** Every door in every form. What an event is like in Kafka is said by the first that can carry it. */
const senders: readonly EventSender[] = [...restSenders, ...websocketSenders, ...grpcSenders, ...mqttSenders]

const prefix = `same-${randomBytes(4).toString('hex')}`
const keyedPartitionsCount = 3
const senderCountMax = 5
const topicOf = (keyed: boolean, door: string): string => `${prefix}.${keyed ? 'keyed' : 'open'}.${door}`

const doors = `parameters: { door: { enum: [ ${senders.map(({ name }) => name).join(', ')} ] } }`

const config = (brokers: readonly string[]): string => `
workers: 2
kafka: { brokers: ${JSON.stringify(brokers)} }
listeners:
  - { protocol: http, port: 0 }
  - { protocol: grpc, port: 0 }
  - { protocol: mqtt, port: 0 }
rest: { bodyBytesMax: 4MiB }
websocket: { messageBytesMax: 4MiB }
mqtt: { packetBytesMax: 4MiB, structured311: true }
routes:
${Object.entries(sampleRoutes).map(([name, { keyed, settings }]) =>
  `  - { name: ${name}, channel: "${name}/{door}", ${doors}, topic: "${topicOf(keyed, '{door}')}", source: /wrapped, ${settings} }`).join('\n')}
`

/** The samples that a sender carries, each with its record. */
type Found = ReadonlyMap<SampleEvent, StoredRecord>

/** Which record is whose: without keys the order tells, with them the order of those that have the same key. */
async function read (kafka: SharedKafka, sender: EventSender): Promise<Found> {
  const carried = eventCorpus.filter(sample => sender.lack(sample) === undefined)
  const found = new Map<SampleEvent, StoredRecord>()
  for (const keyed of [false, true]) {
    const samples = carried.filter(({ route }) => sampleRoutes[route].keyed === keyed)
    const left = [...await kafka.readAll(topicOf(keyed, sender.name), { count: samples.length })]
    for (const sample of samples) {
      const at = left.findIndex(({ key }) => (key?.toString() ?? null) === sample.recordKey)
      const [record] = at < 0 ? [] : left.splice(at, 1)
      if (record !== undefined) found.set(sample, record)
    }
    if (left.length > 0) throw new Error(`${sender.name} wrote ${left.length} records too many: ${JSON.stringify(left[0])}`)
  }
  return found
}

const uuidV7 = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/

/** What the gateway makes for an event that is no CloudEvent: the time of its record, and an id where it has none. */
function masked (text: string, { context, idempotencyKey }: SampleEvent, { timestampMs }: StoredRecord): string {
  if (context !== undefined) return text
  const timeless = text.replace(new Date(timestampMs).toISOString(), 'the time of the record')
  return idempotencyKey === undefined ? timeless.replace(uuidV7, 'an id that was made') : timeless
}

/** A record so that records can be compared and seen: bytes as Latin-1, and large ones by their hash. */
function shown (sample: SampleEvent, record: StoredRecord): object {
  const { key, value, headerList, partition } = record
  const plain = (bytes: Buffer): string => bytes.length > 4_096
    ? `${bytes.length} bytes, SHA-256 ${createHash('sha256').update(bytes).digest('hex')}`
    : masked(bytes.toString('latin1'), sample, record)
  return {
    partition, key: key?.toString('latin1') ?? null, value: value === null ? null : plain(value),
    headers: headerList.map(([name, bytes]) => `${name}: ${plain(bytes)}`)
  }
}

/** What the Kafka binding of CloudEvents makes of it in its binary mode. */
function headersOf ({ context, contentType, trace, traceBroken, attributes = [], route }: SampleEvent): string[] {
  const pairs = context === undefined ? [] : contextPairs(context).map(([name, value]) => [`ce_${name}`, value] as const)
  const isId = ([name]: readonly [string, string]): boolean => name === 'ce_id'
  const all = [
    // The id's header stands before all others.
    ...pairs.filter(isId), ...pairs.filter(pair => !isId(pair)), ...(contentType === undefined ? [] : [['content-type', contentType] as const]),
    ...(trace === undefined || traceBroken === true ? [] : Object.entries(trace)),
    ...attributes.filter(([name]) => sampleRoutes[route].settings.includes(name))
  ]
  return all.map(([name, value]) => `${name}: ${Buffer.from(value).toString('latin1')}`)
}

/** A refusal in the words of any door; 1007 ends a connection whose text message is no JSON; MQTT 3.1.1 just closes. */
const refusal = /malformed|invalid-event|unsupported-media-type|\b1007\b|closed before PUBACK/

t.test('one event, one record', { skip: await skipWithoutKafka(), timeout: 180_000 }, async t => {
  const kafka = await sharedKafka()
  t.teardown(() => kafka.stop())
  const [gateway] = await Promise.all([
    startGatewayProcess(t.testdir(), config(kafka.brokers)),
    ...senders.flatMap(({ name }) => [false, true].map(keyed => kafka.createTopic(topicOf(keyed, name), {
      partitions: keyed ? keyedPartitionsCount : 1, replicationFactor: 1, config: { 'max.message.bytes': '4194304' }
    })))
  ])
  t.teardown(() => gateway.kill())
  const refused = await Promise.all(senders.map(sender => refusedBy(sender, gateway.ports)))
  const startMs = Date.now()
  // A few at a time: all of them at once are more than a gateway on a busy machine takes.
  for (let at = 0; at < senders.length; at += senderCountMax) {
    await Promise.all(senders.slice(at, at + senderCountMax).map(sender => sender.send(
      eventCorpus.filter(sample => sender.lack(sample) === undefined), { ports: gateway.ports, door: sender.name }
    )))
  }
  const endMs = Date.now()
  const founds = await Promise.all(senders.map(sender => read(kafka, sender)))
  const expected = new Map<SampleEvent, object>()
  for (const sample of eventCorpus) {
    const first = founds.find(found => found.has(sample))?.get(sample)
    if (first !== undefined) expected.set(sample, shown(sample, first))
  }

  await t.test('what is written is what was sent', async t => {
    for (const sample of eventCorpus) checkSample(t, sample, expected.get(sample))
  })

  await t.test('what one refuses, all refuse', async t => {
    for (const [at, { name }] of senders.entries()) t.same(refused[at], [], name)
  })

  for (const [at, { name, lack }] of senders.entries()) {
    await t.test(`${name} writes what the others write`, async t => {
      for (const sample of eventCorpus) {
        const record = founds[at]?.get(sample)
        const reason = lack(sample)
        if (record === undefined || reason !== undefined) {
          t.not(reason, undefined, `${sample.title}: ${reason ?? 'no record'}`)
          continue
        }
        t.same(shown(sample, record), expected.get(sample), sample.title)
        const { timestampMs } = record
        if (timestampMs < startMs || timestampMs > endMs) t.fail(`${sample.title}: the time ${timestampMs}`)
      }
      t.ok((founds[at]?.size ?? 0) > 0)
    })
  }
})

/** What the sender is told of events that it must not be able to send, where that is no refusal. */
async function refusedBy (sender: EventSender, ports: readonly number[]): Promise<string[]> {
  const wrong: string[] = []
  for (const sample of refusedEvents) {
    if (sender.lack(sample) !== undefined) continue
    const told = await sender.send([sample], { ports, door: sender.name }).then(() => 'written', (error: Error) => error.message)
    if (!refusal.test(told)) wrong.push(`${sample.title}: ${told}`)
  }
  return wrong
}

/** Holds the record against the sample itself, where the format lets its bytes through. */
function checkSample (t: Test, sample: SampleEvent, record: object | undefined): void {
  const { data, route, title, recordKey } = sample
  t.match(record, { key: recordKey === null ? null : Buffer.from(recordKey).toString('latin1') }, title)
  const { format } = sampleRoutes[route]
  if (format !== 'structured' && (data === null || data.length <= 4_096)) {
    t.same((record as { value: unknown }).value, data?.toString('latin1') ?? null, title)
  }
  if (format === 'binary' && sample.context !== undefined) t.same((record as { headers: unknown }).headers, headersOf(sample), title)
}
