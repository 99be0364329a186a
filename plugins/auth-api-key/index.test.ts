// Tests of the auth-api-key policy: who is let in, and what the words of a refusal give away.

import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import type { Credentials } from '../../src/contract/adapter.ts'
import { isRefusal } from '../../src/contract/outcome.ts'
import type { Authenticator } from '../../src/contract/policy.ts'
import { attributesOf, peer, silentLog } from '../../test/support/odd-envelopes.ts'
import type { ApiKeyConfig } from './config.ts'
import { authApiKey } from './index.ts'

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const annasKey = randomBytes(24).toString('base64url')
const principals = [
  { name: 'bob', groups: [], credentials: [{ mtls: { subject: 'CN=bob' } }] },
  { name: 'anna', groups: ['staff'], credentials: [{ apiKey: `sha256:${sha256(annasKey)}` }] }
]

function authenticator (config: ApiKeyConfig = { header: 'X-Api-Key' }): Authenticator {
  return authApiKey.create({ config, principals, tables: [], log: silentLog })
}

function show (pairs: readonly (readonly [string, string])[], args: Record<string, string> = {}): Credentials {
  return { attributes: attributesOf(pairs), argument: name => args[name] }
}

t.test('a known key finds its principal, whatever the case of the configured header', async t => {
  t.same(authenticator().authenticate(show([['x-api-key', annasKey]]), peer),
    { name: 'anna', groups: ['staff'], anonymous: false })
})

t.test('a peer that shows no key is left to the next authenticator', async t => {
  t.equal(authenticator().authenticate(show([['authorization', annasKey]], { apikey: annasKey }), peer), undefined)
})

t.test('wrong, empty and endless keys are refused in the same words, which do not repeat the key', async t => {
  const { authenticate } = authenticator()
  const wrong = authenticate(show([['x-api-key', 'guess-me']]), peer)
  if (!isRefusal(wrong)) return t.fail('a refusal was expected')
  t.match(wrong, { code: 'unauthenticated', outcome: 'refused' })
  t.notMatch(wrong.detail, /guess-me|anna/)
  for (const key of ['', ' ', annasKey + ' ', annasKey.slice(1), 'x'.repeat(1_000_000), sha256(annasKey)]) {
    t.same(authenticate(show([['x-api-key', key]]), peer), wrong)
  }
})

t.test('a key that is sent twice is refused, even when both are right', async t => {
  const twice = authenticator().authenticate(show([['x-api-key', annasKey], ['x-api-key', annasKey]]), peer)
  t.match(twice, { code: 'unauthenticated' })
  const { authenticate } = authenticator({ header: 'x-api-key', argument: 'apikey' })
  t.match(authenticate(show([['x-api-key', annasKey]], { apikey: annasKey }), peer), { code: 'unauthenticated' })
})

t.test('a connection that was let in is asked again for every request', async t => {
  const { authenticate } = authenticator()
  for (let i = 0; i < 3; i++) t.match(authenticate(show([['x-api-key', annasKey]]), peer), { name: 'anna' })
  t.match(authenticate(show([['x-api-key', `${annasKey.slice(0, -1)}!`]]), peer), { code: 'unauthenticated' })
  t.match(authenticate(show([['x-api-key', annasKey], ['x-api-key', annasKey]]), peer), { code: 'unauthenticated' })
  t.equal(authenticate(show([]), peer), undefined)
})

t.test('an argument is read only where it is configured', async t => {
  const { authenticate, secretNames, advice } = authenticator({ header: 'x-api-key', argument: 'apiKey' })
  t.match(authenticate(show([], { apiKey: annasKey }), peer), { name: 'anna' })
  t.same(secretNames, ['x-api-key', 'apikey'])
  t.match(advice, /x-api-key.*apiKey/)
})

t.test('two principals with one key are a mistake that is told at once', async t => {
  const credentials = [{ apiKey: `sha256:${sha256('x')}` }]
  const shared = [{ name: 'a', groups: [], credentials }, { name: 'b', groups: [], credentials }]
  t.throws(() => authApiKey.create({ config: { header: 'k' }, principals: shared, tables: [], log: silentLog }), /share one API key/)
})
