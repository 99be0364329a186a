// Tests of fetching keys: discovery, and answers that are wrong, too long, too slow or from somewhere else.

import { generateKeyPairSync } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { json, makeKey, startIssuerDouble } from '../../test/support/token-issuer.ts'
import type { Answer, IssuerDouble } from '../../test/support/token-issuer.ts'
import { keysOf } from './fetch-keys.ts'

const key = await makeKey('RS256', 'k1')
const signal = new AbortController().signal

async function double (t: Test, answer: Answer): Promise<IssuerDouble> {
  const started = await startIssuerDouble(answer)
  t.teardown(() => started.stop())
  return started
}

async function keysFrom (t: Test, answer: Answer): Promise<unknown> {
  const { url } = await double(t, answer)
  return await keysOf({ issuer: url, jwksUrl: `${url}/keys`, timeoutMs: 5_000 })(signal)
}

t.test('discovery leads from the issuer to its keys', async t => {
  const issuer = await double(t, json({}))
  const found: string[] = []
  for (const path of ['', '/realms/one', '/']) {
    issuer.asked.length = 0
    issuer.answer = (request, response) => {
      const body = request.url === '/keys' ? { keys: [key.jwk] } : { issuer: issuer.url + path, jwks_uri: `${issuer.url}/keys` }
      json(body)(request, response)
    }
    const keys = await keysOf({ issuer: issuer.url + path, jwksUrl: undefined, timeoutMs: 5_000 })(signal)
    t.same(keys, { keys: [key.jwk] })
    found.push(...issuer.asked)
  }
  t.same(found, ['/.well-known/openid-configuration', '/keys', '/realms/one/.well-known/openid-configuration', '/keys',
    '/.well-known/openid-configuration', '/keys'])
})

t.test('a discovery document of somebody else, or one that leads astray, is not followed', async t => {
  for (const [more, words] of [
    [{ issuer: 'https://evil.example' }, /another issuer/], [{ jwks_uri: undefined }, /no jwks_uri/],
    [{ jwks_uri: 'http://evil.example/keys' }, /encrypted address/], [{ jwks_uri: 'file:///etc/passwd' }, /encrypted address/],
    [{ jwks_uri: ['x'] }, /no jwks_uri/]
  ] as const) {
    const issuer = await double(t, json({}))
    issuer.answer = json({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys`, ...more })
    await t.rejects(keysOf({ issuer: issuer.url, jwksUrl: undefined, timeoutMs: 5_000 })(signal), words)
    t.equal(issuer.asked.length, 1)
  }
})

t.test('of a set only public keys for signatures count, and of them only what is public', async t => {
  const short = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' })
  const odd = [
    { kty: 'oct', k: 'c2VjcmV0' }, { ...key.jwk, kid: 'enc', use: 'enc' }, null, 7, 'x', [], {}, short, { kty: 'RSA', n: 7 }
  ]
  t.same(await keysFrom(t, json({ keys: [...odd, { ...key.jwk, d: 'private', x5c: ['x'], x5u: 'https://evil.example' }] })),
    { keys: [key.jwk] })
})

t.test('an answer that is no set of keys is told without repeating it', async t => {
  const cases: [Answer, RegExp][] = [
    [json({ keys: [key.jwk] }, 500), /it answered that it cannot/], [json({ keys: [key.jwk] }, 404), /it answered/],
    [json({ keys: [] }), /without any public key/], [json({ keys: 'canary' }), /without any public key/], [json({}), /without any/],
    [json({ keys: [{ kty: 'oct', k: 'canary' }] }), /without any/],
    [json({ keys: Array.from({ length: 101 }, () => key.jwk) }), /more than 100 keys/],
    [json([key.jwk]), /no JSON object/], [json(null), /no JSON object/], [json('canary'), /no JSON object/],
    [(_request, response) => { response.end('<html>canary</html>') }, /no JSON object/],
    [(_request, response) => { response.end() }, /no JSON object/],
    [(_request, response) => { response.end(Buffer.from([0xff, 0xfe])) }, /no text/],
    [(_request, response) => { response.socket?.destroy() }, /no keys from/],
    [(_request, response) => { response.writeHead(302, { location: '/other' }).end() }, /redirect/],
    [(_request, response) => { response.writeHead(301, { location: 'http://evil.example/' }).end() }, /redirect/]
  ]
  for (const [answer, words] of cases) {
    const error = await keysFrom(t, answer).catch((one: unknown) => one)
    t.match(error, { message: words }, String(words))
    t.notMatch(String(error), 'canary')
  }
})

t.test('an answer without an end is cut off', async t => {
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  await t.rejects(keysFrom(t, (_request, response) => {
    response.on('close', resolve)
    const more = (): void => { while (!response.destroyed && response.write('x'.repeat(10_000))); }
    response.on('drain', more)
    more()
  }), /above 262144 bytes/)
  await closed
})

t.test('an issuer that does not answer is left, in time or when the gateway stops', async t => {
  const { url } = await double(t, () => {})
  await t.rejects(keysOf({ issuer: url, jwksUrl: url, timeoutMs: 100 })(signal), /timeout/)
  const ending = new AbortController()
  const asked = keysOf({ issuer: url, jwksUrl: url, timeoutMs: 60_000 })(ending.signal)
  ending.abort()
  await t.rejects(asked, /abort/)
})
