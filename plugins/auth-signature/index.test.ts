// Tests of the auth-signature policy: requests that another library signs, and every way to bend them.

import { createHash, generateKeyPairSync } from 'node:crypto'
import { createSigner, httpbis } from 'http-message-signatures'
import t from 'tap'
import type { Credentials } from '../../src/contract/adapter.ts'
import type { Principal } from '../../src/contract/envelope.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Authenticator } from '../../src/contract/policy.ts'
import { Secret } from '../../src/contract/secret.ts'
import { attributesOf, peer, silentLog } from '../../test/support/odd-envelopes.ts'
import { tablesFor } from '../../test/support/table-rig.ts'
import type { SignatureConfig } from './config.ts'
import { authSignature } from './index.ts'

type Pairs = [string, string][]

const secret = 'a shared secret of some length, canary-7'
const defaults: SignatureConfig = {
  components: ['@method', '@path', 'content-digest'], windowMs: 300_000, skewMs: 30_000, rememberedCountMax: 1_000,
  bodyBytesMax: 1_000
}
const credential = (name: string, signature: object): object => ({ name, groups: [], credentials: [{ signature }] })
const anna = { keyId: 'anna-1', secret: new Secret(secret) }
const bob = { keyId: 'bob-1', secret: new Secret('base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=') }

const annaAndBob = [credential('anna', anna), credential('bob', bob)]

function authenticator (settings: Partial<SignatureConfig> = {}, principals: object[] = annaAndBob): Authenticator {
  const config = { ...defaults, ...settings }
  const tables = tablesFor(authSignature.tables?.(config as never) ?? [])
  return authSignature.create({ config, principals: principals as never, tables, log: silentLog })
}

const sha256 = (body: string): string => `sha-256=:${createHash('sha256').update(body).digest('base64')}:`

interface Request {
  fields: string[]
  body: string
  params: string[]
  keyid: string
  createdMs: number
  expiresMs: number
  digest: string
  key: ReturnType<typeof createSigner>
  headers: Record<string, string>
}

/** What the library makes of a request, as attributes. */
async function signed (parts: Partial<Request> = {}): Promise<Pairs> {
  const body = parts.body ?? '{"a":1}'
  const request = {
    method: 'POST', url: 'https://events.example.org/v1/events/a?x=1&y=%C3%A4',
    headers: { 'host': 'events.example.org', 'content-digest': parts.digest ?? sha256(body), ...parts.headers }
  }
  const { headers } = await httpbis.signMessage({
    key: parts.key ?? createSigner(Buffer.from(secret), 'hmac-sha256'),
    fields: parts.fields ?? ['@method', '@path', 'content-digest'],
    params: parts.params ?? ['created', 'keyid'],
    paramValues: {
      keyid: parts.keyid ?? 'anna-1', created: new Date(parts.createdMs ?? Date.now()),
      expires: new Date(parts.expiresMs ?? Date.now() + 60_000), nonce: 'n-1', tag: 'here'
    }
  }, request)
  const pairs = Object.entries(headers).map(([name, value]): [string, string] => [name.toLowerCase(), String(value)])
  return [[':method', 'POST'], [':path', '/v1/events/a?x=1&y=%C3%A4'], ...pairs]
}

function show (pairs: Pairs, body: string | Refusal = '{"a":1}'): Credentials & { asked: number[] } {
  const asked: number[] = []
  return {
    asked, attributes: attributesOf(pairs), argument: () => undefined,
    body: async bytesMax => {
      asked.push(bytesMax)
      return isRefusal(body) ? body : Buffer.from(body)
    }
  }
}

const changed = (pairs: Pairs, name: string, change: (value: string) => string): Pairs =>
  pairs.map(([one, value]) => [one, one === name ? change(value) : value])

type Answer = Principal | Refusal | undefined

async function answer (credentials: Credentials, config?: Partial<SignatureConfig>): Promise<Answer> {
  return authenticator(config).authenticate(credentials, peer)
}

t.test('a request that another library signed is let in, and its body is read for the digest', async t => {
  const credentials = show(await signed())
  t.match(await answer(credentials), { name: 'anna', anonymous: false })
  t.same(credentials.asked, [1_000])
})

