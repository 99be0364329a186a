// Checks the Kafka that test files share, and what is said when there is none.
import kafkajs from 'kafkajs'
import t from 'tap'
import { sharedKafka, skipReason, skipWithoutKafka } from './kafka-shared.ts'

t.test('without Kafka the tests are skipped with a loud reason, and fail in CI', async (t) => {
  const none = { kind: 'none', reason: 'no java on the PATH' } as const
  t.equal(skipReason(none, 'plaintext', false), 'KAFKA TESTS DID NOT RUN (plaintext): no java on the PATH')
  t.throws(() => skipReason(none, 'plaintext', true), /KAFKA TESTS DID NOT RUN.*no java/)
})

t.test('a cluster of somebody else is used for plaintext only', async (t) => {
  const external = { kind: 'external', brokers: ['a:1'] } as const
  t.equal(skipReason(external, 'plaintext', true), false)
  for (const feature of ['tls', 'sasl', 'faults'] as const) {
    t.match(skipReason(external, feature, true), /DID NOT RUN/, feature)
  }
})

t.test('a rig of our own offers everything', async (t) => {
  for (const kind of [{ kind: 'java', lib: '/x' }, { kind: 'docker', image: 'x' }] as const) {
    for (const feature of ['plaintext', 'tls', 'sasl', 'faults'] as const) {
      t.equal(skipReason(kind, feature, true), false, `${kind.kind} ${feature}`)
    }
  }
})

t.test('the shared Kafka takes a topic and gives back its records', { skip: await skipWithoutKafka() }, async (t) => {
  const kafka = await sharedKafka()
  t.teardown(() => kafka.stop())
  const topic = `shared-${process.pid}-${Date.now()}`
  await kafka.createTopic(topic, { partitions: 2 })
  const client = new kafkajs.Kafka({ brokers: [...kafka.brokers], logLevel: kafkajs.logLevel.NOTHING })
  const producer = client.producer()
  await producer.connect()
  await producer.send({ topic, acks: -1, messages: [{ partition: 1, value: 'b' }, { partition: 0, value: 'a' }] })
  await producer.disconnect()
  const records = await kafka.readAll(topic, { count: 2 })
  t.same(records.map((record) => [record.partition, String(record.value)]), [[0, 'a'], [1, 'b']])
  await kafka.deleteTopic(topic)
  await t.rejects(kafka.readAll(topic, { timeoutMs: 500 }), /gave up/)
})
