// The producer core between its Sink and its links: what goes to which broker when, and who is told what.

import t from 'tap'
import type { Outcome, Settler } from '../../contract/outcome.ts'
import { budgetOf } from '../../../test/support/byte-budget.ts'
import { FakeLinks } from '../../../test/support/fake-links.ts'
import type { FakeLink } from '../../../test/support/fake-links.ts'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import type { PartitionMetadata } from '../broker-link.ts'
import type { ProducerSettings } from '../config.ts'
import type { CompressionOf, KafkaSink } from '../options.ts'
import { partitionOfKey } from '../partitioner.ts'
import { createNativeSink } from './sink.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const bootstrapPort = 9_000
const lost = new Error('the connection was lost')

/** A key for each of two partitions. */
const keyOf = [0, 1].map(partition => [...'abcdefgh'].find(key => partitionOfKey(Buffer.from(key), 2) === partition) ?? '')

/** A sink whose brokers 1 and 2 listen on ports 9001 and 9002. */
class Stage implements Settler {
  readonly clock = new ManualClock()
  readonly links = new FakeLinks()
  readonly told = new Map<number, string>()
  readonly sink: KafkaSink

  constructor (options: Partial<ProducerSettings> & { bufferBytesMax?: number, compressionOf?: CompressionOf } = {}) {
    const { bufferBytesMax = 1_000_000, compressionOf = () => undefined, ...settings } = options
    this.sink = createNativeSink({
      brokers: [{ host: '127.0.0.1', port: bootstrapPort }],
      settings: {
        lingerMs: 0, batchBytesMax: 65_536, deliveryTimeoutMs: 30_000, compression: 'none',
        topicsMax: 10, ...settings
      },
      requestTimeoutMs: 5_000, openLink: this.links.open, clock: this.clock, log: silent,
      budget: budgetOf(bufferBytesMax), retryAfterMs: () => 1_000, compressionOf
    })
    void this.sink.start()
  }

  settle (ticket: number, outcome: Outcome): void {
    if (this.told.has(ticket)) throw new Error(`ticket ${ticket} twice`)
    this.told.set(ticket, 'code' in outcome ? outcome.code : `${outcome.partition}@${outcome.offset}`)
  }

  deliver (
    ticket: number, options: { topic?: string, key?: string | null, value?: string, deadlineMs?: number } = {}
  ): void {
    const { topic = 't', key = null, value = String(ticket), deadlineMs = 0 } = options
    this.sink.deliver({
      topic, key: key === null ? null : Buffer.from(key), value: Buffer.from(value), headers: [],
      timestampMs: 1, id: `id-${ticket}`, source: '/test'
    }, this, ticket, deadlineMs)
  }

  get control (): FakeLink { return this.links.to(bootstrapPort) }

  /** Answers the oldest look-up; leaders by partition, or the topic's error code. */
  found (leaders: readonly number[] | number, from = this.control): void {
    if (from.lookUps.length === 0) this.clock.pass(500)
    const lookUp = from.lookUps.shift()
    if (lookUp === undefined) throw new Error('nobody looked up anything')
    const partitions = typeof leaders === 'number' ? [] : leaders.map((leader, index): PartitionMetadata => (
      { index, code: 0, leader, leaderEpoch: 0 }))
    const code = typeof leaders === 'number' ? leaders : 0
    lookUp.told({
      brokers: [1, 2].map(nodeId => ({ nodeId, host: '127.0.0.1', port: 9_000 + nodeId })),
      topics: lookUp.topics.map(name => ({ name, code, partitions }))
    })
    this.clock.endTurn()
  }

  identified (): void {
    this.control.identities.shift()?.({ id: 7n, epoch: 0 })
    this.clock.endTurn()
  }

  /** Topic `t` with one partition at each broker, both connected. */
  ready (): void {
    this.control.opens()
    this.deliver(1_000, { key: keyOf[0] ?? '' })
    this.deliver(1_001, { key: keyOf[1] ?? '' })
    this.found([1, 2])
    for (const port of [9_001, 9_002]) this.links.to(port).opens()
    this.identified()
    for (const port of [9_001, 9_002]) this.links.to(port).produced[0]?.answer({ offset: 0 })
    this.told.clear()
    // Long enough for the next look-up to come at once.
    this.clock.pass(200)
  }
}

t.test('from the first record to its receipt: topic, leader, producer id, request, answer', async t => {
  const stage = new Stage()
  t.match(stage.sink.health(), { ready: false, reason: /first time/ })
  stage.deliver(1)
  stage.control.opens()
  t.same(stage.sink.health(), { ready: true, reason: '' })
  t.same(stage.control.lookUps.map(({ topics }) => topics), [['t']])
  stage.found([2])
  stage.links.to(9_002).opens()
  t.same(stage.links.to(9_002).produced, [], 'nothing without a producer id')
  stage.identified()
  const [request] = stage.links.to(9_002).produced
  t.match(request?.batches, [{ topic: 't', partition: 0 }])
  request?.answer({ offset: 12 })
  t.same([...stage.told], [[1, '0@12']])
  t.equal(stage.sink.gauges.get('buffer_bytes')?.(), 0)
  t.equal(stage.sink.gauges.get('open_tickets')?.(), 0)
})

