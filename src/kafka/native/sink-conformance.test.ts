// The Kafka sink over the producer core passes the suite that every Kafka sink must pass, against a real Kafka.

import t from 'tap'
import { compresses, conformsWithKafka, conformsWithSecurity } from '../../../test/support/sink-conformance.ts'
import { sharedKafka, skipWithoutKafka } from '../../../test/support/kafka-shared.ts'
import { nativeSink } from '../../../test/support/kafka-sinks.ts'

t.test('with a working Kafka', { skip: await skipWithoutKafka() }, async (t) => {
  const kafka = await sharedKafka()
  t.teardown(kafka.stop)
  conformsWithKafka(t, kafka, nativeSink)
  compresses(t, kafka, nativeSink)
})

t.test('with TLS and SASL', { skip: await skipWithoutKafka('sasl') }, async (t) => {
  const kafka = await sharedKafka()
  t.teardown(kafka.stop)
  conformsWithSecurity(t, kafka, nativeSink)
})
