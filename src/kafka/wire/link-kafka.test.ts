// The wire against a real Kafka: each of its listeners, each API, and what a wrong config is told.

import t from 'tap'
import type { Test } from 'tap'
import { Secret } from '../../contract/secret.ts'
import { encodeRecord } from '../../contract/record.ts'
import { SHARED_USERS, sharedKafka, skipWithoutKafka } from '../../../test/support/kafka-shared.ts'
import type { SharedKafka } from '../../../test/support/kafka-shared.ts'
import { until } from '../../../test/support/until.ts'
import type { BrokerLink, ClusterMetadata, ProduceListener, ProducerId } from '../broker-link.ts'
import { problemOf } from '../classify.ts'
import { systemClock } from '../clock.ts'
import { crc32c } from '../crc32c.ts'
import { createSaslMechanism } from '../sasl/index.ts'
import { createOpenLink } from './link.ts'
import type { LinkOptions } from './link.ts'

/** Opens a link, or rejects with why it closed. */
function open (t: Test, broker: string | undefined, options: Partial<LinkOptions> = {}): Promise<BrokerLink> {
  const [host = '', port = ''] = broker?.split(':') ?? []
  return new Promise((resolve, reject) => {
    const openLink = createOpenLink({
      tls: undefined, sasl: undefined, clientId: 'wire-test', connectionTimeoutMs: 10_000, requestTimeoutMs: 10_000,
      clock: systemClock, ...options
    })
    const link = openLink({ host, port: Number(port) }, {
      opened: () => { resolve(link) }, drained: () => {}, closed: reject
    })
    t.teardown(() => { link.close(new Error('the test is over')) })
  })
}

function metadata (link: BrokerLink, topics: readonly string[]): Promise<ClusterMetadata> {
  return new Promise((resolve, reject) => {
    link.metadata(topics, answer => { if (answer instanceof Error) reject(answer); else resolve(answer) })
  })
}

/** A broker that has just started has none to give for a moment. */
async function producerId (link: BrokerLink): Promise<ProducerId> {
  let identity: ProducerId | undefined
  let reason = ''
  await until(async () => {
    const answer = await new Promise<ProducerId | Error>(resolve => { link.initProducerId(resolve) })
    if (answer instanceof Error) reason = answer.message
    else identity = answer
    return identity !== undefined
  }, { timeoutMs: 20_000, what: () => reason })
  if (identity === undefined) throw new Error(reason)
  return identity
}

/** The topic's leaders, as soon as they are known: every partition of a new one is without for a moment. */
async function leaders (link: BrokerLink, topic: string): Promise<readonly number[]> {
  let found: readonly number[] = []
  await until(async () => {
    const [about] = (await metadata(link, [topic])).topics
    found = about?.partitions.map(({ leader }) => leader) ?? []
    return about?.code === 0 && found.length > 0 && found.every(leader => leader >= 0)
  }, { timeoutMs: 10_000, what: () => `leaders of ${topic}` })
  return found
}

/** A batch of one record, its header written out from KIP-98. */
function batchOf (text: string, { id, epoch }: ProducerId, sequence: number): Buffer {
  const bytes = Buffer.alloc(1_024)
  const record = {
    topic: '', key: Buffer.from('k'), value: Buffer.from(text), headers: ['h', 'v'], timestampMs: 0, id: '', source: ''
  }
  const end = encodeRecord(record, bytes, 61, 0, 0)
  bytes.writeInt32BE(end - 12, 8)
  bytes.writeInt32BE(-1, 12)
  bytes.writeInt8(2, 16)
  for (const at of [27, 35]) bytes.writeBigInt64BE(1_700_000_000_000n, at)
  bytes.writeBigInt64BE(id, 43)
  bytes.writeInt16BE(epoch, 51)
  bytes.writeInt32BE(sequence, 53)
  bytes.writeInt32BE(1, 57)
  bytes.writeUInt32BE(crc32c(bytes.subarray(21, end), 0), 17)
  return bytes.subarray(0, end)
}

type Results = Parameters<ProduceListener['answered']>[0]

function produce (link: BrokerLink, places: readonly [string, number, Buffer][]): Promise<Results> {
  const batches = places.map(([topic, partition, bytes]) => ({ topic, partition, bytes }))
  return new Promise((resolve, reject) => {
    link.produce(batches, 5_000, { answered: resolve, unanswered: reject })
  })
}

async function makeTopic (kafka: SharedKafka, name: string, partitions: number): Promise<string> {
  const topic = `wire-${name}-${process.pid}-${Date.now()}`
  await kafka.createTopic(topic, { partitions })
  return topic
}

