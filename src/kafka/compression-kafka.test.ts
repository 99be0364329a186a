// A real Kafka and its own consumer, both in Java, read what every codec makes.

import t from 'tap'
import { createHash } from 'node:crypto'
import { startKafka } from '../../test/support/kafka-rig.ts'
import { skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import { encodeRecord, recordBytesMax } from '../contract/record.ts'
import type { SinkRecord } from '../contract/sink.ts'
import type { BrokerLink, ProduceResult } from './broker-link.ts'
import { systemClock } from './clock.ts'
import { codecNames, loadCodec } from './compression-codecs.ts'
import type { CodecName } from './compression-codecs.ts'
import { crc32c } from './crc32c.ts'
import { createOpenLink } from './wire/link.ts'

function recordOf (value: string): SinkRecord {
  return {
    topic: '', key: null, value: Buffer.from(value), headers: [], timestampMs: 1_700_000_000_000, id: '', source: ''
  }
}

function encode (values: readonly string[]): Buffer {
  const records = values.map(recordOf)
  const into = Buffer.alloc(records.reduce((sum, record) => sum + recordBytesMax(record), 0))
  const end = records.reduce((at, record, offset) => encodeRecord(record, into, at, 0, offset), 0)
  return into.subarray(0, end)
}

/** A batch of message format v2 around records that are compressed already, of no producer id. */
function batchOf (packed: Buffer, codec: number, count: number): Buffer {
  const header = Buffer.alloc(61)
  header.writeInt32BE(49 + packed.length, 8)
  header.writeInt32BE(-1, 12)
  header.writeInt8(2, 16)
  header.writeInt16BE(codec, 21)
  header.writeInt32BE(count - 1, 23)
  header.writeBigInt64BE(1_700_000_000_000n, 27)
  header.writeBigInt64BE(1_700_000_000_000n, 35)
  header.writeBigInt64BE(-1n, 43)
  header.writeInt16BE(-1, 51)
  header.writeInt32BE(-1, 53)
  header.writeInt32BE(count, 57)
  const batch = Buffer.concat([header, packed])
  batch.writeUInt32BE(crc32c(batch.subarray(21), 0), 17)
  return batch
}

async function connect (broker: string): Promise<BrokerLink> {
  const [host = '', port] = broker.split(':')
  const open = createOpenLink({
    tls: undefined, sasl: undefined, clientId: 'sluice-test', connectionTimeoutMs: 10_000, requestTimeoutMs: 30_000,
    clock: systemClock
  })
  return new Promise((resolve, reject) => {
    const link = open({ host, port: Number(port) }, {
      opened: () => { resolve(link) }, drained () {}, closed: reject
    })
  })
}

function produce (link: BrokerLink, topic: string, bytes: Buffer): Promise<ProduceResult | undefined> {
  return new Promise((resolve, reject) => {
    link.produce([{ topic, partition: 0, bytes }], 20_000, {
      answered: ([result]) => { resolve(result) }, unanswered: reject
    })
  })
}

/** Small, larger than the blocks of the codecs, and larger than the largest block of lz4. */
function batchesOf (name: CodecName): string[][] {
  return [
    [0, 1, 2].map(i => `${name} small ${i}`),
    Array.from({ length: 2_000 }, (_, i) => `${name} ${i} ${Math.sqrt(i)} ${'ring twice, please; '.repeat(i % 10)}`),
    [0, 1, 2, 3, 4].map(i => `${name} large ${i} ${'0123456789'.repeat(104_857)}`)
  ]
}

const summary = (values: readonly string[]): readonly string[] =>
  values.map(value => value.length < 100 ? value : createHash('sha256').update(value).digest('hex'))

t.test('Kafka and its console consumer read every codec', { skip: await skipWithoutKafka('faults') }, async t => {
  const kafka = await startKafka()
  t.teardown(() => kafka.stop())
  const link = await connect(kafka.brokers[0] ?? '')
  t.teardown(() => { link.close(new Error('the test is over')) })
  await kafka.createTopic('codecs', { partitions: 1 })
  for (const name of codecNames) {
    const codec = loadCodec(name)
    if (codec === undefined) throw new Error(`${name} is not installed here`)
    for (const [at, values] of batchesOf(name).entries()) {
      const records = encode(values)
      // Each of both ways, whatever the size.
      const packed = at === 0 ? codec.now(records) : await codec.later(records)
      const result = await produce(link, 'codecs', batchOf(packed, codec.number, values.length))
      t.match(result, { code: 0 }, `${name}, batch ${at}`)
    }
  }
  const values = codecNames.flatMap(batchesOf).flat()
  const printed = await kafka.consoleConsume('codecs', {
    count: values.length, properties: { 'print.key': 'false', 'print.headers': 'false' }
  })
  t.same(summary(printed.trimEnd().split('\n')), summary(values))
})
