// Headers that are copied from the record before: the same bytes as without, whatever differs between the two.

import t from 'tap'
import { HeadersBefore } from './headers-before.ts'
import { encodeRecord } from './record.ts'
import type { SinkRecord } from './sink.ts'

type Headers = SinkRecord['headers']

const recordOf = (headers: Headers): SinkRecord =>
  ({ topic: 't', key: null, value: Buffer.from('v'), headers, timestampMs: 1, id: '', source: '' })

/** The bytes of records written one behind the other. */
function written (all: readonly Headers[], before?: HeadersBefore): Buffer {
  const into = Buffer.alloc(65_536, 0xee)
  let at = 7
  for (const [place, headers] of all.entries()) at = encodeRecord(recordOf(headers), into, at, place, place, before)
  return into.subarray(7, at)
}

const base: Headers = ['ce_id', 'id-1', 'ce_source', '/s', 'ce_time', '2026-01-01T00:00:00.000Z']
const rows: readonly (readonly [what: string, headers: readonly Headers[]])[] = [
  ['the same again', [base, base, base]],
  ['another id of the same length', [base, base.with(1, 'id-2'), base.with(1, 'id-3')]],
  ['a longer id', [base, base.with(1, 'id-10'), base.with(1, 'id-11')]],
  ['an id that is longer in bytes only', [base, base.with(1, 'id-\u00fc'), base.with(1, 'id-\u00fc'), base]],
  ['bytes and characters that add up by chance', [['a', '\u00fc', 'b', 'xyz'], ['a', 'xy', 'b', '\u00fcz'], ['a', 'pq', 'b', 'rst']]],
  ['half of a surrogate pair', [base, base.with(1, 'id-\ud83d'), base]],
  ['a header more, and less', [base, [...base, 'x', 'y'], base]],
  ['none', [[], base, [], []]],
  ['a name that differs', [base, base.with(2, 'ce_sourcf')]],
  ['bytes in place of text', [base, base.with(1, Buffer.from('id-2')), base, base.with(1, Buffer.from('id-3'))]],
  ['long values', [base.with(3, 'x'.repeat(300)), base.with(3, 'y'.repeat(300)), base.with(3, 'y'.repeat(9_000)), base]]
]

t.test('records are the same with and without the headers before', async t => {
  for (const [what, headers] of rows) t.same(written(headers, new HeadersBefore()), written(headers), what)
})

t.test('sequences by chance', async t => {
  const before = new HeadersBefore()
  let seed = 5
  const next = (below: number): number => (seed = seed * 48_271 % 0x7fffffff) % below
  const texts = ['', 'a', 'b', 'ab', 'cd', '\u00fc', '\u20ac', '\ud83d\ude00', 'x'.repeat(70), 'y'.repeat(70), 'id-1', 'id-2']
  const all = Array.from({ length: 600 }, (): Headers =>
    Array.from({ length: 2 * (1 + next(2)) }, () => next(9) === 0 ? Buffer.from('z') : texts[next(texts.length)] ?? ''))
  t.same(written(all, before), written(all))
})

t.test('a place in the buffer is only believed where what stands there was copied or has one byte a character', async t => {
  const into = Buffer.alloc(200)
  const before = new HeadersBefore()
  const first = encodeRecord(recordOf(['a', '\u00fc\u00fc', 'b', 'xy']), into, 0, 0, 0, before)
  const second = encodeRecord(recordOf(['a', 'cd', 'b', 'xy']), into, first, 0, 1, before)
  encodeRecord(recordOf(['a', 'ef', 'b', 'xy']), into, second, 0, 2, before)
  t.match(into.toString('latin1'), /ef\u0002b\u0004xy/)
})
