// The Kafka sink writes the same records whichever driver and codec carries them: read back as bytes, and by Kafka.

import t from 'tap'
import { createHash } from 'node:crypto'
import { startKafka } from '../../test/support/kafka-rig.ts'
import type { KafkaRig } from '../../test/support/kafka-rig.ts'
import { skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import type { StoredRecord } from '../../test/support/kafka-client.ts'
import { kafkajsSink, nativeSink } from '../../test/support/kafka-sinks.ts'
import { codeOf, freshTopic } from '../../test/support/sink-conformance.ts'
import type { MakeSink, SinkSetup } from '../../test/support/sink-conformance.ts'
import type { Outcome, Settler } from '../contract/outcome.ts'
import type { SinkRecord } from '../contract/sink.ts'
import { partitionOfKey } from './partitioner.ts'

type Compression = NonNullable<SinkSetup['compression']>
type Header = string | Buffer

const partitionCount = 5
const deadlineInMs = 20_000
const someMs = 1_700_000_000_000
/** No line feed and no tab, which end lines and fields of what the console consumer prints. */
const binary = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte).filter(byte => byte !== 9 && byte !== 10))

const keys: readonly (Buffer | null)[] = [
  null, Buffer.alloc(0), binary,
  ...['k', 'device-17', 'gr\u00fc\u00df', '\u{1f389}', 'x'.repeat(300)].map(one => Buffer.from(one))
]
const values: readonly (Buffer | null)[] = [
  null, Buffer.alloc(0), Buffer.from('small'), Buffer.from('{"temperature": 21.5, "unit": "\u00b0C"}'), binary,
  Buffer.from('compressible, and 100 kB of it; '.repeat(3_125))
]
const headerLists: readonly (readonly Header[])[] = [
  [],
  ['ce_type', 'reading', 'content-type', 'application/json'],
  ['twice', 'first', 'between', '-', 'twice', 'second', 'twice', 'first'],
  ['empty', '', 'none', Buffer.alloc(0), 'gr\u00fc\u00df', 'gr\u00fc\u00df'],
  ['binary', binary, 'long', 'y'.repeat(5_000)]
]
/** They go back as well as forth, and by more than 32 bits. */
const timestampsMs = [someMs, 1, someMs - 86_400_000, someMs + 7, 1_000_000_000_000]

/** Every key with every value, the rest in turn. */
const records: readonly Omit<SinkRecord, 'topic'>[] = keys.flatMap(key => values.map(value => ({ key, value })))
  .map((one, i) => ({
    ...one, id: `id-${i}`, source: '/test',
    headers: ['number', String(i), ...headerLists[i % headerLists.length] ?? []],
    timestampMs: timestampsMs[i % timestampsMs.length] ?? someMs
  }))

interface Writer { readonly name: string, readonly make: MakeSink, readonly compression: Compression }

const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const
const writers: readonly Writer[] = [
  ...codecs.map(compression => ({ name: `native-${compression}`, make: nativeSink, compression })),
  ...codecs.slice(0, 2).map(compression => ({ name: `kafkajs-${compression}`, make: kafkajsSink, compression }))
]
/** What the client of the tests can unpack. */
const readable: ReadonlySet<Compression> = new Set<Compression>(['none', 'gzip', 'zstd'])

interface Written {
  /** What each record was told. */
  readonly codes: readonly string[]
  /** Of batches, as they went to Kafka; 0 where the driver does not tell. */
  readonly sentBytes: number
}

/** Sends all records. */
async function write (
  kafka: KafkaRig, { make, compression }: Writer, topic: string, mark: readonly Header[] = []
): Promise<Written> {
  const sink = make({ brokers: kafka.brokers, compression })
  const outcomes: Promise<Outcome>[] = []
  for (const record of records) {
    const marked = { ...record, topic, headers: [...mark, ...record.headers] }
    outcomes.push(new Promise(resolve => {
      const settler: Settler = { settle (_, outcome) { resolve(outcome) } }
      sink.deliver(marked, settler, outcomes.length, performance.now() + deadlineInMs)
    }))
    // Some travel alone, some together.
    if (outcomes.length % 7 === 0) await outcomes.at(-1)
  }
  const codes = (await Promise.all(outcomes)).map(codeOf)
  const sentBytes = [...sink.measures?.() ?? []].filter(({ name }) => name === 'kafka_sent_bytes_total')
    .reduce((sum, { value }) => sum + value, 0)
  await sink.drain(2_000)
  return { codes, sentBytes }
}

interface Row {
  /** -1 where there is no key: any will do. */
  readonly partition: number
  readonly key: string | undefined
  readonly value: string | undefined
  /** Those of one name stand together, as the client of the tests gives them. */
  readonly headers: Readonly<Record<string, readonly string[]>>
  readonly timestampMs: number
}

type Bare = Pick<StoredRecord, 'partition' | 'key' | 'value' | 'timestampMs'>

