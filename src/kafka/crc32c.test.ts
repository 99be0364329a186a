// The checksum is the one of the standard, whatever the length and however the bytes are cut.

import fc from 'fast-check'
import t from 'tap'
import { crc32c, crc32cHere } from './crc32c.ts'

t.test('known checksums: RFC 3720 B.4 and the usual check value', async (t) => {
  t.equal(crc32c(Buffer.from('123456789'), 0), 0xe3069283)
  t.equal(crc32c(Buffer.alloc(32), 0), 0x8a9136aa)
  t.equal(crc32c(Buffer.alloc(32, 0xff), 0), 0x62a8ab43)
  t.equal(crc32c(Buffer.from(Array.from({ length: 32 }, (_, at) => at)), 0), 0x46dd794e)
  t.equal(crc32c(Buffer.alloc(0), 0), 0)
})

t.test('parts one after the other have the checksum of the whole', async (t) => {
  const bytes = fc.uint8Array({ maxLength: 70 }).map((each) => Buffer.from(each))
  fc.assert(fc.property(bytes, bytes, (first, second) => {
    t.equal(crc32c(second, crc32c(first, 0)), crc32c(Buffer.concat([first, second]), 0))
  }))
})

t.test('large inputs have the same checksum by either way', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 500, maxLength: 3_000 }), fc.nat(0xffff_ffff), (given, before) => {
    const bytes = Buffer.from(given)
    t.equal(crc32c(bytes, before), crc32cHere(bytes, before))
  }), { numRuns: 200 })
})
