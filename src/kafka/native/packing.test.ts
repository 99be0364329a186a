// Compressed copies stand in the byte budget from when they exist until their batch is done, or are not made.

import t from 'tap'
import { randomBytes } from 'node:crypto'
import type { Settler } from '../../contract/outcome.ts'
import type { Measure, SinkRecord } from '../../contract/sink.ts'
import { budgetOf } from '../../../test/support/byte-budget.ts'
import type { Compression } from '../compression.ts'
import { OpenTickets } from './batch.ts'
import type { Batch } from './batch.ts'
import { Memory } from './memory.ts'
import { Packing } from './packing.ts'

const nobody: Settler = { settle () {} }
const codecAt = 21
/** Compressed at once, and in another thread. */
const sizesBytes = [10_000, 200_000]

class Stage {
  readonly budget: ReturnType<typeof budgetOf>
  readonly memory: Memory
  readonly packing: Packing
  readonly errors: string[] = []
  readonly #order = { topic: 't', partition: 0, order: 1, openTickets: new OpenTickets() }

  constructor (bytesMax = 10_000_000, compressionOf: (topic: string) => Compression = () => 'gzip') {
    this.budget = budgetOf(bytesMax)
    this.memory = new Memory(this.budget, 1_048_576)
    const error = (_: object, message: string): void => { this.errors.push(message) }
    const log = { debug () {}, info () {}, warn () {}, error }
    this.packing = new Packing({ log, memory: this.memory, compressionOf })
  }

  /** A sealed batch of one record. */
  sealed (value: Buffer, topic = 't'): Batch {
    const record: SinkRecord = { topic, key: null, value, headers: [], timestampMs: 1, id: 'id', source: '/test' }
    if (!this.memory.takeTicket()) throw new Error('no room for a ticket')
    const batch = this.memory.begin({ ...this.#order, topic }, record, { bytes: value.length, nowMs: 0 })
    if (batch === undefined) throw new Error('no room for a batch')
    batch.add(record, nobody, 1, 0)
    batch.records.seal()
    return batch
  }

  /** Resolves when the batch can be sent. */
  pack (batch: Batch): Promise<void> {
    return new Promise(resolve => {
      this.packing.pack(batch, resolve)
      if (!batch.packing) resolve()
    })
  }

  measure (name: string, topic = 't'): number | undefined {
    const isMeant = (one: Measure): boolean => one.name === `kafka_compression_${name}` && one.labels.topic === topic
    return [...this.packing.measures()].find(isMeant)?.value
  }
}

const text = (sizeBytes: number): Buffer => Buffer.alloc(sizeBytes, 'compressible ')

for (const sizeBytes of sizesBytes) {
  t.test(`of ${sizeBytes} bytes the copy is charged until the batch is done`, async t => {
    const stage = new Stage()
    stage.packing.begin('t')
    const batch = stage.sealed(text(sizeBytes))
    const plainBytes = stage.budget.usedBytes()
    await stage.pack(batch)
    t.equal(batch.bytes.readInt16BE(codecAt), 1)
    t.ok(batch.bytes.length < sizeBytes / 4)
    t.equal(stage.budget.usedBytes(), plainBytes + batch.bytes.length)
    t.equal(stage.memory.usedBytes, stage.budget.usedBytes())
    stage.memory.free(batch)
    t.same([stage.budget.usedBytes(), stage.memory.usedBytes], [0, 0])
  })

  t.test(`of ${sizeBytes} bytes a copy that finds no room is not made, and that is counted`, async t => {
    const stage = new Stage()
    stage.packing.begin('t')
    const batch = stage.sealed(text(sizeBytes))
    const plainBytes = stage.budget.usedBytes()
    stage.budget.charge(10_000_000 - plainBytes - 10)
    await stage.pack(batch)
    t.equal(batch.bytes.readInt16BE(codecAt), 0)
    t.ok(batch.bytes.length > sizeBytes)
    t.same([stage.measure('skipped_total'), stage.measure('ratio')], [1, 1])
    t.equal(stage.budget.usedBytes(), 10_000_000 - 10)
    stage.memory.free(batch)
    t.equal(stage.budget.usedBytes(), 10_000_000 - plainBytes - 10)
  })
}

t.test('a batch that is done while its codec works gives all back once the codec has ended', async t => {
  const stage = new Stage()
  stage.packing.begin('t')
  const batch = stage.sealed(text(200_000))
  const packed = stage.pack(batch)
  t.ok(batch.packing)
  stage.memory.free(batch)
  t.ok(stage.budget.usedBytes() >= 200_000, 'the codec reads it')
  await packed
  t.same([stage.budget.usedBytes(), stage.memory.usedBytes], [0, 0])
})

t.test('a divided batch gives its copy back; its parts have none', async t => {
  const stage = new Stage()
  stage.packing.begin('t')
  const batch = stage.sealed(text(10_000))
  await stage.pack(batch)
  const part = stage.memory.without(batch)
  t.equal(part?.bytes.readInt16BE(codecAt), 0)
  t.equal(part?.records.packedBytes, 0)
  if (part !== undefined) stage.memory.free(part)
  t.equal(stage.budget.usedBytes(), 0)
})

t.test('what does not get smaller, and what has no codec, takes nothing', async t => {
  const stage = new Stage(10_000_000, topic => topic === 'plain' ? 'none' : 'zstd')
  for (const topic of ['t', 'plain']) stage.packing.begin(topic)
  for (const [topic, value] of [['t', randomBytes(10_000)], ['t', randomBytes(200_000)], ['plain', text(10_000)]] as const) {
    const batch = stage.sealed(value, topic)
    const plainBytes = stage.budget.usedBytes()
    await stage.pack(batch)
    t.equal(stage.budget.usedBytes(), plainBytes)
    t.equal(batch.bytes.readInt16BE(codecAt), 0)
  }
  t.same([stage.measure('ratio'), stage.measure('skipped_total')], [1, 0])
  t.equal(stage.measure('input_bytes_total', 'plain'), undefined)
})

t.test('the ratio of a topic is what is left of its bytes, and outlives that the topic is forgotten', async t => {
  const stage = new Stage()
  stage.packing.begin('t')
  t.equal(stage.measure('ratio'), undefined, 'of nothing there is none')
  const batch = stage.sealed(text(50_000))
  const inputBytes = batch.bytes.length
  await stage.pack(batch)
  stage.packing.forget('t')
  t.equal(stage.measure('input_bytes_total'), inputBytes)
  t.equal(stage.measure('output_bytes_total'), batch.bytes.length)
  t.equal(stage.measure('ratio'), batch.bytes.length / inputBytes)
  stage.packing.begin('t')
  await stage.pack(stage.sealed(text(50_000)))
  t.equal(stage.measure('input_bytes_total'), 2 * inputBytes)
  t.same(stage.errors, [])
})

t.test('the topics beyond a thousand are counted as one', async t => {
  const stage = new Stage()
  for (let topic = 0; topic < 1_002; topic++) stage.packing.begin(`t${topic}`)
  for (const topic of ['t999', 't1000', 't1001']) await stage.pack(stage.sealed(text(2_000), topic))
  const own = stage.measure('input_bytes_total', 't999') ?? 0
  t.ok(own > 2_000)
  t.equal(stage.measure('input_bytes_total', ''), 2 * own)
  t.equal([...stage.packing.measures()].filter(({ name }) => name === 'kafka_compression_skipped_total').length, 1_001)
})