t.test('partitions of one broker travel in one request, those of another in another', async t => {
  const stage = new Stage()
  stage.ready()
  for (const ticket of [1, 2, 3, 4]) stage.deliver(ticket, { key: keyOf[ticket % 2] ?? '' })
  stage.clock.endTurn()
  t.equal(stage.links.to(9_001).produced.length, 1)
  t.equal(stage.links.to(9_002).produced.length, 1)
})

t.test('a broker that is gone delays only its own partitions', async t => {
  const stage = new Stage()
  stage.ready()
  stage.links.to(9_001).breaks(lost)
  stage.deliver(1, { key: keyOf[0] ?? '', deadlineMs: stage.clock.nowMs() + 500 })
  stage.deliver(2, { key: keyOf[1] ?? '' })
  stage.clock.endTurn()
  stage.links.to(9_002).produced[0]?.answer({ offset: 1 })
  t.same([...stage.told], [[2, '1@1']])
  stage.clock.pass(600)
  t.equal(stage.told.get(1), 'sink-unavailable', 'it never left')
})

t.test('when another broker leads, what waits goes there', async t => {
  const stage = new Stage()
  stage.ready()
  stage.deliver(1, { key: keyOf[0] ?? '' })
  stage.clock.endTurn()
  stage.links.to(9_001).produced[0]?.answer(6)
  stage.found([2, 2])
  t.equal(stage.links.to(9_002).produced.length, 1)
  stage.links.to(9_002).produced[0]?.answer({ offset: 3 })
  t.equal(stage.told.get(1), '0@3')
})

t.test('a leader that the broker names itself is believed at once', async t => {
  const stage = new Stage()
  stage.ready()
  stage.deliver(1, { key: keyOf[0] ?? '' })
  stage.clock.endTurn()
  stage.links.to(9_001).produced[0]?.answer({ code: 6, leader: { nodeId: 2, epoch: 1 } })
  stage.clock.pass(100)
  t.equal(stage.links.to(9_002).produced.length, 1)
})

t.test('a topic that Kafka does not have is refused, is not asked for again at once, and works once it is there', async t => {
  const stage = new Stage()
  stage.control.opens()
  stage.deliver(1)
  stage.found(3)
  stage.deliver(2)
  t.same([...stage.told.values()], ['undeliverable', 'undeliverable'])
  t.same(stage.control.lookUps, [])
  stage.clock.pass(1_100)
  stage.deliver(3)
  stage.found([1])
  stage.links.to(9_001).opens()
  stage.identified()
  stage.links.to(9_001).produced[0]?.answer({ offset: 0 })
  t.equal(stage.told.get(3), '0@0')
})

t.test('a partition without a leader is asked for again, and its records wait until their deadlines', async t => {
  const stage = new Stage()
  stage.control.opens()
  stage.deliver(1, { deadlineMs: stage.clock.nowMs() + 2_000 })
  stage.deliver(2)
  stage.found([-1])
  stage.found([-1])
  stage.clock.pass(2_500)
  t.same([...stage.told], [[1, 'sink-unavailable']])
  stage.found([1])
  stage.links.to(9_001).opens()
  stage.identified()
  stage.links.to(9_001).produced[0]?.answer({ offset: 0 })
  t.equal(stage.told.get(2), '0@0')
})

t.test('at most five requests are without an answer; a socket that is full gets none', async t => {
  const stage = new Stage()
  stage.ready()
  const link = stage.links.to(9_001)
  for (let ticket = 0; ticket < 8; ticket++) {
    stage.deliver(ticket, { key: keyOf[0] ?? '' })
    stage.clock.endTurn()
  }
  t.equal(link.produced.length, 5)
  link.blocked = true
  link.produced[0]?.answer({ offset: 1 })
  t.equal(link.produced.length, 4)
  link.drains()
  t.equal(link.produced.length, 5)
  t.equal(link.produced[4]?.batches[0]?.bytes.readInt32BE(57), 3, 'what waited has found company')
})

t.test('with linger, a batch waits for the one under way, but no longer than that', async t => {
  const stage = new Stage({ lingerMs: 5 })
  stage.ready()
  const link = stage.links.to(9_001)
  const deliver = (ticket: number): void => {
    stage.deliver(ticket, { key: keyOf[0] ?? '' })
    stage.clock.endTurn()
  }
  deliver(1)
  t.equal(link.produced.length, 1, 'nothing is under way: at once')
  deliver(2)
  t.equal(link.produced.length, 1)
  link.produced[0]?.answer({ offset: 1 })
  t.equal(link.produced.length, 1, 'the answer lets the next one go')
  deliver(3)
  stage.clock.pass(6)
  t.equal(link.produced.length, 2)
})

