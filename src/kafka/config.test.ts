// The settings of the Kafka sink: what may be left out, what may not, and what is refused.

import { Value } from 'typebox/value'
import t from 'tap'
import { kafkaConfig } from './config.ts'

const minimal = { brokers: ['kafka-1.example:9092'], clientId: 'sluice', driver: 'native', producer: {
  lingerMs: 0, batchBytesMax: '1MiB', deliveryTimeoutMs: 30_000, compression: 'none', topicsMax: 100
}, connectionTimeoutMs: 5_000 }

t.test('a list of brokers is enough: all else has a default', async (t) => {
  t.same(Value.Default(kafkaConfig, { brokers: ['kafka-1.example:9092'] }), minimal)
  t.ok(Value.Check(kafkaConfig, minimal))
})

t.test('brokers have a host and a port, verification stays on, and unknown keys are mistakes', async (t) => {
  for (const brokers of [[], ['kafka-1'], ['http://kafka:9092'], [':9092'], ['[::1]:9092'], ['a b:9092']]) {
    t.notOk(Value.Check(kafkaConfig, { ...minimal, brokers }), JSON.stringify(brokers))
  }
  t.notOk(Value.Check(kafkaConfig, { ...minimal, tls: { insecureSkipVerify: true } }))
  t.notOk(Value.Check(kafkaConfig, { ...minimal, tls: false }))
  t.notOk(Value.Check(kafkaConfig, { ...minimal, acks: 1 }))
  t.ok(Value.Check(kafkaConfig, { ...minimal, tls: { ca: './ca.pem' } }))
  t.ok(Value.Check(kafkaConfig, { ...minimal, sasl: { mechanism: 'plain', username: 'u', password: 'p' } }))
  t.ok(Value.Check(kafkaConfig, { ...minimal, sasl: { mechanism: 'oauthbearer', token: 't', extensions: { pool: 'p' } } }))
  t.notOk(Value.Check(kafkaConfig, { ...minimal, sasl: { mechanism: 'oauthbearer', token: 't', extensions: { auth: 'p' } } }))
  t.ok(Value.Check(kafkaConfig, { ...minimal, sasl: { mechanism: 'aws-msk-iam', region: 'eu-west-1' } }))
  t.notOk(Value.Check(kafkaConfig, { ...minimal, sasl: { mechanism: 'aws-msk-iam', region: 'example.com/' } }))
  t.notOk(Value.Check(kafkaConfig, { ...minimal, sasl: { mechanism: 'gssapi', username: 'u', password: 'p' } }))
})
