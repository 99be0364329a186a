// What kafkajs puts into a produce request is what the record encoder wrote, under the right count, times and codec.

import fc from 'fast-check'
import kafkajs from 'kafkajs'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { decodeRecord } from '../../contract/record.ts'
import type { SinkRecord } from '../../contract/sink.ts'
import { carry } from './record-codec.ts'

type Codec = () => { compress: (encoder: unknown) => Promise<Buffer> }
const codecs = kafkajs.CompressionCodecs as unknown as Record<number, Codec | undefined>

function compress (number: number): Promise<Buffer> {
  const codec = codecs[number]
  if (codec === undefined) throw new Error(`no codec ${number}`)
  return codec().compress(undefined)
}

const bytes = fc.uint8Array({ maxLength: 40 }).map((each) => Buffer.from(each))
const record = fc.record({
  key: fc.option(bytes), value: fc.option(bytes), timestampMs: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  pairs: fc.array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 10 }), bytes), { maxLength: 4 })
}).map(({ pairs, ...rest }): SinkRecord => ({ ...rest, headers: pairs.flat(), topic: 't', id: 'i', source: 's' }))

t.test('each record reads back as it was, with its own time and place in the batch', async (t) => {
  await fc.assert(fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 8 }), async (records) => {
    const { messages, compression, payload, release } = carry(records, 3, 'none')
    t.equal((await compress(compression)).length, 0, 'kafkajs has nothing to copy')
    release()
    const encoded = payload() ?? Buffer.alloc(0)
    const times = messages.flatMap((each) => each.timestamp === undefined ? [] : [each.timestamp]).sort().map(Number)
    const expected = records.map((each) => each.timestampMs).sort((a, b) => a - b)
    t.equal(messages.length, records.length)
    t.same([times[0], times.at(-1)], [expected[0], expected.at(-1)], 'what kafkajs takes for the first and last time')
    let at = 0
    for (const [index, one] of records.entries()) {
      const decoded = decodeRecord(encoded, at, times[0] ?? 0)
      if (decoded === undefined) throw new Error('not a record')
      t.same([decoded.key, decoded.value, decoded.timestampMs, decoded.offsetDelta],
        [one.key, one.value, one.timestampMs, index])
      t.same(decoded.headers.flat(), one.headers)
      at = decoded.end
    }
    t.equal(at, encoded.length)
  }), { numRuns: 100 })
})

t.test('the number says the true compression in its lowest bits, and is used again after', async (t) => {
  const one: SinkRecord = { topic: 't', key: null, value: Buffer.alloc(500), headers: [], timestampMs: 5, id: 'i', source: 's' }
  const first = carry([one], 0, 'gzip')
  const second = carry([one], 0, 'none')
  t.equal(first.compression & 7, kafkajs.CompressionTypes.GZIP)
  t.equal(second.compression & 7, kafkajs.CompressionTypes.None)
  t.not(second.compression, kafkajs.CompressionTypes.None, 'which kafkajs would take for no codec at all')
  t.not(first.compression >> 3, second.compression >> 3)
  t.equal(first.payload(), undefined)
  await compress(first.compression)
  await compress(second.compression)
  t.same(gunzipSync(first.payload() ?? ''), second.payload())
  first.release()
  t.equal(codecs[first.compression], undefined)
  t.equal(carry([one], 0, 'none').compression >> 3, first.compression >> 3)
  t.ok(codecs[kafkajs.CompressionTypes.GZIP], 'the codecs of kafkajs itself stay')
})

t.test('kafkajs gets as many records in one list of one partition as there are, without work for each', async (t) => {
  const one: SinkRecord = { topic: 't', key: null, value: null, headers: [], timestampMs: 0, id: 'i', source: 's' }
  for (const count of [1, 2, 500]) {
    const { messages, release } = carry(Array.from({ length: count }, (_, at) => ({ ...one, timestampMs: 7 + at })), 3, 'none')
    release()
    const perPartition = messages.reduce<Record<number, unknown>>((all) => all, {})
    t.same(Object.keys(perPartition), ['3'])
    t.equal(perPartition[3], messages)
    const madeOf: number[] = []
    const made = messages.map(({ timestamp }, index) => {
      madeOf.push(index)
      return `${timestamp}/${index}`
    })
    t.equal(made.length, count)
    t.same(madeOf, count === 1 ? [0] : [0, count - 1])
    const digits = String(6 + count).length
    t.equal(made[0], `${'7'.padStart(digits, '0')}/0`)
    t.equal(made.at(-1), `${6 + count}/${count - 1}`)
    if (count > 2) t.equal(made[1], made[0])
  }
})
