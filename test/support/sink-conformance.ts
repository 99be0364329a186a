// What every sink that writes to Kafka must do while Kafka works: one suite, run with each implementation.

import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import type { Log } from '../../src/contract/adapter.ts'
import type { Outcome } from '../../src/contract/outcome.ts'
import type { Sink } from '../../src/contract/sink.ts'
import { Secret } from '../../src/contract/secret.ts'
import { codecNames } from '../../src/kafka/compression-codecs.ts'
import type { ProducerSettings } from '../../src/kafka/config.ts'
import type { CompressionOf } from '../../src/kafka/options.ts'
import { teachKafkajs } from './codec-readers.ts'
import type { SharedKafka } from './kafka-shared.ts'
import { until } from './kafka-wire.ts'
import type { HistoryReport } from './history.ts'
import { SinkRecorder } from './sink-recorder.ts'

/** What the suite asks of a sink's settings. */
export interface SinkSetup {
  readonly brokers: readonly string[]
  readonly caPath?: string
  readonly sasl?: {
    readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512', readonly username: string, readonly password: Secret
  }
  readonly batchBytesMax?: number
  readonly bufferBytesMax?: number
  readonly deliveryTimeoutMs?: number
  readonly requestTimeoutMs?: number
  readonly compression?: ProducerSettings['compression']
  readonly compressionOf?: CompressionOf
  readonly topicsMax?: number
  readonly log?: Log
}

/** A sink that has begun to connect. */
export type MakeSink = (setup: SinkSetup) => Sink

let topicCount = 0

/** A name that no other test has. */
export function freshTopic (what: string): string {
  return `sink-${what}-${process.pid}-${randomBytes(3).toString('hex')}-${++topicCount}`
}

export async function whenReady (sink: Sink): Promise<void> {
  await until({ what: 'the sink to be ready', timeoutMs: 15_000, explain: async () => sink.health().reason },
    async () => sink.health().ready ? true : undefined)
}

/** Fails unless what was told is what Kafka holds. Repetitions are allowed only where the caller says so. */
export function assertHonest (t: Test, recorder: SinkRecorder, report: HistoryReport): void {
  t.same(recorder.faults, [], 'every ticket is settled once')
  t.same(report.lost, [], 'what was acknowledged is there')
  t.same(report.phantom, [], 'what was refused is not there')
  t.same(report.corrupted, [], 'what is there is what was sent')
  t.same(report.duplicated, [], 'nothing is there twice')
  t.same(report.misplaced, [], 'everything is where its receipt says')
  t.same(report.reordered, [], 'what one sender sent is in order')
}

/** A refusal's code, or what else the outcome is. */
export function codeOf (outcome: Outcome): string {
  return 'code' in outcome ? outcome.code : outcome.outcome
}

