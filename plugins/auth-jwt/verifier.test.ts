// Tests of checking tokens: what passes, and the known ways to have a wrong token taken for a right one.

import { createHmac, createPublicKey } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { CompactEncrypt, GeneralSign } from 'jose'
import t from 'tap'
import type { Log } from '../../src/contract/adapter.ts'
import { isRefusal } from '../../src/contract/outcome.ts'
import type { Principal } from '../../src/contract/envelope.ts'
import { Secret } from '../../src/contract/secret.ts'
import { attributesOf, peer, silentLog } from '../../test/support/odd-envelopes.ts'
import { makeKey, part, sign } from '../../test/support/token-issuer.ts'
import type { SigningKey } from '../../test/support/token-issuer.ts'
import type { IssuerConfig, JwtConfig } from './config.ts'
import { readKeys } from './configured-keys.ts'
import { createJwtAuthenticator } from './index.ts'
import { configuredKeys } from './issuer-keys.ts'
import { createVerifier } from './verifier.ts'

const wallMs = 1_790_000_000_000
const nowSeconds = wallMs / 1_000
const issuer = 'https://id.example.com'
const good = { iss: issuer, aud: 'sluice', sub: 'anna', exp: nowSeconds + 600, iat: nowSeconds }
const rsa = await makeKey('RS256', 'rsa-1')
const ec = await makeKey('ES256', 'ec-1')
const ed = await makeKey('EdDSA', 'ed-1')
const stranger = await makeKey('RS256', 'rsa-1')
const hidden = 's'.repeat(64)

const own: IssuerConfig = {
  issuer, audiences: ['sluice', 'sluice-test'], algorithms: ['RS256', 'ES256', 'EdDSA'],
  keys: [rsa.pem, JSON.stringify(ec.jwk), JSON.stringify({ keys: [ed.jwk] })],
  principalClaim: 'sub', principalPrefix: '', attributeClaims: {}, knownOnly: false, clockSkewMs: 60_000
}

function settings (more: Partial<IssuerConfig>): JwtConfig {
  return {
    issuers: [{ ...own, ...more }], rememberMs: 60_000, rememberedCountMax: 100, keysRefreshMs: 600_000,
    keysStaleMs: 86_400_000, keysFetchGapMs: 30_000, fetchTimeoutMs: 5_000
  }
}

/** What the whole policy makes of a line of credentials: a name, a refusal's code, or nothing. */
async function answerTo (line: string, more: Partial<IssuerConfig> = {}): Promise<string | undefined> {
  const clock = { nowMs: () => 0, wallMs: () => wallMs }
  const setup = { config: settings(more), principals: [], tables: [], log: silentLog }
  const attributes = attributesOf([['authorization', line]])
  const { authenticate } = createJwtAuthenticator(setup, clock)
  const answer = await authenticate({ attributes, argument: () => undefined }, peer)
  return answer === undefined || isRefusal(answer) ? answer?.code : (answer satisfies Principal).name
}

const bearer = async (claims: object, key: SigningKey = rsa, header: Record<string, unknown> = {}): Promise<string> =>
  `Bearer ${await sign(key, claims as Record<string, unknown>, header)}`
const without = (name: keyof typeof good): object =>
  Object.fromEntries(Object.entries(good).filter(([key]) => key !== name))
const hmacOf = (text: string, key: string | Buffer): string => createHmac('sha256', key).update(text).digest('base64url')

t.test('tokens with a right signature, issuer, audience and time are taken', async t => {
  const cases: [string, string][] = [
    ['RSA', await bearer(good)], ['elliptic curve', await bearer(good, ec)], ['Ed25519', await bearer(good, ed)],
    ['several audiences', await bearer({ ...good, aud: ['other', 'sluice-test'] })],
    ['expired within the skew', await bearer({ ...good, exp: nowSeconds - 59 })],
    ['not before within the skew', await bearer({ ...good, nbf: nowSeconds + 59 })],
    ['issued within the skew', await bearer({ ...good, iat: nowSeconds + 59 })],
    ['without iat', await bearer(without('iat'))], ['a time with a fraction', await bearer({ ...good, exp: nowSeconds + 0.5 })],
    ['an id of a key that PEM does not name', await bearer(good, rsa, { kid: 'another' })],
    ['without an id', await bearer(good, rsa, { kid: undefined })],
    ['with a type', await bearer(good, rsa, { typ: 'at+jwt' })],
    ['a scheme in small letters', (await bearer(good)).replace('Bearer', 'bearer')]
  ]
  for (const [what, line] of cases) t.equal(await answerTo(line), 'anna', what)
  t.equal(await answerTo(await bearer(good, rsa, { typ: 'at+jwt' }), { tokenType: 'at+jwt' }), 'anna')
  const both = { keys: [stranger.pem, rsa.pem] }
  t.equal(await answerTo(await bearer(good), both), 'anna', 'the second of two keys without ids')
  t.equal(await answerTo(await bearer(good, stranger), both), 'anna', 'the first of them')
})

