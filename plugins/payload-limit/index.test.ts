// Tests of the payload-limit policy: its edge, and what it says to whoever is above it.

import t from 'tap'
import { isRefusal } from '../../src/contract/outcome.ts'
import { envelopeWith, judgeContext, silentLog } from '../../test/support/odd-envelopes.ts'
import { payloadLimit } from './index.ts'

const judge = payloadLimit.create({ config: { bytesMax: 10 }, principals: [], tables: [], log: silentLog })

t.test('data of exactly the limit passes', async t => {
  t.equal(judge.judge(envelopeWith({ data: Buffer.alloc(10) }), judgeContext), undefined)
})

t.test('one byte more is too large, and the refusal tells size and limit', async t => {
  const verdict = judge.judge(envelopeWith({ data: Buffer.alloc(11) }), judgeContext)
  if (!isRefusal(verdict)) return t.fail('a refusal was expected')
  t.match(verdict, { outcome: 'refused', code: 'too-large' })
  t.match(verdict.detail, /\b11 bytes\b.*\b10\b/)
})

t.test('an event without data has no size to be judged', async t => {
  t.equal(judge.judge(envelopeWith({ data: null }), judgeContext), undefined)
})
