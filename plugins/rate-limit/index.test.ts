// Tests of the rate-limit policy: events, bytes, both at once, batches, and by what it counts.

import t from 'tap'
import type { Envelope } from '../../src/contract/envelope.ts'
import type { Judge } from '../../src/contract/policy.ts'
import { envelopeWith, judgeContext, peer, silentLog } from '../../test/support/odd-envelopes.ts'
import { tablesFor, TableTime } from '../../test/support/table-rig.ts'
import type { RateLimitConfig } from './config.ts'
import { rateLimit } from './index.ts'

function limiter (config: Partial<RateLimitConfig>): { judge: Judge, time: TableTime } {
  const time = new TableTime()
  const whole: RateLimitConfig = { per: 'principal', across: 'node', keysMax: 100, ...config }
  const tables = tablesFor(rateLimit.tables?.(whole as never) ?? [], time)
  return { judge: rateLimit.create({ config: whole, principals: [], tables, log: silentLog }), time }
}

const sized = (bytes: number, parts: Partial<Envelope> = {}): Envelope =>
  envelopeWith({ data: Buffer.alloc(bytes), ...parts })
const passes = ({ judge }: Judge, envelope = sized(1)): boolean => judge(envelope, judgeContext) === undefined
const by = (name: string): Partial<Envelope> => ({ principal: { name, groups: [], anonymous: false } })

t.test('events pass up to the burst and then at the rate, and a refusal tells when the next one can', async t => {
  const { judge, time } = limiter({ eventsPerSecondMax: 10, burstEventsMax: 3 })
  for (let i = 0; i < 3; i++) t.ok(passes(judge))
  const refusal = judge.judge(sized(1), judgeContext)
  t.match(refusal, { code: 'rate-limited', outcome: 'refused', retryAfterMs: 100, detail: /10 events per second/ })
  time.nowMs += 99
  t.notOk(passes(judge))
  time.nowMs += 1
  t.ok(passes(judge))
  t.ok(passes(judge, sized(1, by('other'))), 'others have their own')
})

t.test('a sender is told how its own limits stand, and of shared ones only that they refused', async t => {
  const { judge } = limiter({ eventsPerSecondMax: 10, burstEventsMax: 20 })
  passes(judge)
  const [state] = judge.limits?.(sized(1), judgeContext) ?? []
  const limit = { name: 'events-per-second', unit: 'events', limitUnits: 20, windowMs: 2_000 }
  t.same(state, { limit, leftUnits: 19, resetMs: 100 })
  const { judge: shared } = limiter({ per: 'route', eventsPerSecondMax: 1, burstEventsMax: 1 })
  passes(shared)
  t.same(shared.limits?.(sized(1), judgeContext), [])
  t.match(shared.judge(sized(1), judgeContext), { limit: { limit: { name: 'events-per-second route' }, leftUnits: 0 } })
})

t.test('without a burst, one second\'s worth passes at once', async t => {
  const { judge } = limiter({ eventsPerSecondMax: 2.5 })
  t.same([passes(judge), passes(judge), passes(judge), passes(judge)], [true, true, true, false])
})

t.test('bytes are limited by themselves, events without data cost none', async t => {
  const { judge, time } = limiter({ bytesPerSecondMax: 1_000 })
  t.ok(passes(judge, sized(600)))
  const refusal = judge.judge(sized(600), judgeContext)
  t.match(refusal, { code: 'rate-limited', retryAfterMs: 200 })
  t.ok(passes(judge, sized(400)), 'a smaller one still fits')
  t.ok(passes(judge, envelopeWith({ data: null })))
  time.nowMs += 1_000
  t.match(judge.judge(sized(1_001), judgeContext), { code: 'too-large', detail: /1001 bytes.*1000/ })
  t.ok(passes(judge, sized(1_000)))
})

t.test('an event that lacks bytes costs no event', async t => {
  const { judge } = limiter({ eventsPerSecondMax: 2, bytesPerSecondMax: 10 })
  t.ok(passes(judge, sized(8)))
  for (let i = 0; i < 5; i++) t.notOk(passes(judge, sized(8)))
  t.ok(passes(judge, sized(2)))
  t.notOk(passes(judge, sized(0)), 'now the events are used up')
})

const batches: [why: string, sizes: number[], passed: number, refusal: object | undefined][] = [
  ['all fit', [2, 2, 2], 3, undefined],
  ['events run out', [1, 1, 1, 1, 1, 1], 5, { code: 'rate-limited', retryAfterMs: 200 }],
  ['bytes run out', [4, 4, 4, 1], 2, { code: 'rate-limited', retryAfterMs: 200 }],
  ['nothing has data', [0, 0], 2, undefined]
]
for (const [why, sizes, passed, refusal] of batches) {
  t.test(`of a batch the events that fit pass: ${why}`, async t => {
    const { judge } = limiter({ eventsPerSecondMax: 5, bytesPerSecondMax: 10 })
    const admitted = await judge.judgeMany?.(sizes.map(size => sized(size)), judgeContext)
    t.equal(admitted?.passedCount, passed)
    if (refusal === undefined) t.equal(admitted?.refusal, undefined)
    else t.match(admitted?.refusal, refusal)
    // What was not used of either bucket is still there.
    const leftBytes = 10 - sizes.slice(0, passed).reduce((sum, size) => sum + size, 0)
    if (passed < 5) t.ok(passes(judge, sized(leftBytes)))
    let count = passed + (passed < 5 ? 1 : 0)
    while (passes(judge, sized(0))) count++
    t.equal(count, 5)
  })
}

t.test('it counts by whatever it is told to', async t => {
  const { judge } = limiter({ per: '{route}/{peer}', eventsPerSecondMax: 1 })
  t.ok(passes(judge, sized(1, by('anna'))))
  t.notOk(passes(judge, sized(1, by('bob'))))
  t.ok(passes(judge, sized(1, { peer: { ...peer, address: '10.0.0.9' } })))
  t.equal(judge.judge(sized(1), { ...judgeContext, route: 'other' }), undefined)
})

t.test('of a batch an event that can never pass is refused alone', async t => {
  const { judge } = limiter({ bytesPerSecondMax: 10 })
  const [huge, small] = [sized(11), sized(4)]
  const admitted = await judge.judgeMany?.([huge, small, small, small], judgeContext)
  t.match(admitted, { passedCount: 2, refusal: { code: 'rate-limited' } })
  t.match([...admitted?.apart ?? []], [[huge, { code: 'too-large', detail: /11 bytes/ }]])
})
