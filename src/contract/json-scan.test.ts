// The scanner below the JSON checker: positions it returns and how a mistake is packed.

import t from 'tap'
import { comma, early, fail, mistakeOf, noArrayEnd, scanColon, scanString, scanValue, skipSpace } from './json-scan.ts'

t.test('a value ends where it ends, whatever follows', async t => {
  const table: [string, number][] = [
    ['1,2', 1], [' 1 ]', 2], ['"a\\"b"x', 6], ['true}', 4], ['{"a":[1,{}]} ,', 12], ['[]]', 2], ['-1.5e+3 ', 7], ['{ } x', 3]
  ]
  for (const [text, end] of table) t.equal(scanValue(Buffer.from(text), 0, text.length, 0), end, text)
})

t.test('containers around a value count for its depth', async t => {
  const bytes = Buffer.from('[[1]]')
  t.equal(scanValue(bytes, 0, 5, 62), 5)
  t.match(mistakeOf(scanValue(bytes, 0, 5, 63), 0), { offset: 1, problem: /deeper/ })
})

t.test('white space is the four characters of the grammar', async t => {
  t.equal(skipSpace(Buffer.from(' \t\r\n,'), 0, 5), 4)
  t.equal(skipSpace(Buffer.from('   '), 0, 2), 2, 'the end is kept')
  for (const byte of [0, 0x0b, 0x0c, 0x1f, 0x85, 0xa0]) t.equal(skipSpace(Buffer.from([byte]), 0, 1), 0)
})

t.test('strings of every length find their quote', async t => {
  for (let length = 0; length < 20; length++) {
    const bytes = Buffer.from(`"${'x'.repeat(length)}"yyyy`)
    t.equal(scanString(bytes, 1, bytes.length), length + 2)
    t.same(mistakeOf(scanString(bytes, 1, length + 1), 0), mistakeOf(fail(length + 1, early), 0), 'cut before it')
  }
})

t.test('a colon may have space before it', async t => {
  t.equal(scanColon(Buffer.from(' :1'), 0, 3), 2)
  t.match(mistakeOf(scanColon(Buffer.from(' ,'), 0, 2), 0), { offset: 1, problem: /colon/ })
  t.equal(Buffer.from(',')[0], comma)
})

t.test('place and problem survive packing, in large texts too', async t => {
  for (const at of [0, 1, 16, 17, 1_000_000, 2 ** 32 + 5, 2 ** 47]) {
    const failure = fail(at, noArrayEnd)
    t.ok(failure < 0)
    t.same(mistakeOf(failure, 0), { offset: at, problem: 'a comma or ] must stand here' })
  }
  t.equal(mistakeOf(fail(12, early), 10).offset, 2)
})
