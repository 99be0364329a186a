// Tests of reading a shown token: schemes in any case, spaces, repeats, and the argument in its place.

import t from 'tap'
import { attributesOf } from '../../test/support/odd-envelopes.ts'
import type { Credentials } from './adapter.ts'
import { repeated, shownToken, timesSent } from './shown-token.ts'

const show = (lines: readonly string[], args: Record<string, string> = {}): Credentials => ({
  attributes: attributesOf(lines.map(line => ['authorization', line] as const)), argument: name => args[name]
})
const inLine = { scheme: 'bearer', argument: undefined }

t.test('what stands behind the scheme and its spaces is the token, as it was sent', async t => {
  for (const [line, token] of [
    ['Bearer abc', 'abc'], ['bearer abc', 'abc'], ['BEARER a b', 'a b'], ['Bearer  abc', 'abc'], ['Bearer     a  b', 'a  b'], ['Bearer   ', ''], ['Bearer ', ''],
    ['Bearer', ''], ['Bearerabc', undefined], ['Basic abc', undefined], ['', undefined], ['Bear', undefined],
    ['Bearer\tabc', undefined], [' Bearer abc', undefined], ['Bearer, Bearer abc', undefined]
  ] as const) t.equal(shownToken(show([line]), inLine), token, line)
  t.equal(shownToken(show([]), inLine), undefined)
})

t.test('whoever shows two things shows nothing that could be relied on', async t => {
  t.equal(shownToken(show(['Bearer a', 'Bearer a']), inLine), repeated)
  t.equal(shownToken(show(['Bearer a', 'Basic b']), inLine), repeated)
  t.equal(shownToken(show(['Bearer a'], { token: 'a' }), { scheme: 'bearer', argument: 'token' }), repeated)
})

t.test('an argument is read only where it is asked for', async t => {
  const place = { scheme: 'bearer', argument: 'token' }
  t.equal(shownToken(show([], { token: 'a' }), place), 'a')
  t.equal(shownToken(show(['Basic b'], { token: 'a' }), place), 'a')
  t.equal(shownToken(show(['Bearer b']), place), 'b')
  t.equal(shownToken(show([], { token: 'a' }), inLine), undefined)
})

t.test('attributes are counted by name', async t => {
  const attributes = attributesOf([['a', '1'], ['b', '2'], ['a', '3']])
  t.same(['a', 'b', 'c'].map(name => timesSent(attributes, name)), [2, 1, 0])
})
