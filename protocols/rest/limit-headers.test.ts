// Tests of RateLimit and RateLimit-Policy on answers, and of what they keep to themselves.

import t from 'tap'
import type { LimitState } from '../../src/contract/limit-state.ts'
import { refuse } from '../../src/contract/outcome.ts'
import { startRest } from '../../test/support/rest-rig.ts'

const perSecond = { name: 'events-per-second', unit: 'events', limitUnits: 5_000, windowMs: 5_000 } as const
const perDay = { name: 'bytes-per-day "all"\u00e9', unit: 'bytes', limitUnits: 1_000, windowMs: 86_400_000 } as const
const inFlight = { name: 'events-in-flight', unit: 'events-in-flight', limitUnits: 10, windowMs: undefined } as const
const states: readonly LimitState[] = [
  { limit: perSecond, leftUnits: 4_999, resetMs: 1 }, { limit: perDay, leftUnits: 500, resetMs: 3_600_000 },
  { limit: inFlight, leftUnits: 9, resetMs: undefined }
]

t.test('a receipt tells all limits of its sender, the one nearest to its end first', async t => {
  const rig = await startRest(t, { config: { rateLimitHeaders: true } })
  rig.ingress.limits = states
  const { headers } = await rig.request('POST', '/v1/events/orders/eu', { body: '{}', headers: { 'x-request-id': 'mine' } })
  t.equal(headers.get('ratelimit-policy'), '"bytes-per-day \\"all\\"?";q=1000;qu="content-bytes";w=86400, ' +
    '"events-in-flight";q=10;qu="concurrent-requests", "events-per-second";q=5000;w=5')
  t.equal(headers.get('ratelimit'),
    '"bytes-per-day \\"all\\"?";r=500;t=3600, "events-in-flight";r=9, "events-per-second";r=4999;t=1')
  t.equal(headers.get('x-request-id'), 'mine')
})

t.test('without limits, or unless the config says so, a receipt tells none', async t => {
  for (const config of [{ rateLimitHeaders: true }, {}]) {
    const rig = await startRest(t, { config })
    if (config.rateLimitHeaders === undefined) rig.ingress.limits = states
    const { headers } = await rig.request('POST', '/v1/events/orders/eu', { body: '{}' })
    t.notOk(headers.has('ratelimit') || headers.has('ratelimit-policy'))
  }
})

t.test('a refusal tells the limit that refused first and once, also where receipts tell none', async t => {
  const rig = await startRest(t)
  rig.ingress.limits = states
  const used = { limit: perSecond, leftUnits: 0, resetMs: 1_200 }
  rig.ingress.outcomeOf = () => ({ ...refuse('rate-limited', 'too much', { retryAfterMs: 1_200 }), limit: used })
  const { status, headers } = await rig.request('POST', '/v1/events/orders/eu', { body: '{}' })
  t.equal(status, 429)
  t.equal(headers.get('retry-after'), '2')
  t.match(headers.get('ratelimit') ?? '', /^"events-per-second";r=0;t=2, "bytes-per-day[^,]*, "events-in-flight";r=9$/)
})
