// Signed requests and webhooks at a gateway of two workers, signed by another library or as providers document it.

import { createHash, createHmac, generateKeyPairSync, randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { createSigner, httpbis } from 'http-message-signatures'
import t from 'tap'
import type { Test } from 'tap'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { metricOf } from '../support/metrics.ts'
import { until } from '../support/until.ts'

const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const publicText = publicKey.export({ type: 'spki', format: 'pem' }).toString()
const secrets = {
  FACTORY_SECRET: randomBytes(32).toString('hex'),
  STANDARD_SECRET: `whsec_${randomBytes(24).toString('base64')}`,
  GITHUB_SECRET: randomBytes(16).toString('hex'),
  STRIPE_SECRET: `whsec_${randomBytes(16).toString('hex')}`,
  STRIPE_BEFORE: `whsec_${randomBytes(16).toString('hex')}`
}
const apiKey = randomBytes(24).toString('base64url')

const config = `
sink: journal
journal: { dir: journal }
workers: 2
listeners:
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
principals:
  - name: factory
    credentials:
      - signature: { keyId: factory-hmac, secret: "\${env:FACTORY_SECRET}" }
      - signature: { keyId: factory-ed, algorithm: ed25519, publicKey: ${JSON.stringify(publicText)} }
  - { name: sender, credentials: [ { webhook: { preset: standard-webhooks, secrets: [ "\${env:STANDARD_SECRET}" ] } } ] }
  - name: github
    credentials: [ { webhook: { preset: github, path: /v1/events/hooks, secrets: [ "\${env:GITHUB_SECRET}" ] } } ]
  - name: stripe
    credentials:
      - webhook: { preset: stripe, secrets: [ "\${env:STRIPE_SECRET}", "\${env:STRIPE_BEFORE}" ] }
  - { name: plain, credentials: [ { apiKey: "sha256:${createHash('sha256').update(apiKey).digest('hex')}" } ] }
authentication: [ auth-signature: {}, auth-webhook: {}, auth-api-key: {} ]
routes:
  - { name: orders, channel: orders, topic: orders, policies: [ { acl: { allow: [ "principal:factory" ] } } ] }
  - name: hooks
    channel: hooks
    topic: hooks
    policies: [ { acl: { allow: [ "principal:sender", "principal:github", "principal:stripe" ] } } ]
  - { name: open, channel: open, topic: open }
  - name: scarce
    channel: scarce
    topic: scarce
    policies: [ { rate-limit: { per: route, eventsPerSecondMax: 2, burstEventsMax: 1 } } ]
`

type Headers = Record<string, string>

const signers = {
  'factory-hmac': createSigner(Buffer.from(secrets.FACTORY_SECRET), 'hmac-sha256'),
  'factory-ed': createSigner(privateKey.export({ type: 'pkcs8', format: 'pem' }), 'ed25519')
}

async function sign (
  keyid: keyof typeof signers, path: string, body: string | Buffer, headers: Headers = {}
): Promise<Headers> {
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
  const signed = await httpbis.signMessage({
    key: signers[keyid], fields: ['@method', '@path', 'content-digest'], params: ['created', 'keyid', 'nonce'],
    paramValues: { keyid, nonce: randomBytes(9).toString('base64') }
  }, { method: 'POST', url: `http://gateway${path}`, headers: { ...headers, 'content-digest': digest } })
  return signed.headers as Headers
}

const hex = (secret: string, text: string): string => createHmac('sha256', secret).update(text).digest('hex')
const nowSeconds = (): number => Math.floor(Date.now() / 1_000)

/** What each provider sends for a body. */
const hooks = {
  'standard-webhooks': (body: string): Headers => {
    const id = `msg_${randomBytes(8).toString('hex')}`
    const seconds = nowSeconds()
    const key = Buffer.from(secrets.STANDARD_SECRET.slice('whsec_'.length), 'base64')
    const signature = createHmac('sha256', key).update(`${id}.${seconds}.${body}`).digest('base64')
    return { 'webhook-id': id, 'webhook-timestamp': String(seconds), 'webhook-signature': `v1,${signature}` }
  },
  'github': (body: string): Headers => ({ 'x-hub-signature-256': `sha256=${hex(secrets.GITHUB_SECRET, body)}` }),
  'stripe': (body: string): Headers => {
    const seconds = nowSeconds()
    return { 'stripe-signature': `t=${seconds},v1=${hex(secrets.STRIPE_BEFORE, `${seconds}.${body}`)}` }
  }
}

interface Answer { readonly status: number, readonly text: string }
type Post = (path: string, body: string | Buffer, headers: Headers) => Promise<Answer>

async function ordersArePosted (t: Test, post: Post): Promise<void> {
  const path = '/v1/events/orders'
  const json = { 'content-type': 'application/json' }
  for (const keyid of ['factory-hmac', 'factory-ed'] as const) {
    // Each on a connection of its own may come to either worker.
    for (let i = 0; i < 8; i++) {
      const body = JSON.stringify({ i, keyid })
      const answer = await post(path, body, { ...await sign(keyid, path, body, json), connection: 'close' })
      t.match(answer, { status: 200, text: /"outcome":"written"/ }, keyid)
    }
  }
  const signed = await sign('factory-ed', path, '{"a":1}', json)
  t.match(await post(path, '{"a":2}', signed), { status: 401, text: /not the one/ }, 'another body')
  t.match(await post('/v1/events/open', '{"a":1}', signed), { status: 401, text: /does not match/ }, 'another path')
  t.match(await post(path, '{"a":1}', {}), { status: 401, text: /sign the request over/ }, 'nothing shown')
  t.match(await post(path, '{"a":1}', { 'x-api-key': apiKey }), { status: 403 }, 'somebody else')
}

async function formatsArePosted (t: Test, post: Post): Promise<void> {
  const path = '/v1/events/orders'
  const lines = Array.from({ length: 3_000 }, (_, i) => `{"line":${i}}`).join('\n')
  const ndjson = { 'content-type': 'application/x-ndjson' }
  const plain = await post(path, lines, await sign('factory-hmac', path, lines, ndjson))
  t.equal(plain.text.split('"outcome":"written"').length, 3_001)
  const zipped = gzipSync(lines)
  const gzip = { ...ndjson, 'content-encoding': 'gzip' }
  const unzipped = await post(path, zipped, await sign('factory-ed', path, zipped, gzip))
  t.equal(unzipped.text.split('"outcome":"written"').length, 3_001)
  const large = 'x'.repeat(1_100_000)
  t.match(await post(path, large, await sign('factory-ed', path, large)), { status: 413 })
}

async function hooksAreCalled (t: Test, post: Post): Promise<void> {
  for (const [preset, headersOf] of Object.entries(hooks)) {
    for (let i = 0; i < 4; i++) {
      const body = JSON.stringify({ preset, i })
      const answer = await post('/v1/events/hooks', body, { ...headersOf(body), connection: 'close' })
      t.match(answer, { status: 200, text: /"outcome":"written"/ }, preset)
    }
    t.match(await post('/v1/events/hooks', '{}', headersOf('{"other":1}')), { status: 401, text: /does not match/ }, preset)
  }
  const body = '{"elsewhere":1}'
  t.match(await post('/v1/events/open', body, hooks.github(body)), { status: 401 }, 'github may call its own path only')
}

/** Sends the very same bytes again until they are taken, by whichever worker; resolves with every status on the way. */
async function sendUntilTaken (post: Post, path: string, body: string, headers: Headers): Promise<number[]> {
  const statuses: number[] = []
  await until(async () => {
    const { status } = await post(path, body, { ...headers, connection: 'close' })
    statuses.push(status)
    return status === 200
  }, { timeoutMs: 30_000, what: () => `answers ${statuses.join()}` })
  return statuses
}

/** Of one event that is refused by a limit, and one that is no JSON. */
async function refusedAreSentAgain (t: Test, post: Post): Promise<void> {
  const path = '/v1/events/scarce'
  const signedBy = { stripe: hooks.stripe, factory: (body: string) => sign('factory-ed', path, body) }
  for (const [who, headersOf] of Object.entries(signedBy)) {
    const first = `{"first":"${who}"}`
    await sendUntilTaken(post, path, first, await headersOf(first))
    const body = `{"again":"${who}"}`
    const headers = await headersOf(body)
    const statuses = await sendUntilTaken(post, path, body, headers)
    t.ok(statuses.length > 1, `${who}: it was refused before`)
    t.ok(statuses.slice(0, -1).every(status => status === 429), `${who}: ${statuses.join()}`)
    t.match(await post(path, body, headers), { status: 401, text: /taken already/ }, `${who}: written, so taken for good`)
  }
  const json = { 'content-type': 'application/json' }
  const malformed = '{"a":'
  const headers = { ...hooks.stripe(malformed), ...json }
  for (const time of ['once', 'again']) t.match(await post('/v1/events/open', malformed, headers), { status: 400 }, time)
}

t.test('signatures at a gateway with two workers', { timeout: 120_000 }, async t => {
  const gateway = await startGatewayProcess(t.testdir(), config, secrets)
  t.teardown(() => gateway.kill())
  const post: Post = async (path, body, headers) => {
    const response = await fetch(`http://127.0.0.1:${gateway.port}${path}`, {
      method: 'POST', headers, body: typeof body === 'string' ? body : new Uint8Array(body)
    })
    return { status: response.status, text: await response.text() }
  }

  await t.test('requests signed as RFC 9421 says are let in as their principal', t => ordersArePosted(t, post))
  await t.test('a signature covers every format and coding, as sent', t => formatsArePosted(t, post))
  await t.test('webhooks of three providers are let in as theirs', t => hooksAreCalled(t, post))

  await t.test('what was refused can be sent again as it was, what was written cannot', t => refusedAreSentAgain(t, post))

  await t.test('a copy is taken by no worker twice', async t => {
    const body = '{"copied":true}'
    const headers = { ...await sign('factory-hmac', '/v1/events/orders', body), connection: 'close' }
    const answers = await Promise.all(Array.from({ length: 40 }, () => post('/v1/events/orders', body, headers)))
    const takenCount = answers.filter(({ status }) => status === 200).length
    t.equal(takenCount, 1, 'of 40 by two workers')
    // While the first is under way the others may come again later; so many checks at once of one address are held up.
    t.ok(answers.every(({ status }) => [200, 401, 429, 503].includes(status)))
  })

  t.equal(await metricOf(gateway.healthPort, 'sluice_budget_used_bytes'), 0)
  t.equal(await metricOf(gateway.healthPort, 'sluice_pre_auth_bytes'), 0)
  t.ok(await gateway.stop())
  for (const secret of Object.values(secrets)) t.notOk(gateway.log().includes(secret), 'no secret is logged')
})
