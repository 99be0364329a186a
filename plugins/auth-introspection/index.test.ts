// Tests of the auth-introspection policy: what is asked, what an answer makes of a token, and what is remembered.

import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import type { Test } from 'tap'
import type { Principal } from '../../src/contract/envelope.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Authenticator } from '../../src/contract/policy.ts'
import type { PrincipalSettings } from '../../src/contract/principal.ts'
import { Secret } from '../../src/contract/secret.ts'
import { attributesOf, peer, silentLog } from '../../test/support/odd-envelopes.ts'
import { json, startIssuerDouble } from '../../test/support/token-issuer.ts'
import type { Answer, IssuerDouble } from '../../test/support/token-issuer.ts'
import type { IntrospectionConfig } from './config.ts'
import { authIntrospection } from './index.ts'

const principals: readonly PrincipalSettings[] = [
  { name: 'anna', groups: ['staff'], credentials: [{ introspection: { subject: 'anna@id' } }] }
]
const later = Math.floor(Date.now() / 1_000) + 3_600

interface Rig { readonly one: Authenticator, readonly issuer: IssuerDouble, readonly warnings: string[] }

async function rig (t: Test, answer: Answer, more: Partial<IntrospectionConfig> = {}): Promise<Rig> {
  const issuer = await startIssuerDouble(answer)
  t.teardown(() => issuer.stop())
  const warnings: string[] = []
  const config: IntrospectionConfig = {
    url: `${issuer.url}/introspect`, clientId: 'my client', clientSecret: new Secret('canary/+:1'), principalClaim: 'sub',
    principalPrefix: '', attributeClaims: {}, knownOnly: false, onUnavailable: 'deny', rememberMs: 30_000,
    rememberInactiveMs: 10_000, rememberedCountMax: 100, timeoutMs: 5_000, askedCountMax: 4, ...more
  }
  const log = { ...silentLog, warn: (fields: object, message: string) => { warnings.push(`${message} ${String(Object.values(fields))}`) } }
  const one = authIntrospection.create({ config, principals, tables: [], log })
  t.teardown(() => one.close?.())
  return { one, issuer, warnings }
}

async function ask ({ one }: Rig, ...tokens: string[]): Promise<Principal | Refusal | undefined> {
  const attributes = attributesOf(tokens.map(token => ['authorization', `Bearer ${token}`]))
  return await one.authenticate({ attributes, argument: () => undefined }, peer)
}

t.test('the endpoint is asked as RFC 7662 has it, by a client that proves itself', async t => {
  let seen: [IncomingMessage, string] | undefined
  const one = await rig(t, (request, response) => {
    void text(request).then(body => {
      seen = [request, body]
      json({ active: true, sub: 'carl', exp: later })(request, response)
    })
  })
  t.match(await ask(one, 'opaque.token+/~='), { name: 'carl', groups: [], anonymous: false, expiresAtMs: later * 1_000 })
  t.match(seen?.[0], { method: 'POST', headers: { 'accept': 'application/json', 'content-type': /^application\/x-www-form-urlencoded/ } })
  t.equal(seen?.[1], 'token=opaque.token%2B%2F%7E%3D&token_type_hint=access_token')
  const [, pair = ''] = (seen?.[0].headers.authorization ?? '').split('Basic ')
  t.equal(Buffer.from(pair, 'base64').toString(), 'my%20client:canary%2F%2B%3A1')
})

t.test('an answer becomes a principal, or that of the config', async t => {
  const answer = { active: true, sub: 'carl', scope: 'write read', tenant: 'eu', client_id: 'c1' }
  const more = { groupsClaim: 'scope', attributeClaims: { tenant: 'tenant' }, principalPrefix: 'id/' }
  t.match(await ask(await rig(t, json(answer), more), 'a'),
    { name: 'id/carl', groups: ['write', 'read'], attributes: { tenant: 'eu' }, expiresAtMs: undefined })
  t.match(await ask(await rig(t, json(answer), { principalClaim: 'client_id' }), 'a'), { name: 'c1' })
  t.match(await ask(await rig(t, json({ ...answer, sub: 'anna@id' }), more), 'a'), { name: 'anna', groups: ['staff'] })
  t.match(await ask(await rig(t, json(answer), { audiences: ['sluice'] }), 'a'), { code: 'unauthenticated' })
  t.match(await ask(await rig(t, json({ ...answer, aud: ['x', 'sluice'] }), { audiences: ['sluice'] }), 'a'), { name: 'carl' })
})

