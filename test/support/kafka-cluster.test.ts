// Checks the rig of three brokers: another broker leads when one dies, acknowledged records stay, the dead one returns.
import kafkajs from 'kafkajs'
import t from 'tap'
import { startKafka } from './kafka-rig.ts'
import { skipWithoutKafka } from './kafka-shared.ts'
import { until } from './kafka-wire.ts'

const { Kafka, logLevel } = kafkajs
const skip = await skipWithoutKafka('faults')

t.test('a rig of three brokers', { skip }, async (t) => {
  const rig = await startKafka({ brokers: 3 })
  t.teardown(() => rig.stop())
  t.equal(rig.brokers.length, 3)
  await rig.createTopic('led', { partitions: 1 })
  const producer = new Kafka({ brokers: [...rig.brokers], logLevel: logLevel.NOTHING }).producer({ idempotent: true })
  await producer.connect()
  t.teardown(() => producer.disconnect())
  const send = (value: string) => producer.send({ topic: 'led', acks: -1, messages: [{ value }] })
  await send('before')
  const leader = await rig.leaderOf('led', 0)
  const killed = [leader]

  await t.test('another broker takes over when the leader is killed, and no record is lost', async (t) => {
    await rig.kill(leader)
    const next = await until({ what: 'another leader', timeoutMs: 20_000 }, async () => {
      const now = await rig.leaderOf('led', 0)
      return now === leader ? undefined : now
    })
    t.not(next, leader)
    await send('during')
    const records = await rig.readAll('led')
    t.same(records.map((record) => String(record.value)), ['before', 'during'])
  })

  await t.test('two dead brokers of three leave too few in sync for acks=all', async (t) => {
    const second = await rig.leaderOf('led', 0)
    await rig.kill(second)
    const last = [0, 1, 2].find((broker) => broker !== leader && broker !== second) ?? 0
    await until({ what: 'the last broker to lead', timeoutMs: 20_000 }, async () =>
      await rig.leaderOf('led', 0) === last ? true : undefined)
    const single = new Kafka({
      brokers: [rig.brokers[last] ?? ''], logLevel: logLevel.NOTHING, retry: { retries: 1 }
    }).producer()
    await single.connect()
    await t.rejects(single.send({ topic: 'led', acks: -1, messages: [{ value: 'x' }] }), /in-sync/)
    await single.disconnect()
    killed.push(second)
  })

  await t.test('restarted brokers are in sync again when restart resolves', async (t) => {
    await Promise.all(killed.map((broker) => rig.restart(broker)))
    await send('after')
    const records = await rig.readAll('led')
    t.same(records.map((record) => String(record.value)), ['before', 'during', 'after'])
  })
})
