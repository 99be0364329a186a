// Tests of the quota policy: what an hour or a day holds, what a refusal says, and what a batch uses up.

import t from 'tap'
import type { Envelope } from '../../src/contract/envelope.ts'
import type { Judge } from '../../src/contract/policy.ts'
import { envelopeWith, judgeContext, silentLog } from '../../test/support/odd-envelopes.ts'
import { tablesFor, TableTime } from '../../test/support/table-rig.ts'
import type { QuotaConfig } from './config.ts'
import { quota } from './index.ts'

function limiter (config: Partial<QuotaConfig>): { judge: Judge, time: TableTime } {
  const time = new TableTime()
  time.wallOffsetMs = Date.parse('2026-11-26T22:30:00Z') - time.nowMs
  const whole: QuotaConfig = { per: 'principal', window: 'day', across: 'node', keysMax: 100, ...config }
  const tables = tablesFor(quota.tables?.(whole as never) ?? [], time)
  return { judge: quota.create({ config: whole, principals: [], tables, log: silentLog }), time }
}

const sized = (bytes: number): Envelope => envelopeWith({ data: Buffer.alloc(bytes) })
const passes = ({ judge }: Judge, bytes = 1): boolean => judge(sized(bytes), judgeContext) === undefined

t.test('a day holds its events until midnight UTC, and a refusal tells how long that is', async t => {
  const { judge, time } = limiter({ eventsMax: 2 })
  t.same([passes(judge), passes(judge), passes(judge)], [true, true, false])
  t.match(judge.judge(sized(1), judgeContext), {
    code: 'rate-limited', outcome: 'refused', retryAfterMs: 90 * 60_000, detail: /2 events per day.*next day/
  })
  time.nowMs += 90 * 60_000
  t.ok(passes(judge))
})

t.test('an hour holds its bytes, and an event that lacks them costs no event', async t => {
  const { judge, time } = limiter({ window: 'hour', eventsMax: 3, bytesMax: 10 })
  t.ok(passes(judge, 8))
  for (let i = 0; i < 5; i++) t.notOk(passes(judge, 8))
  t.ok(passes(judge, 2))
  t.ok(passes(judge, 0))
  t.notOk(passes(judge, 0))
  time.nowMs += 30 * 60_000
  t.ok(passes(judge, 10))
  t.match(judge.judge(sized(11), judgeContext), { code: 'too-large', detail: /11 bytes/ })
})

t.test('of several events those that fit pass, and no others are paid for', async t => {
  const { judge } = limiter({ eventsMax: 4, bytesMax: 10 })
  t.match(await judge.judgeMany?.([4, 4, 4, 1].map(sized), judgeContext), { passedCount: 2, refusal: { code: 'rate-limited' } })
  const admitted = await judge.judgeMany?.([1, 11, 1].map(sized), judgeContext)
  t.match(admitted, { passedCount: 2, refusal: undefined })
  t.match([...admitted?.apart?.values() ?? []], [{ code: 'too-large', detail: /11 bytes/ }], 'which is refused alone')
  t.notOk(passes(judge, 0))
})
