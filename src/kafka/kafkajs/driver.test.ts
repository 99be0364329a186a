// What kafkajs really does when an answer is lost, a connection goes silent or a broker refuses: against a real broker.

import t from 'tap'
import type { Test } from 'tap'
import { startKafkaProxy } from '../../../test/support/kafka-proxy.ts'
import type { KafkaProxy } from '../../../test/support/kafka-proxy.ts'
import { sharedKafka, skipWithoutKafka } from '../../../test/support/kafka-shared.ts'
import type { SharedKafka } from '../../../test/support/kafka-shared.ts'
import { kafkajsSink } from '../../../test/support/kafka-sinks.ts'
import { assertHonest, freshTopic } from '../../../test/support/sink-conformance.ts'
import { SinkRecorder } from '../../../test/support/sink-recorder.ts'
import type { SinkRecord } from '../../contract/sink.ts'
import { problemOf } from '../classify.ts'
import { createDriver } from './driver.ts'
import type { ProducerLink } from './driver.ts'

const silentLog = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

function records (topic: string, values: readonly string[]): SinkRecord[] {
  return values.map((value): SinkRecord => ({
    topic, key: null, value: Buffer.from(value), headers: [], timestampMs: Date.now(), id: value, source: '/test'
  }))
}

function producer (brokers: readonly string[], topic: string): ProducerLink {
  const config = {
    brokers: [...brokers], clientId: 'sluice-test', driver: 'kafkajs' as const, connectionTimeoutMs: 2_000,
    producer: {
      lingerMs: 0, batchBytesMax: 1_000_000, deliveryTimeoutMs: 30_000,
      compression: 'none' as const, topicsMax: 10
    }
  }
  return createDriver({ config, requestTimeoutMs: 600, log: silentLog }).openProducer(topic)
}

