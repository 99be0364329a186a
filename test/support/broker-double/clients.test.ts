// Real clients that know nothing of the broker double work with it: kafkajs, kcat (librdkafka) and Kafka's own.

import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import kafkajs from 'kafkajs'
import t from 'tap'
import type { Test } from 'tap'
import { kafkaClient } from '../kafka-client.ts'
import { startBrokerDouble } from './index.ts'
import type { BrokerDouble, Release } from './index.ts'
import { releases } from './versions.ts'

const run = promisify(execFile)
const toolMs = 60_000
const releaseNames = Object.keys(releases) as Release[]

const whyNoKcat = await run('kcat', ['-V']).then(() => false as const, () => 'kcat is not installed')
const jars = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sluice', 'kafka-4.3.1', 'lib')
const hasJava = await run('java', ['-version']).then(() => true, () => false)
const whyNoJava = hasJava && existsSync(jars) ? false : 'Java or the jars of Kafka are not there: a Kafka test fetches them'

/** What every client must have left behind. */
function sawIdempotentProducer (t: Test, double: BrokerDouble): void {
  t.same(double.violations, [])
  const batches = double.requests.flatMap(request => request.batches)
  t.ok(batches.length > 0)
  t.ok(batches.every(({ producerId, fate }) => producerId >= 1_000n && fate === 'stored'))
}

for (const versions of releaseNames) {
  t.test(`kafkajs writes to and reads from the double of Kafka ${versions}`, async t => {
    const double = await startBrokerDouble({ brokers: 3, versions, topics: { orders: { partitions: 6 } } })
    t.teardown(double.stop)
    const kafka = new kafkajs.Kafka({ brokers: [...double.brokers], logLevel: kafkajs.logLevel.NOTHING })
    const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
    await producer.connect()
    for (let round = 0; round < 5; round++) {
      const messages = Array.from({ length: 60 }, (_, i) => ({ key: `key-${i}`, value: `${round}`, headers: { h: 'x' } }))
      await producer.send({ topic: 'orders', acks: -1, messages, compression: kafkajs.CompressionTypes.GZIP })
    }
    await producer.disconnect()
    sawIdempotentProducer(t, double)
    const stored = double.records('orders')
    t.equal(stored.length, 300)
    t.same(new Set(stored.map(({ partition }) => partition)).size, 6)
    const read = await kafkaClient(double.brokers).readAll('orders', { count: 300 })
    const place = ({ partition, offset, key, value, headers }: typeof read[number]): unknown[] =>
      [partition, offset, String(key), String(value), headers]
    t.same(read.map(place), stored.map(place), 'and what it reads is what is stored')
    t.same(double.violations, [])
  })

  t.test(`kcat writes to and reads from the double of Kafka ${versions}`, { skip: whyNoKcat }, async t => {
    const double = await startBrokerDouble({ brokers: 2, versions, topics: { orders: { partitions: 4 } } })
    t.teardown(double.stop)
    const lines = Array.from({ length: 2_000 }, (_, i) => `key-${i % 50}:{"number":${i}}`)
    const input = join(t.testdir({}), 'lines')
    await writeFile(input, lines.join('\n'))
    const brokers = double.brokers.join(',')
    for (const codec of ['none', 'gzip', 'zstd']) {
      await run('kcat', ['-P', '-b', brokers, '-t', 'orders', '-K', ':', '-X', 'enable.idempotence=true',
        '-z', codec, '-l', input], { timeout: toolMs })
    }
    sawIdempotentProducer(t, double)
    t.equal(double.records('orders').length, 6_000)
    t.same(new Set(double.records('orders').map(({ key, value }) => `${key}:${value}`)), new Set(lines))
    const { stdout } = await run('kcat', ['-C', '-b', brokers, '-t', 'orders', '-K', ':', '-e', '-q', '-o', 'beginning'],
      { timeout: toolMs, maxBuffer: 2 ** 24 })
    t.equal(stdout.trim().split('\n').length, 6_000)
    t.same(double.violations, [])
  })

  t.test(`Kafka's ProducerPerformance writes to the double of Kafka ${versions}`, { skip: whyNoJava }, async t => {
    const double = await startBrokerDouble({ brokers: 3, versions, topics: { orders: { partitions: 6 } } })
    t.teardown(double.stop)
    const lost = double.script({ api: 'Produce', topic: 'orders', partition: 3 }, { drop: 'after' })
    const { stdout } = await run('java', ['-Xmx256m', '-XX:TieredStopAtLevel=1', '-cp', `${jars}/*`,
      'org.apache.kafka.tools.ProducerPerformance', '--topic', 'orders', '--num-records', '5000', '--record-size', '200',
      '--throughput', '-1', '--bootstrap-server', double.brokers.join(','), '--command-property', 'acks=all',
      'enable.idempotence=true', 'batch.size=4000'], { timeout: toolMs })
    t.match(stdout, /5000 records sent/)
    t.equal(lost.count, 1, 'an answer was lost on the way')
    t.same(double.violations, [])
    t.equal(double.records('orders').length, 5_000)
    const used = new Set(double.requests.filter(({ api }) => api === 'Produce').map(({ version }) => version))
    t.same([...used], [releases[versions].Produce[1]], 'the newest version both know')
  })
}

t.test('kcat repeats what was answered into nothing, and the double knows it again', { skip: whyNoKcat }, async t => {
  const double = await startBrokerDouble({ brokers: 2, topics: { orders: { partitions: 4 } } })
  t.teardown(double.stop)
  const lines = Array.from({ length: 2_000 }, (_, i) => `key-${i % 50}:{"number":${i}}`)
  const input = join(t.testdir({}), 'lines')
  await writeFile(input, lines.join('\n'))
  const lost = double.script({ api: 'Produce', broker: 0 }, { drop: 'after' })
  const cut = double.script({ api: 'Produce', broker: 1 }, { drop: 'inside' })
  const refused = double.script({ api: 'Produce', topic: 'orders', partition: 2, times: 3 }, { error: 6 })
  await run('kcat', ['-P', '-b', double.brokers.join(','), '-t', 'orders', '-K', ':', '-X', 'enable.idempotence=true',
    '-X', 'batch.num.messages=100', '-E', '-l', input], { timeout: toolMs })
  t.same([lost.count, cut.count, refused.count], [1, 1, 3])
  t.ok(double.requests.some(({ batches }) => batches.some(({ fate }) => fate === 'repeated')))
  t.same(double.records('orders').map(({ key, value }) => `${key}:${value}`).sort(), [...lines].sort())
  t.same(double.violations, [])
})
