// Compressed records are what their decoders give back, and are left as they are where compressing does not pay.

import t from 'tap'
import { randomBytes } from 'node:crypto'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { compress } from './compression.ts'

const decoders = { gzip: { codec: 1, decode: gunzipSync }, zstd: { codec: 4, decode: zstdDecompressSync } } as const

for (const compression of ['gzip', 'zstd'] as const) {
  t.test(`${compression} gives back what went in, at once for little and later for much`, async t => {
    const { codec, decode } = decoders[compression]
    for (const count of [100, 100_000]) {
      const records = Buffer.from('{"number":1}'.repeat(count))
      const packed = compress(compression, records)
      t.equal(packed instanceof Promise, count > 1_000)
      const result = await packed
      t.equal(result?.codec, codec)
      t.ok(result !== undefined && result.bytes.length < records.length / 4)
      t.ok(decode(result?.bytes ?? '').equals(records))
    }
  })

  t.test(`${compression} leaves alone what is small or does not get smaller`, async t => {
    t.equal(compress(compression, Buffer.alloc(1_000)), undefined)
    t.equal(compress(compression, randomBytes(10_000)), undefined)
    t.equal(await compress(compression, randomBytes(100_000)), undefined)
  })
}

t.test('without compression nothing is done', async t => {
  t.equal(compress('none', Buffer.alloc(100_000)), undefined)
})