t.test('batches go to several topics and partitions in one request, and are read back', { skip: await skipWithoutKafka() }, async t => {
  const kafka = await sharedKafka()
  t.teardown(() => kafka.stop())
  const [one, two] = [await makeTopic(kafka, 'one', 2), await makeTopic(kafka, 'two', 1)]
  const [broker] = kafka.brokers
  const link = await open(t, broker)
  const { brokers } = await metadata(link, [])
  t.ok(brokers.length > 0 && brokers.every(({ host, port, nodeId }) => host !== '' && port > 0 && nodeId >= 0))
  const gone = `wire-none-${process.pid}`
  t.match((await metadata(link, [gone])).topics, [{ name: gone, code: 3, partitions: [] }], 'and it is not made by asking')
  // With one broker it leads all; of a cluster, the broker that leads is asked.
  const [leader] = await leaders(link, two)
  const [other = -1, another = -1] = await leaders(link, one)
  const address = brokers.find(({ nodeId }) => nodeId === leader)
  const led = await open(t, `${address?.host}:${address?.port}`)
  const identity = await producerId(led)
  t.ok(identity.id >= 0n && identity.epoch === 0)

  const results = await produce(led, [
    [one, 0, batchOf('a', identity, 0)], [two, 0, batchOf('b', identity, 0)], [one, 1, batchOf('c', identity, 0)]
  ])
  const codes = [other, leader, another].map(id => id === leader ? 0 : 6)
  t.same(results.map(result => result?.code), codes)
  t.match(results[1], { baseOffset: 0, invalidRecords: [] })
  const again = await produce(led, [[two, 0, batchOf('b', identity, 0)]])
  t.match(again, [{ code: 0, baseOffset: 0 }], 'the same batch again is known as such')
  t.match(await produce(led, [[two, 0, batchOf('d', identity, 7)]]), [{ code: 45 }], 'a gap in the sequence is refused')
  const torn = batchOf('e', identity, 1)
  torn.writeUInt8(torn.readUInt8(torn.length - 1) ^ 1, torn.length - 1)
  t.match(await produce(led, [[two, 0, torn]]), [{ code: 2 }], 'a wrong checksum is found')

  const records = await kafka.readAll(two, { count: 1 })
  t.same(records.map(({ key, value }) => [String(key), String(value)]), [['k', 'b']])
})

t.test('TLS and SCRAM carry the same, a user without rights is refused, and wrong settings are named', { skip: await skipWithoutKafka('sasl') }, async t => {
  const kafka = await sharedKafka()
  t.teardown(() => kafka.stop())
  const topic = await makeTopic(kafka, 'tls', 1)
  const [sslBroker] = kafka.sslBrokers
  const [saslBroker] = kafka.saslBrokers
  const tls = { ca: kafka.caPath }
  const link = await open(t, sslBroker, { tls })
  await leaders(link, topic)
  const identity = await producerId(link)
  t.match(await produce(link, [[topic, 0, batchOf('secret', identity, 0)]]), [{ code: 0, baseOffset: 0 }])
  t.equal(String((await kafka.readAll(topic, { count: 1 }))[0]?.value), 'secret')

  const [{ name: username, password }] = SHARED_USERS
  for (const mechanism of ['scram-sha-512', 'scram-sha-256', 'plain'] as const) {
    const sasl = createSaslMechanism({ mechanism, username, password: new Secret(password) })
    const own = await open(t, saslBroker, { tls, sasl })
    t.match(await produce(own, [[topic, 0, batchOf('no', identity, 1)]]), [{ code: 29 }], mechanism)
    const wrong = createSaslMechanism({ mechanism, username, password: new Secret('wrong') })
    const refused = await open(t, saslBroker, { tls, sasl: wrong }).catch(problemOf)
    t.match(refused, { cause: 'credentials', text: new RegExp(`${saslBroker}: SASL_AUTHENTICATION_FAILED: `) })
  }

  const causes: [string, () => Promise<unknown>, string, RegExp][] = [
    ['an authority that is not trusted', () => open(t, sslBroker, { tls: true }), 'tls', /self-signed|unable to/],
    ['TLS at a plaintext port', () => open(t, kafka.brokers[0], { tls }), 'closed', /secure TLS connection/],
    ['plaintext at a TLS port', () => open(t, sslBroker), 'tls|closed', /TLS/],
    ['a mechanism that is not offered', () => open(t, saslBroker, {
      tls, sasl: { name: 'GSSAPI', begin: () => Promise.reject(new Error('not to be asked')) }
    }), 'credentials', /UNSUPPORTED_SASL_MECHANISM: the broker offers .*SCRAM-SHA-512/],
    ['no login at a port that wants one', async () => metadata(await open(t, saslBroker, { tls }), []), 'closed',
      /may want a login/]
  ]
  for (const [what, opening, cause, text] of causes) {
    const problem = problemOf(await opening().then(() => 'no failure', (error: unknown) => error))
    t.match(problem.cause, new RegExp(`^(${cause})$`), what)
    t.match(problem.text, text, what)
    t.comment(problem.text)
  }
})