t.test('the broker for questions is another one when the first does not answer, for ever', async t => {
  const stage = new Stage()
  stage.control.opens()
  stage.deliver(1)
  stage.found([1])
  stage.control.breaks(lost)
  for (let tries = 0; tries < 8; tries++) {
    stage.clock.pass(1_000)
    stage.links.all.at(-1)?.breaks(lost)
  }
  t.match(stage.sink.health(), { ready: false })
  t.ok(new Set(stage.links.all.map(({ address }) => address.port)).size >= 3)
  stage.clock.pass(1_000)
  stage.links.all.at(-1)?.opens()
  t.equal(stage.sink.health().ready, true)
})

t.test('above its buffer it refuses, and takes records again when it has written some', async t => {
  const stage = new Stage({ bufferBytesMax: 12_000 })
  stage.ready()
  for (let ticket = 0; ticket < 80; ticket++) stage.deliver(ticket, { key: keyOf[0] ?? '' })
  const refused = [...stage.told.values()]
  t.ok(refused.length > 0 && refused.length < 80 && refused.every(code => code === 'overloaded'))
  stage.clock.endTurn()
  stage.links.to(9_001).produced[0]?.answer({ offset: 1 })
  stage.deliver(100, { key: keyOf[0] ?? '' })
  t.notOk(stage.told.has(100))
})

t.test('too many topics are refused while all are busy, and the oldest idle one makes room', async t => {
  const stage = new Stage({ topicsMax: 1 })
  stage.ready()
  stage.deliver(1, { key: keyOf[0] ?? '' })
  stage.deliver(2, { topic: 'other' })
  t.equal(stage.told.get(2), 'overloaded')
  stage.clock.endTurn()
  stage.links.to(9_001).produced[0]?.answer({ offset: 1 })
  stage.deliver(3, { topic: 'other' })
  t.equal(stage.told.get(3), undefined)
  t.equal(stage.sink.gauges.get('topics')?.(), 1)
  stage.found([2])
  t.same(stage.links.to(9_002).produced, [], 'a new lane waits for a producer id of its own')
  stage.identified()
  stage.links.to(9_002).produced[0]?.answer({ offset: 0 })
  stage.deliver(4, { key: keyOf[0] ?? '' })
  stage.found([1, 2])
  stage.identified()
  stage.links.to(9_001).produced[0]?.answer({ offset: 2 })
  t.equal(stage.told.get(4), '0@2', 'one that was forgotten is found again')
})

t.test('drain sends what it holds, refuses what comes, and tells the truth about what is left', async t => {
  const stage = new Stage()
  stage.ready()
  stage.deliver(1, { key: keyOf[0] ?? '' })
  stage.deliver(2, { key: keyOf[1] ?? '' })
  const drained = stage.sink.drain(1_000)
  stage.deliver(3)
  t.equal(stage.told.get(3), 'shutting-down')
  stage.clock.endTurn()
  stage.links.to(9_001).produced[0]?.answer({ offset: 1 })
  stage.clock.pass(1_000)
  await drained
  t.same([stage.told.get(1), stage.told.get(2)], ['0@1', 'delivery-timeout'])
  t.ok(stage.links.all.every(link => link.closedWhy !== undefined))
})

t.test('what was sent is counted by broker, what failed by topic and error', async t => {
  const stage = new Stage()
  stage.ready()
  stage.deliver(1, { key: keyOf[0] ?? '' })
  stage.clock.endTurn()
  stage.links.to(9_001).produced[0]?.answer(6)
  const measures = [...stage.sink.measures?.() ?? []]
  const value = (name: string, label: string): number | undefined =>
    measures.find(one => one.name === name && Object.values(one.labels).includes(label))?.value
  t.same([value('kafka_requests_total', '1'), value('kafka_records_total', '2')], [2, 1])
  t.equal(value('kafka_failures_total', 'NOT_LEADER_OR_FOLLOWER'), 1)
  t.equal(value('kafka_connected', '1'), 1)
})

t.test('each topic has its own compression, asked for once; the rest has that of the settings', async t => {
  const asked: string[] = []
  const stage = new Stage({
    compression: 'gzip',
    compressionOf (topic) {
      asked.push(topic)
      return topic === 'z' ? 'zstd' : topic === 'n' ? 'none' : undefined
    }
  })
  stage.control.opens()
  const value = 'compressible '.repeat(100)
  const codecs: [string, number][] = [['z', 4], ['n', 0], ['other', 1]]
  for (const [topic] of codecs) stage.deliver(asked.length, { topic, value })
  stage.found([1])
  stage.found([1])
  stage.links.to(9_001).opens()
  stage.identified()
  const { produced } = stage.links.to(9_001)
  const sent = produced.flatMap(({ batches }) => batches)
  t.same(sent.map(({ topic, bytes }) => [topic, bytes.readInt16BE(21)]), codecs)
  t.same(sent.map(({ bytes }) => bytes.length < value.length), [true, false, true])
  for (const request of [...produced]) request.answer({ offset: 0 })
  stage.deliver(9, { topic: 'z', value })
  stage.clock.endTurn()
  t.equal(produced[0]?.batches[0]?.bytes.readInt16BE(21), 4)
  t.same(asked, ['z', 'n', 'other'])
})
