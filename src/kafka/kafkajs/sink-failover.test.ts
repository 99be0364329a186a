// The Kafka sink with the kafkajs driver, while one of three brokers dies or freezes.

import t from 'tap'
import { skipWithoutKafka } from '../../../test/support/kafka-shared.ts'
import { startKafka } from '../../../test/support/kafka-rig.ts'
import type { KafkaRig } from '../../../test/support/kafka-rig.ts'
import { kafkajsSink } from '../../../test/support/kafka-sinks.ts'
import { survivesThreeBrokers } from '../../../test/support/sink-faults.ts'

t.test('with three brokers', { skip: await skipWithoutKafka('faults') }, async (t) => {
  const rig: KafkaRig = await startKafka({ brokers: 3 })
  t.teardown(rig.stop)
  survivesThreeBrokers(t, () => rig, kafkajsSink)
})