t.test('whoever is not active, not known or not properly named is refused', async t => {
  for (const [answer, more] of [
    [{ active: false }, {}], [{ active: false, sub: 'carl' }, {}], [{ active: true }, {}], [{ active: true, sub: 7 }, {}],
    [{ active: true, sub: 'carl', exp: 1 }, {}], [{ active: true, sub: 'carl', exp: String(later) }, {}],
    [{ active: true, sub: 'anna' }, {}], [{ active: true, sub: 'carl' }, { knownOnly: true }],
    [{ active: true, sub: 'carl', aud: 'other' }, { audiences: ['sluice'] }]
  ] as const) t.match(await ask(await rig(t, json(answer), more as Partial<IntrospectionConfig>), 'a'), { code: 'unauthenticated' })
})

t.test('what cannot be a token, and two of them, are refused without asking', async t => {
  const one = await rig(t, json({ active: true, sub: 'carl' }))
  for (const token of ['', ' ', 'a b', 'a\n', '\u00e4', 'a=b', '"a"', 'x'.repeat(20_000)]) {
    t.match(await ask(one, token), { code: 'unauthenticated' }, token.slice(0, 10))
  }
  t.match(await ask(one, 'a', 'b'), { code: 'unauthenticated', detail: /more than one/ })
  t.equal(await one.one.authenticate({ attributes: attributesOf([['authorization', 'Basic x']]), argument: () => 'a' }, peer), undefined)
  t.same(one.issuer.asked, [])
})

t.test('many who send the same token at once make for one question, and its answer is remembered', async t => {
  for (const [answer, expected] of [[{ active: true, sub: 'carl' }, { name: 'carl' }], [{ active: false }, { code: 'unauthenticated' }]] as const) {
    const one = await rig(t, json(answer))
    t.match(await Promise.all(Array.from({ length: 100 }, () => ask(one, 'a'))), Array.from({ length: 100 }, () => expected))
    t.match(await ask(one, 'a'), expected)
    t.equal(one.issuer.asked.length, 1)
    t.equal(one.one.gauges?.get('introspections_remembered')?.(), 1)
  }
})

t.test('an endpoint that does not answer as it should lets nobody in, for now, and nothing of that is remembered', async t => {
  const one = await rig(t, json({}), { timeoutMs: 200 })
  const cases: Answer[] = [
    json({ active: true, sub: 'carl' }, 500), json({ active: true, sub: 'carl' }, 401), json({ sub: 'carl' }), json({ active: 'true' }),
    json([]), json(null), (_request, response) => { response.end('<html>canary') }, (_request, response) => { response.end() },
    (_request, response) => { response.writeHead(302, { location: '/other' }).end() },
    (_request, response) => { response.socket?.destroy() }, () => {},
    (_request, response) => { response.end(JSON.stringify({ active: true, sub: 'carl', more: 'x'.repeat(70_000) })) }
  ]
  for (const answer of cases) {
    one.issuer.answer = answer
    t.match(await ask(one, 'a'), { code: 'unverifiable', outcome: 'refused', retryAfterMs: 2_000 }, String(answer))
  }
  t.equal(one.warnings.length, 1)
  t.notMatch(one.warnings[0], 'canary')
  one.issuer.answer = json({ active: true, sub: 'carl' })
  t.match(await ask(one, 'a'), { name: 'carl' })
  await one.issuer.stop()
  t.match(await ask(one, 'a'), { name: 'carl' }, 'what is remembered goes on')
  t.match(await ask(one, 'b'), { code: 'unverifiable' })
})

t.test('more tokens at once than may be asked about are told to come back', async t => {
  const one = await rig(t, () => {}, { timeoutMs: 300 })
  const answers = ['a', 'b', 'c', 'd', 'e'].map(token => ask(one, token))
  t.equal(one.one.gauges?.get('introspections_under_way')?.(), 4)
  t.match(await Promise.all(answers), [...Array.from({ length: 4 }, () => ({ code: 'unverifiable' })), { code: 'overloaded' }])
  t.equal(one.one.gauges?.get('introspections_under_way')?.(), 0)
})

t.test('an endpoint that may not be asked, and a subject that two have, are told at once', async t => {
  await t.rejects(rig(t, json({}), { url: 'http://id.example.com/introspect' }), /encrypted address/)
  const [anna] = principals
  if (anna === undefined) return t.fail('there is one')
  const twice = { config: {} as never, principals: [anna, { ...anna, name: 'bob' }], tables: [], log: silentLog }
  const config = { url: 'https://id.example.com/', principalClaim: 'sub', attributeClaims: {}, rememberedCountMax: 10 } as never
  t.throws(() => authIntrospection.create({ ...twice, config }), /two principals share the subject/)
})