t.test('claims that do not hold are refused', async t => {
  const far = { ...good, exp: nowSeconds + 1e6 }
  const cases: [string, object][] = [
    ['expired', { ...good, exp: nowSeconds - 60 }], ['expired long ago', { ...good, exp: 0 }],
    ['negative end', { ...good, exp: -nowSeconds }], ['no end', without('exp')], ['end as text', { ...good, exp: String(good.exp) }],
    ['end is null', { ...good, exp: null }], ['end is true', { ...good, exp: true }], ['end is a list', { ...good, exp: [good.exp] }],
    ['end is an object', { ...good, exp: {} }],
    ['not yet', { ...far, nbf: nowSeconds + 61 }], ['not before as text', { ...far, nbf: String(nowSeconds) }],
    ['issued in the future', { ...far, iat: nowSeconds + 61 }], ['issued as text', { ...far, iat: 'now' }],
    ['no audience', without('aud')], ['another audience', { ...good, aud: 'kafka' }], ['other audiences', { ...good, aud: ['a', 'b'] }],
    ['an empty list of audiences', { ...good, aud: [] }], ['a longer audience', { ...good, aud: 'sluice2' }],
    ['an audience in capitals', { ...good, aud: 'SLUICE' }], ['an audience inside a list', { ...good, aud: [['sluice']] }],
    ['an audience as object', { ...good, aud: { sluice: true } }], ['audiences in one text', { ...good, aud: 'sluice other' }],
    ['no issuer', without('iss')], ['another issuer', { ...good, iss: 'https://id.example.org' }],
    ['an issuer with a slash', { ...good, iss: `${issuer}/` }], ['a list of issuers', { ...good, iss: [issuer] }],
    ['an issuer of odd case', { ...good, iss: issuer.toUpperCase() }],
    ['no subject', without('sub')], ['an empty subject', { ...good, sub: '' }], ['a subject that is a number', { ...good, sub: 7 }],
    ['a subject of two lines', { ...good, sub: 'anna\nadmin' }]
  ]
  for (const [what, claims] of cases) t.equal(await answerTo(await bearer(claims)), 'unauthenticated', what)
  t.equal(await answerTo(await bearer(good), { tokenType: 'at+jwt' }), 'unauthenticated', 'no type where one is asked for')
  t.equal(await answerTo(await bearer(good, rsa, { typ: 'JWT' }), { tokenType: 'at+jwt' }), 'unauthenticated', 'another type')
})

t.test('only a right signature learns what else is wrong', async t => {
  const { verify } = { verify: createVerifier(own, configuredKeys(readKeys(own.keys ?? [])), silentLog) }
  const told = async (key: SigningKey, claims: object): Promise<string> => {
    const answer = await verify((await bearer(claims, key)).slice(7), wallMs)
    return isRefusal(answer) ? answer.detail : 'none'
  }
  t.match(await told(rsa, { ...good, exp: 1 }), /expired/)
  t.match(await told(rsa, { ...good, nbf: 1e12 }), /not valid yet/)
  t.match(await told(rsa, { ...good, aud: 'x' }), /somebody else/)
  for (const claims of [good, { ...good, exp: 1 }, { ...good, nbf: 1e12 }, { ...good, aud: 'x' }]) {
    t.match(await told(stranger, claims), /not valid here/)
  }
})

