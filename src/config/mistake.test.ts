// Proves how mistakes are shown: paths, quoted text that no terminal obeys, and suggestions that are near enough.

import t from 'tap'
import fc from 'fast-check'
import { nearest, quote, renderMistakes, showPath, sortMistakes } from './mistake.ts'
import type { Mistake } from './mistake.ts'

t.test('a path reads like the config', async (t) => {
  t.equal(showPath(['routes', 2, 'ack']), 'routes[2].ack')
  t.equal(showPath(['policies', 0, 'payload-limit', 'bytesMax']), 'policies[0].payload-limit.bytesMax')
  t.equal(showPath(['a b', 'c.d']), '["a b"]["c.d"]')
  t.equal(showPath([]), '')
})

t.test('quoted text is short, on one line, and moves no terminal', async (t) => {
  t.equal(quote('a\n\u001b[31m\u009b\u202e"'), '"a\\n\\u001b[31m\\u009b\\u202e\\""')
  const commands = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => !commands.test(quote(text)) && quote(text).length < 400))
})

t.test('a suggestion is at most two edits away, and fewer for short words', async (t) => {
  const rows: [string, string[], string | undefined][] = [
    ['broker', ['brokers', 'sasl'], 'brokers'], ['kafak', ['kafka', 'disk'], 'kafka'], ['ACK', ['ack'], 'ack'],
    ['tsl', ['tls'], undefined], ['tl', ['tls'], 'tls'], ['lmits', ['limits', 'kafka'], 'limits'],
    ['xyz', ['key'], undefined], ['x'.repeat(10_000), ['x'], undefined], ['', ['a'], undefined]
  ]
  for (const [given, candidates, expected] of rows) t.equal(nearest(given, candidates), expected, given.slice(0, 20))
})

const mistake = (line: number, path: string): Mistake =>
  ({ path, line, column: 1, problem: 'missing', expected: '', suggestion: undefined, help: '' })

t.test('mistakes are sorted by place and counted', async (t) => {
  const sorted = sortMistakes([mistake(3, 'c'), mistake(1, 'b'), mistake(1, 'a')])
  t.strictSame(sorted.map(({ path }) => path), ['a', 'b', 'c'])
  t.equal(renderMistakes([mistake(1, '')], 'f'), 'f:1:1\n  error  missing\n1 error  (exit 78)\n')
  t.match(renderMistakes(sorted, 'f'), /\n3 errors {2}\(exit 78\)\n$/)
})
