// The Kafka sink with the kafkajs driver passes the suite that every Kafka sink must pass, against a real Kafka.

import t from 'tap'
import { conformsWithKafka, conformsWithSecurity } from '../../../test/support/sink-conformance.ts'
import { sharedKafka, skipWithoutKafka } from '../../../test/support/kafka-shared.ts'
import { kafkajsSink } from '../../../test/support/kafka-sinks.ts'

t.test('with a working Kafka', { skip: await skipWithoutKafka() }, async (t) => {
  const kafka = await sharedKafka()
  t.teardown(kafka.stop)
  conformsWithKafka(t, kafka, kafkajsSink)
})

t.test('with TLS and SASL', { skip: await skipWithoutKafka('sasl') }, async (t) => {
  const kafka = await sharedKafka()
  t.teardown(kafka.stop)
  conformsWithSecurity(t, kafka, kafkajsSink)
})