export function conformsWithKafka (t: Test, kafka: SharedKafka, make: MakeSink): void {
  const open = (t: Test, setup: Partial<SinkSetup> = {}): Sink => {
    const sink = make({ brokers: kafka.brokers, ...setup })
    t.teardown(() => sink.drain(1_000))
    return sink
  }

  t.test('a receipt names where the record is, and every byte of it is there', async (t) => {
    const topic = freshTopic('bytes')
    await kafka.createTopic(topic)
    const recorder = new SinkRecorder(open(t), topic)
    const key = randomBytes(300)
    const value = randomBytes(100_000)
    const binary = randomBytes(200)
    const outcome = await recorder.ask({
      key, value, headers: ['text', 'gr\u00fc\u00df dich', 'binary', binary, 'twice', 'a', 'twice', 'b', 'empty', '']
    })
    t.match(outcome, { outcome: 'written', ack: 'kafka', topic, source: '/test', offset: 0, journal: undefined })
    const [stored] = await kafka.readAll(topic, { count: 1 })
    t.match(outcome, { partition: stored?.partition, id: stored?.headers['ce_id'] })
    t.ok(stored?.key?.equals(key))
    t.ok(stored?.value?.equals(value))
    t.same(stored?.headerList.slice(1).map(([name, bytes]) => [name, bytes.toString('hex')]), [
      ['text', Buffer.from('gr\u00fc\u00df dich').toString('hex')], ['binary', binary.toString('hex')],
      ['twice', '61'], ['twice', '62'], ['empty', '']
    ])
  })

  t.test('null keys, empty keys, null values and empty values stay apart', async (t) => {
    const topic = freshTopic('nulls')
    await kafka.createTopic(topic, { partitions: 1 })
    const recorder = new SinkRecorder(open(t), topic)
    const shapes: [Buffer | null, Buffer | null][] = [
      [null, null], [Buffer.alloc(0), null], [null, Buffer.alloc(0)], [Buffer.alloc(0), Buffer.alloc(0)]
    ]
    for (const [key, value] of shapes) recorder.send({ key, value })
    await recorder.settled()
    const stored = await kafka.readAll(topic, { count: 4 })
    t.same(stored.map((one) => [one.key, one.value]), shapes)
  })

  t.test('records of one key are in order, and each is where its receipt says', async (t) => {
    const topic = freshTopic('order')
    await kafka.createTopic(topic, { partitions: 5 })
    const recorder = new SinkRecorder(open(t, { batchBytesMax: 4_000 }), topic)
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 100; i++) recorder.send({ key: `key-${i % 17}`, value: `${round}-${i}` })
      await new Promise(setImmediate)
    }
    await recorder.settled()
    assertHonest(t, recorder, recorder.check(await kafka.readAll(topic, { count: 1_000 })))
    t.same(recorder.tally(), { written: 1_000 })
  })

  t.test('records without a key spread over the partitions', async (t) => {
    const topic = freshTopic('spread')
    await kafka.createTopic(topic, { partitions: 3 })
    const recorder = new SinkRecorder(open(t, { batchBytesMax: 2_000 }), topic)
    for (let i = 0; i < 600; i++) recorder.send({ value: `value ${i}` })
    await recorder.settled()
    const stored = await kafka.readAll(topic, { count: 600 })
    assertHonest(t, recorder, recorder.check(stored))
    for (const partition of [0, 1, 2]) {
      const count = stored.filter((one) => one.partition === partition).length
      t.ok(count > 100, `partition ${partition} has ${count} of 600`)
    }
  })

  t.test('a topic that does not exist is refused as undeliverable, and works once it does', async (t) => {
    const topic = freshTopic('missing')
    const recorder = new SinkRecorder(open(t), topic)
    const refusal = await recorder.ask()
    t.match(refusal, { outcome: 'refused', code: 'undeliverable' })
    t.notMatch('detail' in refusal ? refusal.detail : '', new RegExp(topic), 'the topic is not named to the client')
    t.equal(codeOf(await recorder.ask()), 'undeliverable', 'again, at once')
    await kafka.createTopic(topic)
    await until({ what: 'the new topic to be found', timeoutMs: 10_000 }, async () =>
      codeOf(await recorder.ask()) === 'written' ? true : undefined)
    assertHonest(t, recorder, recorder.check(await kafka.readAll(topic)))
  })

  t.test('a missing topic does not delay the others', async (t) => {
    const topic = freshTopic('neighbour')
    await kafka.createTopic(topic)
    const sink = open(t)
    const missing = new SinkRecorder(sink, freshTopic('missing'))
    const recorder = new SinkRecorder(sink, topic)
    for (let i = 0; i < 50; i++) {
      missing.send()
      recorder.send()
    }
    await Promise.all([missing.settled(), recorder.settled()])
    t.same(missing.tally(), { undeliverable: 50 })
    t.same(recorder.tally(), { written: 50 })
  })

  t.test('a deleted topic is refused, and its neighbour goes on', async (t) => {
    const [doomed, other] = [freshTopic('doomed'), freshTopic('other')]
    await Promise.all([kafka.createTopic(doomed), kafka.createTopic(other)])
    const sink = open(t)
    const first = new SinkRecorder(sink, doomed)
    const second = new SinkRecorder(sink, other)
    t.equal(codeOf(await first.ask()), 'written')
    t.equal(codeOf(await second.ask()), 'written')
    await kafka.deleteTopic(doomed)
    await until({ what: 'the deleted topic to be refused', timeoutMs: 15_000 }, async () =>
      codeOf(await first.ask({ deadlineInMs: 2_000 })) === 'undeliverable' ? true : undefined)
    t.equal(codeOf(await second.ask()), 'written')
    t.same(first.faults, [])
  })

  t.test('a record that Kafka finds too large is refused alone, its neighbours are written', async (t) => {
    const topic = freshTopic('large')
    await kafka.createTopic(topic, { partitions: 1, config: { 'max.message.bytes': '20000' } })
    const recorder = new SinkRecorder(open(t), topic)
    const large = recorder.send({ value: Buffer.alloc(50_000) })
    for (let i = 0; i < 100; i++) recorder.send({ value: Buffer.alloc(1_000, 'x') })
    await recorder.settled()
    t.match(await recorder.outcomeOf(large), { outcome: 'refused', code: 'undeliverable' })
    t.same(recorder.tally(), { undeliverable: 1, written: 100 })
    assertHonest(t, recorder, recorder.check(await kafka.readAll(topic, { count: 100 })))
  })

  t.test('a record that is invalid for its topic is refused alone', async (t) => {
    const topic = freshTopic('compacted')
    await kafka.createTopic(topic, { partitions: 1, config: { 'cleanup.policy': 'compact' } })
    const recorder = new SinkRecorder(open(t), topic)
    for (let i = 0; i < 10; i++) recorder.send({ key: `key-${i}` })
    const invalid = recorder.send({ key: null })
    for (let i = 10; i < 20; i++) recorder.send({ key: `key-${i}` })
    await recorder.settled()
    t.equal(codeOf(await recorder.outcomeOf(invalid)), 'undeliverable')
    t.same(recorder.tally(), { undeliverable: 1, written: 20 })
  })

  t.test('above its buffer the sink refuses as overloaded, and takes records again after', async (t) => {
    const topic = freshTopic('buffer')
    await kafka.createTopic(topic, { partitions: 1 })
    const sink = open(t, { bufferBytesMax: 100_000 })
    const recorder = new SinkRecorder(sink, topic)
    for (let i = 0; i < 200; i++) recorder.send({ value: Buffer.alloc(2_000) })
    const held = sink.gauges.get('buffer_bytes')?.() ?? 0
    t.ok(held > 0 && held <= 100_000, `${held} bytes held`)
    const outcomes = await recorder.settled()
    const refused = outcomes.find((each) => codeOf(each) === 'overloaded')
    t.match(refused, { outcome: 'refused', retryAfterMs: Number })
    t.ok((recorder.tally()['written'] ?? 0) >= 20)
    t.equal(codeOf(await recorder.ask()), 'written')
    t.equal(sink.gauges.get('buffer_bytes')?.(), 0, 'every byte was given back')
    assertHonest(t, recorder, recorder.check(await kafka.readAll(topic)))
  })

  t.test('gzip batches hold the same bytes', async (t) => {
    const topic = freshTopic('gzip')
    await kafka.createTopic(topic, { partitions: 1 })
    const recorder = new SinkRecorder(open(t, { compression: 'gzip' }), topic)
    for (let i = 0; i < 200; i++) recorder.send({ value: `{"number": ${i}}` })
    await recorder.settled()
    assertHonest(t, recorder, recorder.check(await kafka.readAll(topic, { count: 200 })))
    t.same(recorder.tally(), { written: 200 })
  })

  t.test('a topic is compressed as its routes say, whatever the others are', async (t) => {
    const [packed, plain] = [freshTopic('packed'), freshTopic('plain')]
    for (const topic of [packed, plain]) {
      await kafka.createTopic(topic, { partitions: 1, config: { 'max.message.bytes': '20000' } })
    }
    const sink = open(t, { compression: 'none', compressionOf: topic => topic === packed ? 'gzip' : undefined })
    for (const topic of [packed, plain]) {
      const recorder = new SinkRecorder(sink, topic)
      for (let i = 0; i < 200; i++) recorder.send({ value: `{"text":"${'compressible '.repeat(40)}","number":${i}}` })
      await recorder.settled()
      assertHonest(t, recorder, recorder.check(await kafka.readAll(topic, { count: 200 })))
      t.same(recorder.tally(), { written: 200 })
      // What is not compressed is too large for the topic, and divided.
      t.equal((sink.gauges.get('retries_total')?.() ?? 0) > 0, topic === plain)
    }
  })

  t.test('more topics than allowed are refused while all are busy, and make room when idle', async (t) => {
    const sink = open(t, { topicsMax: 2 })
    const recorders: SinkRecorder[] = []
    for (let i = 0; i < 4; i++) {
      const topic = freshTopic('many')
      await kafka.createTopic(topic, { partitions: 1 })
      recorders.push(new SinkRecorder(sink, topic))
    }
    for (const recorder of recorders) recorder.send()
    const codes = (await Promise.all(recorders.map((each) => each.outcomeOf(0)))).map(codeOf)
    t.same(codes, ['written', 'written', 'overloaded', 'overloaded'])
    for (const recorder of recorders) t.equal(codeOf(await recorder.ask()), 'written')
    t.equal(sink.gauges.get('topics')?.(), 2)
  })

  t.test('drain writes what it holds, refuses what comes later, and settles all', async (t) => {
    const topic = freshTopic('drain')
    await kafka.createTopic(topic)
    const sink = make({ brokers: kafka.brokers })
    const recorder = new SinkRecorder(sink, topic)
    for (let i = 0; i < 300; i++) recorder.send({ key: `key-${i}` })
    const drained = sink.drain(10_000)
    const late = recorder.send()
    t.match(await recorder.outcomeOf(late), { outcome: 'refused', code: 'shutting-down' })
    await drained
    t.equal(recorder.openCount, 0)
    t.same(recorder.tally(), { 'written': 300, 'shutting-down': 1 })
    assertHonest(t, recorder, recorder.check(await kafka.readAll(topic, { count: 300 })))
  })
}

