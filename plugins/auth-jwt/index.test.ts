// Tests of the auth-jwt policy: whose principal a token becomes, what is remembered, and how a silent issuer is told.

import t from 'tap'
import type { Credentials } from '../../src/contract/adapter.ts'
import type { Principal } from '../../src/contract/envelope.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Authenticator } from '../../src/contract/policy.ts'
import type { PrincipalSettings } from '../../src/contract/principal.ts'
import { attributesOf, peer, silentLog } from '../../test/support/odd-envelopes.ts'
import { json, makeKey, sign, startIssuerDouble } from '../../test/support/token-issuer.ts'
import type { IssuerConfig, JwtConfig } from './config.ts'
import { authJwt, createJwtAuthenticator } from './index.ts'

const issuer = 'https://id.example.com'
const key = await makeKey('ES256', 'k1')
const own: IssuerConfig = {
  issuer, audiences: ['sluice'], algorithms: ['ES256'], keys: [key.pem], principalClaim: 'sub', principalPrefix: '',
  attributeClaims: {}, knownOnly: false, clockSkewMs: 1_000
}
const config: JwtConfig = {
  issuers: [own], rememberMs: 60_000, rememberedCountMax: 100, keysRefreshMs: 600_000, keysStaleMs: 86_400_000,
  keysFetchGapMs: 30_000, fetchTimeoutMs: 5_000
}
const principals: readonly PrincipalSettings[] = [
  { name: 'bob', groups: ['staff'], credentials: [{ apiKey: 'x' }] },
  {
    name: 'anna', groups: ['staff'], sources: ['/shop/*'], attributes: { site: 'a' },
    credentials: [{ jwt: { issuer, subject: 'anna@id' } }]
  }
]

class Clock {
  monotonicMs = 5_000
  epochMs = 1_790_000_000_000
  readonly nowMs = (): number => this.monotonicMs
  readonly wallMs = (): number => this.epochMs
  pass (ms: number): void { this.monotonicMs += ms; this.epochMs += ms }
}

const clock = new Clock()
const seconds = (): number => clock.epochMs / 1_000
const claims = { iss: issuer, aud: 'sluice', exp: seconds() + 300 }

function authenticator (more: Partial<JwtConfig> = {}, known = principals): Authenticator {
  const setup = { config: { ...config, ...more }, principals: known, tables: [], log: silentLog }
  return createJwtAuthenticator(setup, clock)
}

function show (token: string, args: Record<string, string> = {}): Credentials {
  return { attributes: attributesOf([['authorization', `Bearer ${token}`]]), argument: name => args[name] }
}

function fetching (url: string): IssuerConfig {
  const { keys: _keys, ...rest } = own
  return { ...rest, issuer: url, jwksUrl: `${url}/keys` }
}

async function ask (one: Authenticator, token: string): Promise<Principal | Refusal | undefined> {
  return await one.authenticate(show(token), peer)
}

t.test('a configured subject is its principal, with nothing of the token but its end', async t => {
  const token = await sign(key, { ...claims, sub: 'anna@id', groups: ['admins'] })
  t.same(await ask(authenticator({ issuers: [{ ...own, groupsClaim: 'groups' }] }), token), {
    name: 'anna', groups: ['staff'], anonymous: false, sources: ['/shop/*'], attributes: { site: 'a' },
    expiresAtMs: claims.exp * 1_000 + 1_000
  })
})

t.test('another subject becomes a principal of its claims, unless only known ones are let in', async t => {
  const token = await sign(key, { ...claims, sub: 'carl', groups: ['drivers'], tenant: 'eu' })
  const issuers = [{ ...own, principalPrefix: 'id/', groupsClaim: 'groups', attributeClaims: { tenant: 'tenant' } }]
  t.match(await ask(authenticator({ issuers }), token), { name: 'id/carl', groups: ['drivers'], attributes: { tenant: 'eu' } })
  t.match(await ask(authenticator({ issuers: [{ ...own, knownOnly: true }] }), token), { code: 'unauthenticated' })
})

t.test('a token cannot take the name of somebody in the config', async t => {
  for (const sub of ['anna', 'bob']) {
    t.match(await ask(authenticator(), await sign(key, { ...claims, sub })), { code: 'unauthenticated', detail: /somebody else/ })
  }
})

t.test('two tokens are refused, an argument is read where it is configured', async t => {
  const token = await sign(key, { ...claims, sub: 'carl' })
  const lines = [['authorization', `Bearer ${token}`], ['authorization', 'Basic x']] as const
  const two = { attributes: attributesOf(lines), argument: () => undefined }
  t.match(await authenticator().authenticate(two, peer), { code: 'unauthenticated', detail: /more than one/ })
  const one = authenticator({ argument: 'access_token' })
  t.same(one.secretNames, ['authorization', 'access_token'])
  const inArgument = { attributes: attributesOf([]), argument: (name: string) => name === 'access_token' ? token : undefined }
  t.match(await one.authenticate(inArgument, peer), { name: 'carl' })
  t.match(await one.authenticate(show(token, { access_token: token }), peer), { code: 'unauthenticated' })
  t.equal(await authenticator().authenticate(inArgument, peer), undefined)
})

