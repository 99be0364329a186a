// Records are compressed at once or off the loop by their size, and left alone where compressing does not pay.

import t from 'tap'
import { randomBytes } from 'node:crypto'
import { canCompress, compress } from './compression.ts'
import { codecNames, loadCodec } from './compression-codecs.ts'

for (const name of codecNames) {
  t.test(`${name}: little is compressed at once, much in another thread`, async t => {
    t.ok(canCompress(name))
    const codec = loadCodec(name)
    for (const sizeBytes of [1_024, codec?.atOnceBytes ?? 0, (codec?.atOnceBytes ?? 0) + 1, 1_048_576]) {
      const records = Buffer.alloc(sizeBytes, '{"number":1}')
      const packed = compress(name, records)
      t.equal(packed instanceof Promise, sizeBytes > (codec?.atOnceBytes ?? 0), `${sizeBytes} bytes`)
      const result = await packed
      t.equal(result?.codec, codec?.number)
      t.ok(result !== undefined && result.bytes.length < sizeBytes / 4)
    }
  })

  t.test(`${name} leaves alone what is small or does not get smaller`, async t => {
    t.equal(compress(name, Buffer.alloc(1_023)), undefined)
    t.equal(compress(name, randomBytes(10_000)), undefined)
    t.equal(await compress(name, randomBytes(100_000)), undefined)
  })
}

t.test('without compression nothing is done', async t => {
  t.ok(canCompress('none'))
  t.equal(compress('none', Buffer.alloc(100_000)), undefined)
})