/** For sinks that know more codecs than every one must. */
export function compresses (t: Test, kafka: SharedKafka, make: MakeSink): void {
  // That Java's consumer reads them too is proven by compression-kafka.test.ts; the broker looks into each batch.
  teachKafkajs()
  for (const compression of codecNames) {
    t.test(`${compression} makes large batches smaller, and Kafka reads them`, async (t) => {
      const topic = freshTopic(compression)
      await kafka.createTopic(topic, { partitions: 1, config: { 'max.message.bytes': '30000' } })
      const sink = make({ brokers: kafka.brokers, compression })
      t.teardown(() => sink.drain(1_000))
      const recorder = new SinkRecorder(sink, topic)
      // Uncompressed the batch is seven times what the topic takes, and would have to be divided.
      for (let i = 0; i < 200; i++) recorder.send({ value: `{"text":"${'compressible '.repeat(80)}","number":${i}}` })
      await recorder.settled()
      assertHonest(t, recorder, recorder.check(await kafka.readAll(topic, { count: 200 })))
      t.same(recorder.tally(), { written: 200 })
      t.equal(sink.gauges.get('retries_total')?.(), 0)
      t.equal(sink.gauges.get('buffer_bytes')?.(), 0)
    })
  }
}

export function conformsWithSecurity (t: Test, kafka: SharedKafka, make: MakeSink): void {
  const alice = kafka.users.find((user) => user.name === 'alice') ?? kafka.admin

  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const) {
    t.test(`over TLS a user logs in by ${mechanism}, writes where it may, and is refused elsewhere`, async (t) => {
      const [allowed, denied] = [freshTopic('allowed'), freshTopic('denied')]
      await Promise.all([kafka.createTopic(allowed), kafka.createTopic(denied)])
      await kafka.allowWrite(alice.name, allowed)
      const sink = make({
        brokers: kafka.saslBrokers, caPath: kafka.caPath,
        sasl: { mechanism, username: alice.name, password: new Secret(alice.password) }
      })
      t.teardown(() => sink.drain(1_000))
      const [recorder, refused] = [new SinkRecorder(sink, allowed), new SinkRecorder(sink, denied)]
      const both = await Promise.all([recorder.ask(), refused.ask()])
      t.same(both.map(codeOf), ['written', 'undeliverable'])
      assertHonest(t, recorder, recorder.check(await kafka.readAll(allowed, { count: 1 })))
      t.same(await kafka.readAll(denied), [])
    })
  }

  t.test('over TLS alone records arrive', async (t) => {
    const topic = freshTopic('tls')
    await kafka.createTopic(topic)
    const sink = make({ brokers: kafka.sslBrokers, caPath: kafka.caPath })
    t.teardown(() => sink.drain(1_000))
    t.equal(codeOf(await new SinkRecorder(sink, topic).ask()), 'written')
  })

  t.test('a wrong password is named as such, never shown, and refuses only what waited for it', async (t) => {
    const lines: string[] = []
    const note = (fields: Record<string, unknown>, message: string): void => {
      lines.push(JSON.stringify(fields) + message)
    }
    const sink = make({
      brokers: kafka.saslBrokers, caPath: kafka.caPath, log: { debug: note, info: note, warn: note, error: note },
      sasl: { mechanism: 'scram-sha-512', username: alice.name, password: new Secret('wrong-and-secret') }
    })
    t.teardown(() => sink.drain(1_000))
    const refusal = await new SinkRecorder(sink, freshTopic('nowhere')).ask({ deadlineInMs: 1_500 })
    t.match(refusal, { outcome: 'refused', code: 'sink-unavailable', retryAfterMs: Number })
    t.notMatch('detail' in refusal ? refusal.detail : '', /127\.0\.0\.1|alice/)
    t.match(sink.health(), { ready: false, reason: /user name, password or mechanism/ })
    t.notMatch(lines.join('\n'), /wrong-and-secret/)
    t.match(lines.join('\n'), /cannot connect to Kafka/)
  })

  t.test('a certificate that nobody vouches for is named as a TLS failure', async (t) => {
    const sink = make({ brokers: kafka.sslBrokers, caPath: '' })
    t.teardown(() => sink.drain(1_000))
    await until({ what: 'the failure', timeoutMs: 10_000, explain: async () => sink.health().reason },
      async () => /TLS handshake/.test(sink.health().reason) ? true : undefined)
    t.equal(sink.health().ready, false)
  })
}
