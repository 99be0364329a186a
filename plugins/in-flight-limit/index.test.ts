// Tests of the in-flight-limit policy: what is held, what comes back, and for whom it counts.

import t from 'tap'
import type { Judge } from '../../src/contract/policy.ts'
import { envelopeWith, judgeContext, peer, silentLog } from '../../test/support/odd-envelopes.ts'
import { tableRig, tablesFor } from '../../test/support/table-rig.ts'
import type { InFlightLimitConfig } from './config.ts'
import { inFlightLimit } from './index.ts'

const config: InFlightLimitConfig = { per: 'principal', eventsMax: 3, keysMax: 8 }
const wanted = inFlightLimit.tables?.(config as never) ?? []
const limiter = (): Judge => inFlightLimit.create({ config, principals: [], tables: tablesFor(wanted), log: silentLog })
const event = envelopeWith({})

t.test('an event holds its place until it has its outcome', async t => {
  const judge = limiter()
  for (let i = 0; i < 3; i++) t.equal(judge.judge(event, judgeContext), undefined)
  t.match(judge.judge(event, judgeContext), { code: 'rate-limited', outcome: 'refused', retryAfterMs: 1_000, detail: /\b3 events/ })
  judge.release?.(event, judgeContext)
  t.equal(judge.judge(event, judgeContext), undefined)
  t.match(judge.judge(event, judgeContext), { code: 'rate-limited' })
})

t.test('of several events as many pass as there is room for', async t => {
  const judge = limiter()
  const admitted = await judge.judgeMany?.([event, event, event, event, event], judgeContext)
  t.match(admitted, { passedCount: 3, refusal: { code: 'rate-limited' } })
  judge.release?.(event, judgeContext)
  t.same(await judge.judgeMany?.([event], judgeContext), { passedCount: 1, refusal: undefined })
})

t.test('senders who are anonymous are told apart by their addresses', async t => {
  const judge = limiter()
  const from = (address: string): typeof event =>
    envelopeWith({ principal: { name: 'anonymous', groups: [], anonymous: true }, peer: { ...peer, address } })
  for (let i = 0; i < 3; i++) t.equal(judge.judge(from('10.0.0.1'), judgeContext), undefined)
  t.match(judge.judge(from('10.0.0.1'), judgeContext), { code: 'rate-limited' })
  t.equal(judge.judge(from('10.0.0.2'), judgeContext), undefined)
})

t.test('what a dead worker had in flight is free for the others', async t => {
  const [settings] = wanted
  if (settings === undefined) return t.fail('a table was expected')
  const { tables: [dying, other], reclaim } = tableRig(settings, 2)
  if (dying === undefined || other === undefined) return t.fail('two workers were expected')
  const [one, two] = [dying, other].map(table =>
    inFlightLimit.create({ config, principals: [], tables: [table], log: silentLog }))
  for (let i = 0; i < 3; i++) t.equal(one?.judge(event, judgeContext), undefined)
  t.match(two?.judge(event, judgeContext), { code: 'rate-limited' })
  reclaim(0)
  t.equal(two?.judge(event, judgeContext), undefined)
})