t.test('a good token is remembered for its time, a bad one is not, and nothing outlives its end', async t => {
  const one = authenticator()
  const token = await sign(key, { ...claims, sub: 'carl', exp: seconds() + 90 })
  const remembered = (): boolean => !(one.authenticate(show(token), peer) instanceof Promise)
  t.notOk(remembered())
  t.match(await ask(one, token), { name: 'carl' })
  t.ok(remembered())
  t.equal(one.gauges?.get('tokens_remembered')?.(), 1)
  clock.pass(59_999)
  t.ok(remembered())
  clock.pass(1)
  t.notOk(remembered(), 'it is checked again')
  t.match(await ask(one, token), { name: 'carl' })
  clock.pass(30_999)
  t.ok(remembered(), 'the skew counts')
  clock.pass(1)
  t.match(await ask(one, token), { code: 'unauthenticated', detail: /expired/ })
  await ask(one, token.slice(0, -2))
  t.equal(one.gauges?.get('tokens_remembered')?.(), 0)
})

t.test('a clock that is set forward ends what is remembered, too', async t => {
  const one = authenticator()
  const token = await sign(key, { ...claims, sub: 'carl', exp: seconds() + 600 })
  t.match(await ask(one, token), { name: 'carl' })
  clock.epochMs += 3_600_000
  t.match(await ask(one, token), { code: 'unauthenticated', detail: /expired/ })
  clock.epochMs -= 3_600_000
})

t.test('without any keys a token is refused for now; once they were there it is taken, also when the issuer is gone', async t => {
  const double = await startIssuerDouble(json({}, 500))
  t.teardown(() => double.stop())
  const issuers = [fetching(double.url)]
  const one = authenticator({ issuers, rememberMs: 0 }, [])
  const token = await sign(key, { ...claims, iss: double.url, sub: 'carl', exp: seconds() + 7_200 })
  t.match(await ask(one, token), { code: 'unverifiable', outcome: 'refused', retryAfterMs: 1_000 })
  double.answer = json({ keys: [key.jwk] })
  t.match(await ask(one, token), { code: 'unverifiable' }, 'not before the back-off is over')
  t.equal(double.asked.length, 1)
  clock.pass(1_000)
  t.match(await ask(one, token), { name: 'carl' })
  await double.stop()
  clock.pass(3_600_000)
  t.match(await ask(one, token), { name: 'carl' })
  one.close?.()
})

t.test('a flood of tokens with invented keys asks the issuer once', async t => {
  const double = await startIssuerDouble(json({ keys: [key.jwk] }))
  t.teardown(() => double.stop())
  const issuers = [fetching(double.url)]
  const one = authenticator({ issuers }, [])
  const tokens = await Promise.all(Array.from({ length: 500 }, (_, at) =>
    sign(key, { ...claims, iss: double.url, sub: 'carl' }, { kid: `invented-${at}` })))
  const answers = await Promise.all(tokens.map(token => ask(one, token)))
  t.same(new Set(answers.map(answer => (answer as Refusal).code)), new Set(['unauthenticated']))
  t.equal(double.asked.length, 1)
  one.close?.()
})

t.test('more checks than allowed at once are told to come back', async t => {
  let release = (): void => {}
  const double = await startIssuerDouble((request, response) => {
    release = () => json({ keys: [key.jwk] })(request, response)
  })
  t.teardown(() => double.stop())
  const issuers = [fetching(double.url)]
  const one = authenticator({ issuers }, [])
  const token = await sign(key, { ...claims, iss: double.url, sub: 'carl', exp: seconds() + 7_200 })
  const answers = Array.from({ length: 1_000 }, () => ask(one, token))
  t.equal(one.gauges?.get('token_checks')?.(), 1_000)
  t.match(await ask(one, token), { code: 'overloaded' })
  while (double.asked.length === 0) await new Promise(resolve => { setImmediate(resolve) })
  release()
  t.match(await Promise.all(answers), answers.map(() => ({ name: 'carl' })))
  t.equal(one.gauges?.get('token_checks')?.(), 0)
})

t.test('settings that contradict each other are told at once, in words', async t => {
  const other = { ...own, issuer: 'https://other.example.com' }
  const subject = { name: 'x', groups: [], credentials: [{ jwt: { issuer, subject: 'anna@id' } }] }
  const stranger = { name: 'x', groups: [], credentials: [{ jwt: { issuer: 'https://evil', subject: 'a' } }] }
  for (const [issuers, known, words] of [
    [[own, own], [], /stands in the list twice/], [[own, other], [], /principalPrefix of its own/],
    [[own], [stranger], /x has a token of https:\/\/evil/],
    [[own], [...principals, subject], /two principals share the subject/],
    [[{ ...own, keys: ['nonsense'] }], [], /a key cannot be read/], [[{ ...own, keys: ['{'] }], [], /no JSON/],
    [[{ ...own, keys: ['{"kty":"EC","d":"x"}'] }], [], /a key is private/], [[{ ...own, keys: ['{"kty":"oct","k":"x"}'] }], [], /private/],
    [[{ ...own, keys: ['-----BEGIN PRIVATE KEY-----'] }], [], /private/],
    [[{ ...own, keys: undefined, jwksUrl: 'http://id.example.com/' }], [], /encrypted address/],
    [[{ ...own, keys: undefined, issuer: 'anybody' }], [], /encrypted address/], [[{ ...own, groupsClaim: '/~' }], [], /pointer/]
  ] as const) t.throws(() => authenticator({ issuers: issuers as never }, known), words)
  const apart = [own, { ...other, principalPrefix: 'o/' }, { ...own, issuer: 'https://third.example.com', knownOnly: true }]
  t.ok(authJwt.create({ config: { ...config, issuers: apart }, principals, tables: [], log: silentLog }))
})
