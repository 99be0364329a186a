// Checks that the rig starts Kafka 3.3.2 as well: topics, records, TLS, PLAIN with ACLs, and data that outlives a kill.
import { readFileSync } from 'node:fs'
import kafkajs from 'kafkajs'
import type { KafkaConfig } from 'kafkajs'
import t from 'tap'
import { startKafka } from './kafka-rig.ts'
import { skipWithoutKafka } from './kafka-shared.ts'
import { until } from './kafka-wire.ts'

const { Kafka, logLevel } = kafkajs
const ALICE = { name: 'alice', password: 'alice-secret' } as const

async function produce(config: KafkaConfig, topic: string, value: string): Promise<void> {
  const kafka = new Kafka({ logLevel: logLevel.NOTHING, retry: { retries: 3, initialRetryTime: 50 }, ...config })
  const producer = kafka.producer({ idempotent: true })
  await producer.connect()
  try {
    await producer.send({ topic, acks: -1, messages: [{ key: 'k', value, headers: { a: '1' } }] })
  } finally {
    await producer.disconnect()
  }
}

const skip = await skipWithoutKafka('faults', '3.3.2')

t.test('a rig of Kafka 3.3.2', { skip }, async (t) => {
  const rig = await startKafka({ version: '3.3.2', users: [ALICE] })
  t.teardown(() => rig.stop())
  const ssl = { ca: [readFileSync(rig.caPath, 'utf8')] }

  await t.test('is that release, by its own word', async (t) => {
    const log = readFileSync(rig.logPaths[0] ?? '', 'utf8')
    t.match(log, /Kafka version: 3\.3\.2\b/)
    t.notMatch(log, /Kafka version: 4/)
  })

  await t.test('makes a topic, and gives back what kafkajs produced', async (t) => {
    await rig.createTopic('plain', { partitions: 1 })
    t.same(await rig.readAll('plain'), [], 'a new topic is empty')
    for (const value of ['one', 'two']) await produce({ brokers: [...rig.brokers] }, 'plain', value)
    const records = await rig.readAll('plain', { count: 2 })
    t.same(records.map((record) => [record.offset, String(record.value)]), [[0, 'one'], [1, 'two']])
    t.same(records[0]?.key, Buffer.from('k'))
    t.same(records[0]?.headers, { a: '1' })
    t.match(await rig.consoleConsume('plain', { count: 2 }), /a:1\tk\tone\na:1\tk\ttwo\n/)
  })

  await t.test('speaks TLS, and lets a PLAIN user write only the topic that an ACL names', async (t) => {
    await Promise.all(['allowed', 'denied'].map((topic) => rig.createTopic(topic)))
    await produce({ brokers: [...rig.sslBrokers], ssl }, 'denied', 'over TLS everybody may')
    await rig.allowWrite(ALICE.name, 'allowed')
    const login = { username: ALICE.name, password: ALICE.password }
    const alice: KafkaConfig = { brokers: [...rig.saslBrokers], ssl, sasl: { mechanism: 'plain', ...login } }
    await produce(alice, 'allowed', 'by plain')
    t.same((await rig.readAll('allowed')).map((record) => String(record.value)), ['by plain'])
    await t.rejects(produce(alice, 'denied', 'x'), /[Nn]ot authorized/)
    await t.rejects(produce({ ...alice, sasl: { mechanism: 'scram-sha-512', ...login } }, 'allowed', 'x'),
      /does not support the requested SASL mechanism/, 'it keeps no SCRAM users')
    t.equal((await rig.readAll('denied')).length, 1)
  })

  await t.test('has its data again after a kill', async (t) => {
    await rig.kill(0)
    await rig.restart(0)
    await produce({ brokers: [...rig.brokers] }, 'plain', 'three')
    t.same((await rig.readAll('plain', { count: 3 })).map((record) => String(record.value)), ['one', 'two', 'three'])
  })
})

t.test('of three brokers of 3.3.2 another one leads when one dies, and no record is lost', { skip }, async (t) => {
  const rig = await startKafka({ version: '3.3.2', brokers: 3 })
  t.teardown(() => rig.stop())
  await rig.createTopic('led', { partitions: 1 })
  await produce({ brokers: [...rig.brokers] }, 'led', 'before')
  const leader = await rig.leaderOf('led', 0)
  await rig.kill(leader)
  // The cluster counts a dead broker as alive for a while, and names it as the leader.
  await until({ what: 'another leader', timeoutMs: 30_000 }, async () =>
    await rig.leaderOf('led', 0) === leader ? undefined : true)
  await produce({ brokers: rig.brokers.filter((_, broker) => broker !== leader) }, 'led', 'after')
  t.same((await rig.readAll('led', { count: 2 })).map((record) => String(record.value)), ['before', 'after'])
})