t.test('headers and signatures that are made up are refused', async t => {
  const [head = '', body = '', signature = ''] = (await sign(rsa, good)).split('.')
  const headed = (header: object, tail = signature): string => `${part(header)}.${body}.${tail}`
  const spki = createPublicKey(rsa.pem).export({ type: 'spki', format: 'der' })
  const confused = (key: string | Buffer): string => {
    const start = `${part({ alg: 'HS256', kid: 'rsa-1', typ: 'JWT' })}.${body}`
    return `${start}.${hmacOf(start, key)}`
  }
  const withHeader = async (header: Record<string, unknown>): Promise<string> => await sign(stranger, good, header)
  const cases: [string, string][] = [
    ['unsigned', headed({ alg: 'none' }, '')], ['unsigned, with a signature', headed({ alg: 'none' })],
    ['unsigned in odd case', headed({ alg: 'nOnE' }, '')], ['unsigned, empty algorithm', headed({ alg: '' }, '')],
    ['no algorithm', headed({ kid: 'rsa-1' })], ['a list of algorithms', headed({ alg: ['RS256'] })],
    ['the public key as secret (PEM)', confused(rsa.pem)], ['the same without its end', confused(rsa.pem.trim())],
    ['the public key as secret (DER)', confused(spki)], ['the modulus as secret', confused(String(rsa.jwk.n))],
    ['the key set as secret', confused(JSON.stringify(rsa.jwk))], ['an empty secret', confused('')],
    ['an algorithm that is not allowed', await sign({ ...rsa, alg: 'PS256' }, good).catch(() => headed({ alg: 'PS256' }))],
    ['another algorithm in the header', headed({ alg: 'ES256' })], ['a key of another kind', headed({ alg: 'EdDSA', kid: 'rsa-1' })],
    ['a stranger\'s key', await withHeader({})], ['a key that it brings along', await withHeader({ jwk: stranger.jwk })],
    ['an address of keys', await withHeader({ jku: 'https://evil.example/keys' })],
    ['an address of certificates', await withHeader({ x5u: 'https://evil.example/chain' })],
    ['a certificate that it brings along', await withHeader({ x5c: [part(spki)] })],
    ['an id that is a path', await withHeader({ kid: '../../../../dev/null' })],
    ['an id that is a query', await withHeader({ kid: "x' UNION SELECT 'key" })],
    ['an id that is a prototype', await withHeader({ kid: '__proto__' })],
    ['an id that is no text', headed({ alg: 'RS256', kid: 7 })], ['an id of 10,000 characters', await withHeader({ kid: 'k'.repeat(8_000) })],
    ['an extension that must be known', headed({ alg: 'RS256', crit: ['exp'], exp: 1 })],
    ['an empty list of extensions', headed({ alg: 'RS256', crit: [] })],
    ['a payload that is not encoded', headed({ alg: 'RS256', b64: false, crit: ['b64'] })],
    ['no signature', `${head}.${body}.`], ['half a signature', `${head}.${body}.${signature.slice(0, 170)}`],
    ['a changed signature', `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`],
    ['a changed payload', `${head}.${part({ ...good, sub: 'admin' })}.${signature}`],
    ['a changed header', `${part({ alg: 'RS256', kid: 'rsa-1', typ: 'x' })}.${body}.${signature}`],
    ['an ECDSA signature of zeros', `${part({ alg: 'ES256', kid: 'ec-1' })}.${body}.${part(Buffer.alloc(64))}`],
    ['an ECDSA signature of nothing', `${part({ alg: 'ES256', kid: 'ec-1' })}.${body}.${part(Buffer.alloc(0))}`],
    ['an ECDSA signature as DER', `${part({ alg: 'ES256' })}.${body}.${part(Buffer.from('3006020101020101', 'hex'))}`],
    ['a payload that is no object', `${head}.${part('[]')}.${signature}`], ['a payload that is no JSON', `${head}.${part('{')}.${signature}`],
    ['an empty payload', `${head}..${signature}`], ['a header that is no JSON', `${part('{')}.${body}.${signature}`],
    ['a header that is null', `${part('null')}.${body}.${signature}`],
    ['64 KiB', await sign(rsa, { ...good, more: 'x'.repeat(65_536) })]
  ]
  for (const [what, token] of cases) t.equal(await answerTo(`Bearer ${token}`), 'unauthenticated', what)
})

