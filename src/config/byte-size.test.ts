// Proves that byte sizes are read exactly or not at all, and written as they can be read.

import t from 'tap'
import fc from 'fast-check'
import { parseBytes, showBytes } from './byte-size.ts'

t.test('byte sizes are counted in powers of 1024', async (t) => {
  const rows: [string, number | undefined][] = [
    ['0', 0], ['512', 512], ['512B', 512], ['64KiB', 65_536], ['1MiB', 1_048_576], ['10GiB', 10_737_418_240],
    ['2TiB', 2_199_023_255_552], ['64KB', undefined], ['1.5MiB', undefined], ['-1', undefined], ['', undefined],
    ['1 MiB', undefined], ['1mib', undefined], ['99999999999999TiB', undefined], ['1e3', undefined]
  ]
  for (const [text, size] of rows) t.equal(parseBytes(text), size, text)
})

t.test('every shown size reads back as the same number', async () => {
  fc.assert(fc.property(fc.nat({ max: 999_999_999_999_999 }), (size) => parseBytes(showBytes(size)) === size))
  fc.assert(fc.property(fc.integer({ min: 0, max: 40 }), (power) => parseBytes(showBytes(2 ** power)) === 2 ** power))
})