function rowOf ({ partition, key, value, timestampMs }: Bare, pairs: readonly (readonly [string, Buffer])[]): Row {
  const headers: Record<string, string[]> = {}
  for (const [name, bytes] of pairs) (headers[name] ??= []).push(bytes.toString('base64'))
  return {
    partition: key === null ? -1 : partition, key: key?.toString('base64'), value: value?.toString('base64'),
    timestampMs, headers
  }
}

/** By partition, and as they come in each; those without a key by their number. */
function sorted (rows: readonly Row[]): readonly Row[] {
  const numberOf = ({ headers }: Row): number => Number(Buffer.from(headers['number']?.[0] ?? '', 'base64'))
  const keyless = rows.filter(row => row.partition === -1).sort((a, b) => numberOf(a) - numberOf(b))
  return [...keyless, ...rows.filter(row => row.partition !== -1).sort((a, b) => a.partition - b.partition)]
}

function pairsOf (headers: readonly Header[]): (readonly [string, Buffer])[] {
  return headers.flatMap((name, at) => at % 2 === 1 ? [] : [[String(name), Buffer.from(headers[at + 1] ?? '')] as const])
}

const expected = sorted(records.map(record => {
  const partition = record.key === null ? -1 : partitionOfKey(record.key, partitionCount)
  return rowOf({ ...record, partition }, pairsOf(record.headers))
}))

/** What Kafka's console consumer prints of one record. */
interface Line { readonly writer: string, readonly partition: string, readonly text: string }

/** Without the mark of who wrote it, and without the partition where it is the sink's choice. */
function lineOf (printed: string): Line {
  const [time = '', partition = '', headers = '', key = '', value = ''] = printed.split('\t')
  const [writer = ''] = headers.split(',', 1)
  const place = key === 'null' ? '' : partition
  const text = [time, place, headers.slice(writer.length), key, value].join('\t')
  // Short enough for what differs to be read.
  const digest = text.length < 300 ? '' : createHash('sha256').update(text).digest('hex')
  return { writer: writer.replace('writer:', ''), partition: place, text: text.slice(0, 300) + digest }
}

/** As they come in each partition; those without a key by their text. */
function compare (a: Line, b: Line): number {
  if (a.partition !== b.partition) return a.partition < b.partition ? -1 : 1
  return a.partition !== '' || a.text === b.text ? 0 : a.text < b.text ? -1 : 1
}

/** The lines of each writer. */
function linesOf (printed: string): ReadonlyMap<string, readonly string[]> {
  const lines = printed.split('\n').slice(0, -1).map(lineOf)
  return new Map([...Map.groupBy(lines, line => line.writer)]
    .map(([writer, found]) => [writer, found.sort(compare).map(({ text }) => text)]))
}

t.test('with a Kafka whose tools are at hand', { skip: await skipWithoutKafka('faults') }, async t => {
  const kafka = await startKafka()
  t.teardown(kafka.stop)
  // Retention goes by the time of the records, some of which are old.
  const config = { 'retention.ms': '-1' }
  t.same(new Set(expected.map(row => row.partition)), new Set([-1, 0, 1, 2, 3, 4]), 'every partition gets some')

  for (const writer of writers.filter(({ compression }) => readable.has(compression))) {
    t.test(`${writer.name} writes every byte, header, time and key where it belongs`, async t => {
      const topic = freshTopic(writer.name)
      await kafka.createTopic(topic, { partitions: partitionCount, config })
      t.same((await write(kafka, writer, topic)).codes, records.map(() => 'written'))
      const stored = await kafka.readAll(topic, { count: records.length })
      t.same(sorted(stored.map(one => rowOf(one, one.headerList))), expected)
    })
  }

  t.test('Kafka prints the same lines, whichever driver and codec wrote them', async t => {
    await kafka.createTopic('printed', { partitions: partitionCount, config })
    const sentBytes = new Map<string, number>()
    for (const writer of writers) {
      const written = await write(kafka, writer, 'printed', ['writer', writer.name])
      t.same(written.codes, records.map(() => 'written'), writer.name)
      sentBytes.set(writer.name, written.sentBytes)
    }
    for (const codec of codecs.slice(1)) {
      const share = (sentBytes.get(`native-${codec}`) ?? 0) / (sentBytes.get('native-none') ?? 0)
      t.ok(share > 0 && share < 0.3, `${codec} makes them ${share} as large`)
    }
    const lines = linesOf(await kafka.consoleConsume('printed', {
      count: writers.length * records.length, properties: { 'print.timestamp': 'true', 'print.partition': 'true' }
    }))
    t.same([...lines.keys()].sort(), writers.map(({ name }) => name).sort())
    const [first, ...others] = writers
    const wanted = lines.get(first?.name ?? '') ?? []
    t.equal(wanted.length, records.length)
    t.match(wanted.join('\n'), /CreateTime:1700000000007\tPartition:\d\t,number:8,empty:,none:,/)
    t.match(wanted.join('\n'), /,twice:first,between:-,twice:second,twice:first\t/, 'in the order of sending')
    for (const { name } of others) t.same(lines.get(name), wanted, name)
  })
})
