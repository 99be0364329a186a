// Tests of what the doctor finds at a real Kafka: each thing that is wrong is named, with what to type.

import t from 'tap'
import { Secret } from '../contract/secret.ts'
import { SHARED_USERS, sharedKafka, skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import type { SharedKafka } from '../../test/support/kafka-shared.ts'
import { kafkaSettingsOf } from '../../test/support/kafka-sinks.ts'
import { freshTopic } from '../../test/support/sink-conformance.ts'
import type { SinkSetup } from '../../test/support/sink-conformance.ts'
import { examineKafka } from './examine.ts'
import type { Finding } from './examine.ts'

const skip = await skipWithoutKafka('sasl')
const [, bob] = SHARED_USERS

function look (setup: SinkSetup, topics: readonly string[], eventBytesMax = 10_000): Promise<Finding[]> {
  return examineKafka({ kafka: kafkaSettingsOf('native', setup), requestTimeoutMs: 5_000, topics, eventBytesMax })
}

/** The findings of a level, each with its advice behind it. */
function linesOf (findings: readonly Finding[], level: Finding['level']): string[] {
  return findings.filter(one => one.level === level).map(({ text, advice = '' }) => `${text} > ${advice}`)
}

function asBob (kafka: SharedKafka, password: string = bob.password): SinkSetup {
  const sasl = { mechanism: 'scram-sha-256', username: bob.name, password: new Secret(password) } as const
  return { brokers: kafka.saslBrokers, caPath: kafka.caPath, sasl }
}

t.test('with a real Kafka', { skip }, async t => {
  const kafka = await sharedKafka()
  t.teardown(() => kafka.stop())
  const [broker = ''] = kafka.brokers

  t.test('what is as it should be is said, and a missing topic comes with the command that makes it', async t => {
    const [topic, missing] = [freshTopic('well'), freshTopic('missing')]
    await kafka.createTopic(topic, { partitions: 2 })
    const findings = await look({ brokers: kafka.brokers, batchBytesMax: 500_000 }, [topic, missing])
    t.match(linesOf(findings, 'ok'), [
      `broker ${broker} answers (plaintext) > `, /producer id/, `topic ${topic}: 2 partitions, this user may write to them > `
    ])
    t.match(linesOf(findings, 'error'), [
      `topic ${missing} does not exist, and this gateway makes none > kafka-topics.sh --bootstrap-server ${broker} --create ` +
      `--topic ${missing} --partitions 6`
    ].map(text => new RegExp(`^${text.replaceAll('.', '\\.')}`)))
    t.match(linesOf(findings, 'warning'), [/one replica: what is acknowledged is on one broker only/])
  })

  t.test('sizes and replicas that do not fit are told with both numbers', async t => {
    const topic = freshTopic('sizes')
    await kafka.createTopic(topic, {
      partitions: 1, config: { 'max.message.bytes': '20000', 'min.insync.replicas': '2' }
    })
    const findings = await look({ brokers: kafka.brokers }, [topic], 1_000_000)
    t.match(linesOf(findings, 'error'), [/min.insync.replicas is 2 and it has 1 replica.*refuses every write > kafka-configs.sh.*=1$/])
    t.match(linesOf(findings, 'warning'), [
      /max.message.bytes is 20000, and a door takes events of 1000000 bytes.* > rest: \{ bodyBytesMax: 17952 \}/,
      /batches of up to 1048576 bytes.* > kafka: \{ producer: \{ batchBytesMax: 20000 \} \}/
    ])
  })

  t.test('a user without rights is told which ones, and with them nothing is wrong', async t => {
    const topic = freshTopic('rights')
    await kafka.createTopic(topic)
    const before = linesOf(await look(asBob(kafka), [topic]), 'error')
    t.match(before.at(-1), new RegExp(`topic ${topic} does not exist, or this user may not know of it > kafka-acls.sh .*` +
      `--allow-principal User:bob --topic ${topic} --operation Write --operation Describe`))
    await kafka.allowWrite(bob.name, topic)
    const after = await look(asBob(kafka), [topic])
    t.same(linesOf(after, 'error'), [])
    t.match(linesOf(after, 'ok')[0], /answers \(TLS, logged in by scram-sha-256\)/)
    t.match(linesOf(after, 'warning'), [/its settings cannot be read \(TOPIC_AUTHORIZATION_FAILED\).*DescribeConfigs/])
  })

  t.test('a wrong password, a wrong port and a port of TLS are told apart', async t => {
    t.match(linesOf(await look(asBob(kafka, 'wrong'), []), 'error'), [/does not accept the user name, password/])
    t.match(linesOf(await look({ brokers: kafka.sslBrokers }, []), 'error'), [/wants a secure TLS connection, and kafka.tls is not set/])
    t.match(linesOf(await look({ brokers: kafka.brokers, caPath: kafka.caPath }, []), 'error'), [/TLS/])
    const mixed = await look({ brokers: ['127.0.0.1:1', broker] }, [])
    t.match(linesOf(mixed, 'error'), [/broker 127.0.0.1:1: no Kafka broker accepts connections/])
    t.match(linesOf(mixed, 'ok')[0], new RegExp(`broker ${broker} answers`))
  })
})
