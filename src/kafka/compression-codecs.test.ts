// Every codec gives back what went in, in the framing that Java's readers know.

import t from 'tap'
import { randomBytes } from 'node:crypto'
import { decoders, xerialHeader } from '../../test/support/codec-readers.ts'
import { codecNames, loadCodec } from './compression-codecs.ts'
import type { Codec, CodecName } from './compression-codecs.ts'

const numbers: Readonly<Record<CodecName, number>> = { gzip: 1, snappy: 2, lz4: 3, zstd: 4 }

function codecOf (name: CodecName): Codec {
  const codec = loadCodec(name)
  if (codec === undefined) throw new Error(`${name} is not installed here`)
  return codec
}

/** Text of about this size that can be compressed but does not repeat as a whole. */
function text (sizeBytes: number): Buffer {
  const lines: string[] = []
  for (let left = sizeBytes, i = 0; left > 0; i++) {
    const line = `{"number":${i},"root":${Math.sqrt(i)},"note":"ring twice"}`
    lines.push(line)
    left -= line.length
  }
  return Buffer.from(lines.join(''))
}

const inputs: Readonly<Record<string, Buffer>> = {
  nothing: Buffer.alloc(0),
  'one byte': Buffer.from('x'),
  'what cannot be compressed': randomBytes(100_000),
  '1 MiB of zeros': Buffer.alloc(1_048_576),
  '1 MiB of text': text(1_048_576),
  'a part of a larger buffer': text(30_000).subarray(61, 20_061),
  'more than the largest block of lz4': text(5_000_000)
}

for (const name of codecNames) {
  t.test(`${name} gives back what went in, at once and later`, async t => {
    const codec = codecOf(name)
    t.equal(codec.number, numbers[name])
    for (const [what, records] of Object.entries(inputs)) {
      const untouched = Buffer.from(records)
      const atOnce = codec.now(records)
      t.ok(decoders[name](atOnce).equals(untouched), what)
      t.ok(decoders[name](await codec.later(records)).equals(untouched), `${what}, later`)
      t.ok(records.equals(untouched), `${what} is not written to`)
    }
  })

  t.test(`${name} makes text less than half as long`, async t => {
    const records = text(100_000)
    t.ok(codecOf(name).now(records).length < records.length / 2)
  })
}

t.test('snappy is one block in the stream format of Java\'s library', async t => {
  for (const records of [Buffer.from('x'), text(200_000)]) {
    const bytes = codecOf('snappy').now(records)
    t.equal(bytes.subarray(0, 16).toString('hex'), xerialHeader.toString('hex'))
    t.equal(bytes.readInt32BE(16), bytes.length - 20)
  }
})

/** XXH32 of less than four bytes, with seed 0. */
function shortXxh32 (bytes: Buffer): number {
  let hash = 374_761_393 + bytes.length | 0
  for (const byte of bytes) {
    hash = hash + Math.imul(byte, 374_761_393) | 0
    hash = Math.imul(hash << 11 | hash >>> 21, 2_654_435_761)
  }
  hash = Math.imul(hash ^ hash >>> 15, 2_246_822_519)
  hash = Math.imul(hash ^ hash >>> 13, 3_266_489_917)
  return (hash ^ hash >>> 16) >>> 0
}

t.test('lz4 is a frame of independent blocks with a sound header', async t => {
  for (const records of [Buffer.from('x'), text(200_000), text(5_000_000), randomBytes(5_000)]) {
    const bytes = codecOf('lz4').now(records)
    t.equal(bytes.readUInt32LE(0), 0x184d2204)
    const flags = bytes[4] ?? 0
    t.equal(flags & 0xc0, 0x40, 'version 1')
    t.equal(flags & 0x20, 0x20, 'independent blocks: Java reads no others')
    t.equal(flags & 0x0f, 0, 'no size, no checksum of the content, no dictionary')
    t.match((bytes[5] ?? 0) >> 4, /[4-7]/, 'one of the sizes of blocks')
    t.equal(bytes[6], shortXxh32(bytes.subarray(4, 6)) >>> 8 & 0xff)
    let at = 7
    for (let size = bytes.readUInt32LE(at); size !== 0; size = bytes.readUInt32LE(at)) at += 4 + (size & 0x7fff_ffff)
    t.equal(at, bytes.length - 4, 'the blocks and the end mark are all there is')
  }
})

t.test('zstd says how long the records are', async t => {
  // Byte 4 describes the frame: its highest bits, or one whole segment, mean that the size stands there (RFC 8878).
  t.not((codecOf('zstd').now(text(100_000))[4] ?? 0) & 0xe0, 0)
})

t.test('a codec whose library has no binary here is missing; the others need none', async t => {
  const load = (): never => { throw new Error('no such module') }
  t.same(codecNames.filter(name => loadCodec(name, load) !== undefined), ['gzip', 'zstd'])
})
