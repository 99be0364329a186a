// Tests of the worked example: with the attribute an event passes, without it it is refused with advice.

import t from 'tap'
import { attributesOf, envelopeWith, judgeContext, silentLog } from '../../test/support/odd-envelopes.ts'
import { requireAttribute } from './index.ts'

const judge = requireAttribute.create({ config: { attribute: 'X-Request-Id' }, principals: [], tables: [], log: silentLog })

t.test('an event with the attribute passes, even if it is empty', async t => {
  t.equal(judge.judge(envelopeWith({ attributes: attributesOf([['x-request-id', '']]) }), judgeContext), undefined)
})

t.test('an event without the attribute is refused, and told which one to send', async t => {
  t.match(judge.judge(envelopeWith({}), judgeContext), { code: 'invalid-event', detail: /"x-request-id"/ })
})
