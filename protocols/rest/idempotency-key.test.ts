// Tests of Idempotency-Key: strings, tokens, and what is neither.

import t from 'tap'
import { isRefusal } from '../../src/contract/outcome.ts'
import { readIdempotencyKey } from './idempotency-key.ts'

t.test('a quoted string is unquoted, a token is taken as it is', async t => {
  t.equal(readIdempotencyKey('"8e03978e-40d5"', 255), '8e03978e-40d5')
  t.equal(readIdempotencyKey('"a \\"b\\" \\\\c"', 255), 'a "b" \\c')
  t.equal(readIdempotencyKey('8e03978e-40d5:7', 255), '8e03978e-40d5:7')
})

t.test('anything else is malformed', async t => {
  for (const value of ['', '""', '"open', 'two words', '"a"b"', '"\\n"', 'caf\u00e9', '"a";p=1', 'a'.repeat(256)]) {
    const refusal = readIdempotencyKey(value, 255)
    t.ok(isRefusal(refusal) && refusal.code === 'malformed', value)
  }
})
