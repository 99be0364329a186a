// The Kafka sink on three brokers: they die and freeze, and somebody restarts them, moves leaders, and changes topics.

import t from 'tap'
import { skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import { startKafka } from '../../test/support/kafka-rig.ts'
import type { KafkaRig } from '../../test/support/kafka-rig.ts'
import { kafkajsSink, nativeSink } from '../../test/support/kafka-sinks.ts'
import { growTopic } from '../../test/support/kafka-upkeep.ts'
import { until } from '../../test/support/kafka-wire.ts'
import { budgetOf } from '../../test/support/byte-budget.ts'
import { assertHonest, freshTopic } from '../../test/support/sink-conformance.ts'
import { Flow, flowKeysCount, moreTold } from '../../test/support/sink-flow.ts'
import { survivesThreeBrokers } from '../../test/support/sink-faults.ts'
import { SinkRecorder } from '../../test/support/sink-recorder.ts'
import { survivesUpkeep } from '../../test/support/sink-upkeep.ts'
import { systemClock } from './clock.ts'
import { addressOf } from './config.ts'
import type { KafkaSink } from './options.ts'
import { partitionOfKey } from './partitioner.ts'
import { createOpenLink } from './wire/link.ts'
import { createNativeSink } from './native/sink.ts'

/** More than the time after which partitions are looked up again. */
const refreshedMs = 61_000

/** A sink whose clock can be put forward, so that a minute need not be waited for. */
function hurriedSink (brokers: readonly string[]): { readonly sink: KafkaSink, readonly skip: (ms: number) => void } {
  let skippedMs = 0
  const requestTimeoutMs = 5_000
  const note = (): void => {}
  const sink = createNativeSink({
    brokers: brokers.map(addressOf),
    settings: {
      lingerMs: 0, batchBytesMax: 1_048_576, deliveryTimeoutMs: 30_000, compression: 'none', topicsMax: 100
    },
    requestTimeoutMs,
    openLink: createOpenLink({
      tls: undefined, sasl: undefined, clientId: 'sluice-test', connectionTimeoutMs: 5_000, requestTimeoutMs,
      clock: systemClock
    }),
    clock: { ...systemClock, nowMs: () => systemClock.nowMs() + skippedMs },
    log: { debug: note, info: note, warn: note, error: note },
    budget: budgetOf(33_554_432),
    retryAfterMs: () => 1_000
  })
  void sink.start()
  return { sink, skip: ms => { skippedMs += ms } }
}

t.test('with three brokers', { skip: await skipWithoutKafka('faults') }, async t => {
  const rig: KafkaRig = await startKafka({ brokers: 3 })
  t.teardown(rig.stop)
  // One cluster for all, as its start takes as long as a test.
  t.test('by the producer core', async t => survivesThreeBrokers(t, () => rig, nativeSink))
  t.test('by kafkajs', async t => survivesThreeBrokers(t, () => rig, kafkajsSink))
  survivesUpkeep(t, () => rig, nativeSink)

  t.test('a topic that grows gets records into its new partitions, and each key stays in order', async t => {
    const topic = freshTopic('grows')
    await rig.createTopic(topic, { partitions: 3, config: { 'min.insync.replicas': '2' } })
    const { sink, skip } = hurriedSink(rig.brokers)
    t.teardown(() => sink.drain(1_000))
    const recorder = new SinkRecorder(sink, topic)
    const flow = new Flow(t, recorder, 2 * refreshedMs)
    await moreTold(recorder, 'written', 200)
    await growTopic(rig, topic, 7)
    await moreTold(recorder, 'written', 200)
    t.equal(sink.gauges.get('lanes')?.(), 3, 'nobody has told the sink')
    skip(refreshedMs)
    await until({ what: 'the new partitions', timeoutMs: 5_000 }, async () =>
      sink.gauges.get('lanes')?.() === 7 ? true : undefined)
    await moreTold(recorder, 'written', 500)
    await flow.stop()
    t.same(Object.keys(recorder.tally()), ['written'], JSON.stringify(recorder.tally()))
    const stored = await rig.readAll(topic)
    assertHonest(t, recorder, recorder.check(stored))
    t.same(new Set(stored.map(one => one.partition)), new Set([0, 1, 2, 3, 4, 5, 6]))
    for (let i = 0; i < flowKeysCount; i++) {
      const key = Buffer.from(`key-${i}`)
      const places = stored.filter(one => one.key?.equals(key))
        .map(one => ({ partition: one.partition, order: Number(String(one.value).slice('value '.length)) }))
        .sort((a, b) => a.order - b.order).map(one => one.partition)
      const [before, after] = [partitionOfKey(key, 3), partitionOfKey(key, 7)]
      const turn = before === after ? places.length : places.indexOf(after)
      t.same(places, places.map((_, at) => at < turn ? before : after), `${String(key)} moves once at most`)
    }
  })
})