t.test('against a real broker', { skip: await skipWithoutKafka('faults') }, async (t) => {
  const kafka: SharedKafka = await sharedKafka()
  t.teardown(kafka.stop)

  const through = async (t: Test): Promise<KafkaProxy> => {
    const proxy = await startKafkaProxy(kafka.brokers[0] ?? '')
    t.teardown(proxy.stop)
    return proxy
  }

  t.test('a batch whose answer was lost goes again under its own sequence numbers and is there once', async (t) => {
    const [proxy, topic] = [await through(t), freshTopic('lost-answer')]
    await kafka.createTopic(topic, { partitions: 1 })
    const link = producer([proxy.address], topic)
    t.teardown(() => link.close())
    const yes = (): boolean => true
    t.match(await link.send(0, records(topic, ['first']), yes), { kind: 'written', offset: 0 })
    proxy.loseNextAnswer()
    t.match(await link.send(0, records(topic, ['a', 'b']), yes), { kind: 'unanswered' })
    t.match(await link.send(0, records(topic, ['a', 'b']), yes), { kind: 'written', offset: 1 })
    t.match(await link.send(0, records(topic, ['c', 'd']), yes), { kind: 'written', offset: 3 })
    const stored = await kafka.readAll(topic, { count: 5 })
    t.same(stored.map((one) => String(one.value)), ['first', 'a', 'b', 'c', 'd'])
  })

  t.test('the trap is real: another batch in the place of the lost one is acknowledged and not there', async (t) => {
    const [proxy, topic] = [await through(t), freshTopic('trap')]
    await kafka.createTopic(topic, { partitions: 1 })
    const link = producer([proxy.address], topic)
    t.teardown(() => link.close())
    await link.send(0, records(topic, ['first']), () => true)
    proxy.loseNextAnswer()
    t.match(await link.send(0, records(topic, ['a', 'b']), () => true), { kind: 'unanswered' })
    t.match(await link.send(0, records(topic, ['c', 'd']), () => true), { kind: 'written' })
    const stored = await kafka.readAll(topic, { count: 3 })
    t.same(stored.map((one) => String(one.value)), ['first', 'a', 'b'], 'c and d are lost')
  })

  t.test('through the sink the same fault loses and repeats nothing', async (t) => {
    const [proxy, topic] = [await through(t), freshTopic('lost-in-sink')]
    await kafka.createTopic(topic, { partitions: 2 })
    const sink = kafkajsSink({ brokers: [proxy.address], requestTimeoutMs: 1_000 })
    t.teardown(() => sink.drain(1_000))
    const recorder = new SinkRecorder(sink, topic)
    for (let round = 0; round < 20; round++) {
      if (round % 3 === 1) proxy.loseNextAnswer()
      for (let i = 0; i < 20; i++) recorder.send({ key: `key-${i % 5}`, value: `${round}-${i}` })
      await recorder.settled()
    }
    t.same(recorder.tally(), { written: 400 })
    t.ok((sink.gauges.get('retries_total')?.() ?? 0) >= 6)
    t.equal(sink.gauges.get('identities_retired_total')?.(), 0)
    assertHonest(t, recorder, recorder.check(await kafka.readAll(topic, { count: 400 })))
  })

  t.test('a connection that goes silent is replaced, and the same batch is written under the same identity', async (t) => {
    const [proxy, topic] = [await through(t), freshTopic('silent')]
    await kafka.createTopic(topic, { partitions: 1 })
    const link = producer([proxy.address], topic)
    t.teardown(() => link.close())
    t.match(await link.send(0, records(topic, ['first']), () => true), { kind: 'written' })
    proxy.silence()
    const lost = await link.send(0, records(topic, ['a']), () => true)
    t.equal(lost.kind, 'unanswered')
    t.match(problemOf('error' in lost ? lost.error : undefined), { cause: 'silent', disconnected: true })
    t.match(await link.send(0, records(topic, ['a']), () => true), { kind: 'written', offset: 1 })
    t.same((await kafka.readAll(topic, { count: 2 })).map((one) => String(one.value)), ['first', 'a'])
    t.equal(link.spoiled, false)
  })

  t.test('each send is one attempt, and tells the broker\'s answer, not what kafkajs stumbled over after it', async (t) => {
    const [proxy, topic] = [await through(t), freshTopic('deleted')]
    await kafka.createTopic(topic, { partitions: 1 })
    const link = producer([proxy.address], topic)
    t.teardown(() => link.close())
    t.match(await link.send(0, records(topic, ['a']), () => true), { kind: 'written' })
    await kafka.deleteTopic(topic)
    let sent = await link.send(0, records(topic, ['b']), () => true)
    // The broker may still be at deleting it.
    for (let i = 0; i < 100 && sent.kind === 'written'; i++) sent = await link.send(0, records(topic, ['b']), () => true)
    const before = proxy.produceCount()
    t.equal(sent.kind, 'answered')
    t.ok(sent.kind === 'answered' && [3, 6, 100].includes(sent.code), JSON.stringify(sent))
    t.match(problemOf('error' in sent ? sent.error : undefined), { cause: 'topic-missing' }, 'of its own refresh')
    t.equal(proxy.produceCount(), before, 'and it does not try again by itself')
  })

  t.test('what is recalled before it leaves does not leave, and does not harm the next', async (t) => {
    const [proxy, topic] = [await through(t), freshTopic('recalled')]
    await kafka.createTopic(topic, { partitions: 1 })
    const link = producer([proxy.address], topic)
    t.teardown(() => link.close())
    t.match(await link.send(0, records(topic, ['recalled']), () => false), { kind: 'unsent' })
    t.equal(proxy.produceCount(), 0)
    t.match(await link.send(0, records(topic, ['next']), () => true), { kind: 'written', offset: 0 })
    t.match(await link.send(0, records(topic, ['last']), () => true), { kind: 'written', offset: 1 })
  })

  t.test('a partition that the library does not know is unsent, not written', async (t) => {
    const topic = freshTopic('no-partition')
    await kafka.createTopic(topic, { partitions: 1 })
    const link = producer(kafka.brokers, topic)
    t.teardown(() => link.close())
    t.match(await link.send(7, records(topic, ['a']), () => true), { kind: 'unsent' })
  })
})
