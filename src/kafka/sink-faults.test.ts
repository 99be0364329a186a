// The Kafka sink by either driver, while the one broker dies, freezes and comes back.

import t from 'tap'
import { skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import { startKafka } from '../../test/support/kafka-rig.ts'
import type { KafkaRig } from '../../test/support/kafka-rig.ts'
import { kafkajsSink, nativeSink } from '../../test/support/kafka-sinks.ts'
import { survivesOneBroker } from '../../test/support/sink-faults.ts'

t.test('with one broker', { skip: await skipWithoutKafka('faults') }, async (t) => {
  const rig: KafkaRig = await startKafka()
  t.teardown(rig.stop)
  t.test('by the producer core', async (t) => survivesOneBroker(t, () => rig, nativeSink))
  t.test('by kafkajs', async (t) => survivesOneBroker(t, () => rig, kafkajsSink))
})