t.test('what has not the form of a signed token is left to the next authenticator', async t => {
  const token = await sign(rsa, good)
  const [head = '', body = '', signature = ''] = token.split('.')
  const payload = Buffer.from(JSON.stringify(good))
  const encrypt = (bytes: Buffer, header: object): Promise<string> => new CompactEncrypt(bytes)
    .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', ...header }).encrypt(new Uint8Array(32))
  const general = await new GeneralSign(payload)
    .addSignature(rsa.privateKey).setProtectedHeader({ alg: 'RS256' })
    .addSignature(stranger.privateKey).setProtectedHeader({ alg: 'RS256' }).sign()
  const cases: [string, string][] = [
    ['nothing', ''], ['opaque', 'f3b1c2'], ['encrypted', await encrypt(payload, {})],
    ['encrypted, small', await encrypt(deflateRawSync(payload), { cty: 'JWT' })],
    ['two signatures', JSON.stringify(general)],
    ['one signature as JSON', JSON.stringify({ protected: head, payload: body, signature })],
    ['a space behind', `${token} `], ['a line feed', `${token}\n`], ['a tab', `\t${token}`],
    ['spaces inside', `${head}. ${body}.${signature}`], ['a fourth part', `${token}.`], ['two parts', `${head}.${body}`],
    ['padding', `${head}.${body}.${signature}==`], ['the plain alphabet', `${head}.${body}.+/${signature.slice(2)}`],
    ['two tokens', `${token}, Bearer ${token}`], ['quotes', `"${token}"`], ['NUL', `${token}\u0000`], ['wide dots', token.replaceAll('.', '\uff0e')]
  ]
  for (const [what, shown] of cases) t.equal(await answerTo(`Bearer ${shown}`), undefined, what)
  t.equal(await answerTo(`Basic ${token}`), undefined)
})

t.test('a shared secret signs only where the config says so', async t => {
  const start = `${part({ alg: 'HS256' })}.${part(good)}`
  const line = (key: string): string => `Bearer ${start}.${hmacOf(start, key)}`
  const shared: Partial<IssuerConfig> = { algorithms: ['HS256'], secret: new Secret(hidden), keys: undefined } as never
  t.equal(await answerTo(line(hidden), shared), 'anna')
  for (const wrong of ['', 's', hidden.slice(1), rsa.pem]) t.equal(await answerTo(line(wrong), shared), 'unauthenticated')
  t.equal(await answerTo(await bearer(good), shared), 'unauthenticated', 'signed by a key')
})

t.test('a secret that has become too short is told to the operator once, and nobody is called wrong for it', async t => {
  const told: string[] = []
  const log: Log = { ...silentLog, error: (_fields, message) => { told.push(message) } }
  let text = 'canary-7'
  const secret = new Secret('', () => text)
  const { keys: _keys, ...keyless } = own
  const verify = createVerifier({ ...keyless, algorithms: ['HS256'], secret }, undefined, log)
  const start = `${part({ alg: 'HS256' })}.${part(good)}`
  const answer = async (): Promise<unknown> => await verify(`${start}.${hmacOf(start, text)}`, wallMs)
  for (let count = 0; count < 3; count++) {
    t.match(await answer(), { code: 'unverifiable', outcome: 'refused', detail: /tell the operator/ })
  }
  t.equal(told.length, 1)
  t.match(told[0], /the secret of the issuer .* has 8 bytes, and HS256 need 32 at least/)
  t.notMatch(told[0], /canary/)
  text = 'x'.repeat(32)
  t.match(await answer(), { claims: { sub: 'anna' } })
})

t.test('algorithms and keys that do not go together are told at once', async t => {
  const shared = new Secret(hidden)
  for (const [more, words] of [
    [{ algorithms: ['RS256', 'HS256'] }, /has no secret: its algorithms can only be of RS256/],
    [{ keys: undefined, secret: shared }, /has a secret: its algorithms can only be of HS256/],
    [{ keys: undefined, secret: shared, algorithms: ['HS256', 'RS256'] }, /has a secret/],
    [{ secret: shared, algorithms: ['HS256'] }, /only one of secret, keys and jwksUrl/],
    [{ jwksUrl: 'https://id.example.com/keys' }, /only one of secret, keys and jwksUrl/]
  ] as const) await t.rejects(answerTo('', more as never), words)
})
