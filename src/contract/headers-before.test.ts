// Headers that are copied from the record before: the same bytes as without, whatever differs between the two.

import t from 'tap'
import { HeadersBefore } from './headers-before.ts'
import { encodeRecord } from './record.ts'
import type { SinkRecord } from './sink.ts'

type Headed = Pick<SinkRecord, 'headers' | 'idName' | 'id'>

const recordOf = (headed: Headed): SinkRecord =>
  ({ topic: 't', key: null, value: Buffer.from('v'), timestampMs: 1, source: '', ...headed })

/** The bytes of records written one behind the other. */
function written (all: readonly Headed[], before?: HeadersBefore): Buffer {
  const into = Buffer.alloc(65_536, 0xee)
  let at = 7
  for (const [place, headed] of all.entries()) at = encodeRecord(recordOf(headed), into, at, place, place, before)
  return into.subarray(7, at)
}

const shared: SinkRecord['headers'] = ['ce_source', '/s', 'ce_subject', 'gr\u00fc\u00dfe', 'x', Buffer.from([0xff])]
const idName = 'ce_id'
const withId = (id: string, headers = shared): Headed => ({ id, idName, headers })
const rows: readonly (readonly [what: string, all: readonly Headed[]])[] = [
  ['the same again', [withId('id-1'), withId('id-1')]],
  ['another id of the same length', [withId('id-1'), withId('id-2'), withId('id-3')]],
  ['a longer id', [withId('id-1'), withId('id-10'), withId('id-11')]],
  ['an id that is longer in bytes only', [withId('id-1'), withId('id-\u00fc'), withId('id-\u00fd'), withId('id-1')]],
  ['half of a surrogate pair', [withId('id-1'), withId('id-\ud83d'), withId('id-2')]],
  ['a long id', [withId('i'.repeat(300)), withId('j'.repeat(300))]],
  ['the id in no header', [withId('id-1'), { id: 'id-2', idName: undefined, headers: shared }, withId('id-3')]],
  ['no id twice', [{ id: 'a', headers: shared }, { id: 'bcd', headers: shared }]],
  ['the id in a header of another name', [withId('id-1'), { ...withId('id-2'), idName: 'x_id' }, { ...withId('id-3'), idName: '\u00fc' }]],
  ['the same headers in another list', [withId('id-1'), withId('id-2', [...shared])]],
  ['other headers', [withId('id-1'), withId('id-2', ['ce_source', '/t']), withId('id-3')]],
  ['none', [withId('id-1', []), withId('id-2', []), withId('id-3')]]
]

t.test('records are the same with and without the headers before', async t => {
  for (const [what, all] of rows) t.same(written(all, new HeadersBefore()), written(all), what)
})

t.test('sequences by chance', async t => {
  const before = new HeadersBefore()
  let seed = 5
  const next = (below: number): number => (seed = seed * 48_271 % 0x7fffffff) % below
  const ids = ['', 'a', 'b', 'ab', 'cd', '\u00fc', '\u20ac', '\ud83d\ude00', 'x'.repeat(70), 'y'.repeat(70), 'id-1', 'id-2']
  const lists = [shared, [], ['a', '\u20ac'], ['a', 'x'.repeat(9_000)]]
  const all = Array.from({ length: 600 }, (): Headed => ({
    id: ids[next(ids.length)] ?? '', idName: [idName, undefined][next(2)], headers: lists[next(9)] ?? shared
  }))
  const large = Buffer.alloc(2_000_000)
  const encoded = (writer?: HeadersBefore): Buffer =>
    Buffer.from(large.subarray(0, all.reduce((at, one) => encodeRecord(recordOf(one), large, at, 0, 0, writer), 0)))
  t.same(encoded(before), encoded())
})

t.test('records that share their headers are written without these', async t => {
  // What stands in the buffer is what is copied: a byte that was changed there is found again behind it.
  const into = Buffer.alloc(500)
  const before = new HeadersBefore()
  const first = encodeRecord(recordOf(withId('id-1')), into, 0, 0, 0, before)
  into[into.indexOf('/s')] = 0x21
  encodeRecord(recordOf(withId('id-2')), into, first, 0, 1, before)
  t.equal(into.indexOf('!s', first) > first, true)
})
