// What the composition makes of the operator's lists: scopes that follow from how a policy is asked.

import t from 'tap'
import { envelopeWith, judgeContext, silentLog } from '../test/support/odd-envelopes.ts'
import { routeWith } from '../test/support/route-settings.ts'
import type { Envelope } from './contract/envelope.ts'
import { isRefusal } from './contract/outcome.ts'
import { createPolicies } from './policies.ts'
import type { Named, RouteEntry, Settings } from './settings.ts'

/** What becomes of events of these types in one request, by policies of the one route. */
async function judged (policies: readonly Named[], types: readonly string[], parts: Partial<Envelope> = {}):
Promise<string[]> {
  const route = { ...routeWith({}), policies } as unknown as RouteEntry
  const settings = {
    principals: [], authentication: [], policies: [], routes: [route],
    limits: { replyTimeoutMs: 1_000, keyBytesMax: 1_024 }
  } as unknown as Settings
  const [run] = createPolicies({ settings, log: silentLog, tables: { byEntry: new Map(), failedLogins: [], sharedLimits: undefined } }).runs('kafka', () => {})
  if (run === undefined) throw new Error('the route has no run')
  const envelopes = types.map(type => envelopeWith({ type, ...parts }))
  const first = await run.perRequest.judge(envelopes[0] as Envelope, judgeContext)
  if (isRefusal(first)) return types.map(() => first.code)
  const told = await run.perEvent.judgeMany(envelopes, judgeContext)
  return told.map(one => isRefusal(one) ? one.code : [...one.extensions].join() || 'passed')
}

t.test('a policy of requests that has a condition is asked about every event', async t => {
  const nobody = [{ acl: { allow: [], deny: [], when: 'event.type == "bad"' } }]
  t.same(await judged(nobody, ['good', 'bad', 'good', 'bad']), ['passed', 'forbidden', 'passed', 'forbidden'])
  t.same(await judged(nobody, ['bad', 'good']), ['forbidden', 'passed'])
  t.same(await judged([{ acl: { allow: [], deny: [] } }], ['good', 'bad']), ['forbidden', 'forbidden'], 'without, once')
})

t.test('every event of a request is marked where a policy of requests could not judge it', async t => {
  const failing = [{ acl: { allow: ['group:x'], deny: [], onError: 'mark' } }]
  const nobody = { principal: undefined } as unknown as Partial<Envelope>
  t.same(await judged(failing, ['a', 'b'], nobody), ['unjudgedby,acl', 'unjudgedby,acl'])
})