t.test('whoever shows no signature is left to the next authenticator', async t => {
  t.equal(authenticator().authenticate(show([['authorization', 'x'], ['content-digest', sha256('')]]), peer), undefined)
})

t.test('every component that a request has can be covered', async t => {
  const fields = ['@method', '@path', '@query', '@authority', '@request-target', '@scheme', '@target-uri', 'host',
    '@query-param;name="x"', '@query-param;name="y"', 'content-digest']
  const params = ['created', 'expires', 'nonce', 'alg', 'keyid', 'tag']
  const credentials = show(await signed({ fields, params }))
  t.match(await answer(credentials, { origin: 'https://events.example.org' }), { name: 'anna' })
  const unknownOrigin = await answer(show(await signed({ fields, params })))
  t.match(unknownOrigin, { code: 'unauthenticated', detail: /"@scheme" is not in the request, or cannot be checked/ })
})

t.test('each algorithm signs with its own keys', async t => {
  const pairs = [
    ['ed25519', generateKeyPairSync('ed25519')],
    ['ecdsa-p256-sha256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['rsa-v1_5-sha256', generateKeyPairSync('rsa', { modulusLength: 2048 })]
  ] as const
  for (const [algorithm, { publicKey, privateKey }] of pairs) {
    const publicText = publicKey.export({ type: 'spki', format: 'pem' })
    const signer = createSigner(privateKey.export({ type: 'pkcs8', format: 'pem' }), algorithm)
    const one = authenticator({}, [credential('carl', { keyId: 'carl-1', algorithm, publicKey: publicText })])
    const credentials = show(await signed({ key: signer, keyid: 'carl-1', params: ['created', 'keyid', 'alg'] }))
    t.match(await one.authenticate(credentials, peer), { name: 'carl' }, algorithm)
    for (const [other] of pairs.filter(([name]) => name !== algorithm)) {
      t.throws(() => authenticator({}, [credential('x', { keyId: 'x', algorithm: other, publicKey: publicText })]),
        /is no key for/, `${algorithm} is not ${other}`)
    }
  }
})

t.test('the text of a public key is no shared secret: the algorithm comes from the key', async t => {
  const { publicKey } = generateKeyPairSync('ed25519')
  const publicText = publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const one = authenticator({}, [credential('carl', { keyId: 'carl-1', algorithm: 'ed25519', publicKey: publicText })])
  const key = createSigner(Buffer.from(publicText), 'hmac-sha256')
  for (const params of [['created', 'keyid'], ['created', 'keyid', 'alg']]) {
    t.match(await one.authenticate(show(await signed({ key, keyid: 'carl-1', params })), peer), { code: 'unauthenticated' })
  }
})

t.test('nothing that is covered can be changed, nothing that is not must be right', async t => {
  const pairs = await signed()
  for (const [name, value] of [[':method', 'PUT'], [':path', '/v1/events/b'], ['content-digest', sha256('other')]] as const) {
    const credentials = show(changed(pairs, name, () => value))
    t.match(await answer(credentials), { code: 'unauthenticated', detail: /does not match/ }, name)
    t.same(credentials.asked, [], 'and no byte of the body is read')
  }
  t.match(await answer(show(changed(pairs, 'host', () => 'elsewhere'))), { name: 'anna' })
})

t.test('another body than the one that was signed is refused', async t => {
  t.match(await answer(show(await signed(), '{"a":2}')), { code: 'unauthenticated', detail: /not the one/ })
  const both = `sha-512=:${createHash('sha512').update('{"a":1}').digest('base64')}:, ${sha256('{"a":1}')}`
  t.match(await answer(show(await signed({ digest: both }))), { name: 'anna' })
  const oneWrong = `sha-512=:${createHash('sha512').update('x').digest('base64')}:, ${sha256('{"a":1}')}`
  t.match(await answer(show(await signed({ digest: oneWrong }))), { code: 'unauthenticated' })
  for (const digest of ['md5=:AAAA:', 'sha-256=1', 'sha-256', '::', '']) {
    t.match(await answer(show(await signed({ digest }))), { code: 'unauthenticated', detail: /Content-Digest must hold/ }, digest)
  }
})

t.test('a refusal to read the body is passed on', async t => {
  const tooLarge = refuse('too-large', 'the body is above 1000 bytes')
  t.equal(await answer(show(await signed(), tooLarge)), tooLarge)
  const { body: _body, ...bodiless } = show(await signed())
  t.match(await answer(bodiless), { code: 'unauthenticated', detail: /no body/ })
})

t.test('without content-digest among the components the body is nobody\'s affair, and not read', async t => {
  const credentials = show(await signed({ fields: ['@method'] }))
  t.match(await answer(credentials, { components: ['@method'] }), { name: 'anna' })
  t.same(credentials.asked, [])
})

t.test('what must be covered must be covered whole', async t => {
  t.match(await answer(show(await signed({ fields: ['@method', 'content-digest'] }))), { detail: /must cover @path too/ })
  const partly = await signed({ fields: ['@method', '@path', 'content-digest;key="sha-256"'] })
  t.match(await answer(show(partly)), { detail: /must cover content-digest too/ })
  const twice = changed(await signed(), 'signature-input', text => text.replace('"@method"', '"@method" "@method"'))
  t.match(await answer(show(twice)), { detail: /covered twice/ })
  const missing = changed(await signed(), 'signature-input', text => text.replace('"@method"', '"@method" "x-none"'))
  t.match(await answer(show(missing)), { detail: /"x-none" is not in the request/ })
  const query = await signed({ fields: ['@method', '@path', 'content-digest', '@query-param;name="x"'] })
  t.match(await answer(show(changed(query, ':path', path => `${path}&x=1`))), { detail: /"@query-param";name="x" is not/ })
})

t.test('a signature holds from its creation on, for as long as the window and the clocks allow', async t => {
  const nowMs = Date.now()
  const ages: [createdMs: number, detail: RegExp | undefined][] = [
    [nowMs - 320_000, undefined], [nowMs - 335_000, /too old/], [nowMs + 20_000, undefined],
    [nowMs + 40_000, /in the future/]
  ]
  for (const [createdMs, detail] of ages) {
    const given = await answer(show(await signed({ createdMs })))
    t.match(given, detail === undefined ? { name: 'anna' } : { code: 'unauthenticated', detail })
  }
  const params = ['created', 'expires', 'keyid']
  t.match(await answer(show(await signed({ params, expiresMs: nowMs - 10_000 }))), { name: 'anna' })
  t.match(await answer(show(await signed({ params, expiresMs: nowMs - 40_000 }))), { detail: /has expired/ })
  t.match(await answer(show(await signed({ params: ['keyid'] }))), { detail: /must say when/ })
})

const underWay = { code: 'unverifiable', retryAfterMs: 1_000, detail: /under way/ }
const takenAlready = { code: 'unauthenticated', proven: true, detail: /taken already/ }

t.test('a signature is taken once, however it is dressed', async t => {
  const one = authenticator()
  const pairs = await signed()
  const relabelled = pairs.map(([name, value]): [string, string] =>
    [name, name.startsWith('signature') ? value.replace(/^sig=/, 'other=') : value])
  const first = await one.authenticate(show(pairs), peer) as Principal
  t.equal(first.name, 'anna')
  for (const copy of [pairs, relabelled]) t.match(await one.authenticate(show(copy), peer), underWay)
  first.singleUse?.useUp()
  for (const copy of [pairs, relabelled]) t.match(await one.authenticate(show(copy), peer), takenAlready)
  t.match(await one.authenticate(show(await signed({ params: ['created', 'keyid', 'nonce'] })), peer), { name: 'anna' })
})

t.test('a signature of which nothing was written can be shown again, one that was written cannot', async t => {
  const one = authenticator()
  const pairs = await signed()
  const first = await one.authenticate(show(pairs), peer) as Principal
  t.match(await one.authenticate(show(pairs), peer), underWay)
  first.singleUse?.giveBack()
  const second = await one.authenticate(show(pairs), peer) as Principal
  t.equal(second.name, 'anna')
  second.singleUse?.useUp()
  second.singleUse?.giveBack()
  t.match(await one.authenticate(show(pairs), peer), takenAlready)
})

t.test('a signature that one worker has taken is known to the others', async t => {
  const tables = tablesFor(authSignature.tables?.(defaults as never) ?? [])
  const [one, other] = [1, 2].map(() =>
    authSignature.create({ config: defaults, principals: annaAndBob as never, tables, log: silentLog }))
  const pairs = await signed()
  const first = await one?.authenticate(show(pairs), peer) as Principal
  t.match(await other?.authenticate(show(pairs), peer), underWay)
  first.singleUse?.useUp()
  t.match(await other?.authenticate(show(pairs), peer), takenAlready)
})

t.test('two copies that are read at the same time do not both get in', async t => {
  const one = authenticator()
  const pairs = await signed()
  const answers = await Promise.all([1, 2, 3].map(() => one.authenticate(show(pairs), peer)))
  t.equal(answers.filter(isRefusal).length, 2)
})

t.test('a request whose body is wrong does not use its signature up', async t => {
  const one = authenticator()
  const pairs = await signed()
  t.match(await one.authenticate(show(pairs, 'other'), peer), { code: 'unauthenticated' })
  t.match(await one.authenticate(show(pairs), peer), { name: 'anna' })
})

t.test('a key that is not known and a wrong signature are told in the same words, without the secret', async t => {
  const unknown = await answer(show(await signed({ keyid: 'nobody' })))
  const wrong = await answer(show(await signed({ key: createSigner(Buffer.from('other'), 'hmac-sha256') })))
  t.same(unknown, wrong)
  t.notMatch(JSON.stringify(wrong), /canary-7|anna/)
})

t.test('signatures of others may stand beside one by a known key, two by known keys may not', async t => {
  const mine = await signed()
  const beside = (other: Pairs): Pairs => mine.map(([name, value]) => {
    const more = other.find(([one]) => one === name)?.[1].replace(/^sig=/, 'proxy=')
    return [name, name.startsWith('signature') ? `${value}, ${more}` : value]
  })
  t.match(await answer(show(beside(await signed({ keyid: 'a-proxy' })))), { name: 'anna' })
  t.match(await answer(show(beside(await signed({ keyid: 'bob-1' })))), { detail: /two signatures/ })
})

t.test('headers that are no structured fields are refused, however odd', async t => {
  const pairs = await signed()
  const odd = ['', '(', 'sig', 'sig=1', 'sig=("@method"', 'sig=();created=now;keyid="anna-1"', '\u00e4=()',
    `${'a=(),'.repeat(999)}b=()`, Array.from({ length: 999 }, (_, i) => `a${i}=()`).join(),
    'sig=();created=1.5;keyid="anna-1"', 'sig=(1 2);keyid="anna-1";created=1', 'sig=();keyid=anna-1']
  for (const text of odd) {
    t.match(await answer(show(changed(pairs, 'signature-input', () => text))), { code: 'unauthenticated' }, text.slice(0, 40))
    t.match(await answer(show(changed(pairs, 'signature', () => text))), { code: 'unauthenticated' }, text.slice(0, 40))
  }
  for (const absent of ['signature', 'signature-input']) {
    t.match(await answer(show(pairs.filter(([name]) => name !== absent))), { code: 'unauthenticated' }, absent)
  }
})

t.test('what cannot work is told at once', async t => {
  const two = [credential('a', anna), credential('b', anna)]
  t.throws(() => authenticator({}, two), /the key id "anna-1" is that of another key/)
  const noKey = [credential('a', { keyId: 'k', algorithm: 'ed25519', publicKey: 'no key' })]
  t.throws(() => authenticator({}, noKey), /"k" is not a key in PEM/)
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
  const weak = publicKey.export({ type: 'spki', format: 'pem' })
  t.throws(() => authenticator({}, [credential('a', { keyId: 'k', algorithm: 'rsa-pss-sha512', publicKey: weak })]), /is no key for/)
})
