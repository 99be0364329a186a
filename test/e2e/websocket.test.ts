// WebSocket streams to a gateway of two workers: who may send, and what limits, expiry, revocation and its end do.

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { makeHash } from '../../plugins/auth-basic/password-hash.ts'
import { makeApiKey } from '../../src/cli/api-key.ts'
import { askAdmin } from '../support/admin-rig.ts'
import { makeCertificates, makeIdentity } from '../support/certificates.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { metricOf } from '../support/metrics.ts'
import { json, makeKey, sign, startIssuerDouble } from '../support/token-issuer.ts'
import { until } from '../support/until.ts'
import { WebsocketClient } from '../support/websocket-rig.ts'
import type { ConnectOptions } from '../support/websocket-rig.ts'

const rsa = await makeKey('RS256', 'rsa-1')
const issuer = await startIssuerDouble(json({ keys: [rsa.jwk] }))
const apiKey = randomBytes(24).toString('base64url')
const unsafePassword = randomBytes(12).toString('hex')
const token = makeApiKey()
const folder = t.testdir()
const { caPath, certPath, keyPath } = await makeCertificates(folder)
const identity = await makeIdentity(folder, { name: 'factory-7' })
const hash = createHash('sha256').update(apiKey).digest('hex')
/** Enough that both workers have some: the system spreads connections by their ports. */
const connectionCount = 16
const burst = 40

const gateway = await startGatewayProcess(folder, `
workers: 2
sink: journal
journal: { dir: journal }
listeners:
  - { protocol: http, port: 0 }
  - { protocol: http, port: 0, tls: { cert: "${certPath}", key: "${keyPath}", clientCa: "${caPath}" } }
  - { protocol: health, port: 0 }
  - { protocol: admin, port: 0 }
admin: { tokens: [ "${token.hash}" ] }
limits: { failedLoginsMax: 0 }
principals:
  - { name: shop, groups: [ senders ], credentials: [ apiKey: "sha256:${hash}" ] }
  - { name: clerk, groups: [ senders ], credentials: [ { basic: { username: clerk, passwordHash: "${await makeHash(unsafePassword)}" } } ] }
  - { name: factory-7, groups: [ senders ], credentials: [ { mtls: { subject: "CN=factory-7" } } ] }
authentication:
  - auth-mtls: {}
  - auth-jwt: { issuers: [ { issuer: "${issuer.url}", audiences: [ sluice ], jwksUrl: "${issuer.url}/keys", clockSkewMs: 0 } ] }
  - auth-basic: {}
  - auth-api-key: {}
routes:
  - { name: open, channel: open, topic: open }
  - { name: inside, channel: inside, topic: inside, policies: [ acl: { allow: [ "group:senders" ] } ] }
  - name: slow
    channel: slow
    topic: slow
    policies: [ { rate-limit: { per: principal, eventsPerSecondMax: 1, burstEventsMax: ${burst} } } ]
`)
t.teardown(async () => {
  await gateway.kill()
  await issuer.stop()
})

const clients: WebsocketClient[] = []
t.teardown(() => { for (const client of clients) client.terminate() })

function connect (options: ConnectOptions, port = gateway.port): Promise<WebsocketClient> {
  const client = new WebsocketClient(port, options)
  clients.push(client)
  return client.greeted()
}
const connectMany = (options: ConnectOptions): Promise<WebsocketClient[]> =>
  Promise.all(Array.from({ length: connectionCount }, () => connect(options)))

const keyed: ConnectOptions = { headers: { 'x-api-key': apiKey } }
const basic = `Basic ${Buffer.from(`clerk:${unsafePassword}`).toString('base64')}`
const tokenOf = (lifeSeconds: number, sub = 'anna'): Promise<string> =>
  sign(rsa, { iss: issuer.url, aud: 'sluice', sub, exp: Math.floor(Date.now() / 1_000) + lifeSeconds })
const offered = (name: string, text: string): ConnectOptions =>
  ({ protocols: ['sluice.v1', `sluice.${name}.${Buffer.from(text).toString('base64url')}`] })
const later: ConnectOptions = { protocols: ['sluice.v1', 'sluice.authenticate'] }

/** What becomes of one event on a connection that is open and proven. */
async function tellOf (client: WebsocketClient, channel: string): Promise<string> {
  client.event(1, { n: 1 }, channel)
  await client.until(({ acked, closeCode }) => acked === 1 || closeCode !== 0)
  return client.nacks[0] ?? `acked ${client.acked}`
}

t.test('every way to show a credential, by every method that a stream can have', { timeout: 120_000 }, async t => {
  const jwt = await tokenOf(600)
  const ways: readonly (readonly [title: string, options: ConnectOptions, inside: string, first?: object])[] = [
    ['a key in a header', keyed, 'acked 1'],
    ['a key among the subprotocols', offered('header.x-api-key', apiKey), 'acked 1'],
    ['a key in the first message', later, 'acked 1', { attributes: { 'x-api-key': apiKey } }],
    ['a password in a header', { headers: { authorization: basic } }, 'acked 1'],
    ['a password among the subprotocols', offered('header.authorization', basic), 'acked 1'],
    ['a password in the first message', later, 'acked 1', { attributes: { authorization: basic } }],
    ['a token in a header', { headers: { authorization: `Bearer ${jwt}` } }, '1 forbidden'],
    ['a token among the subprotocols', offered('token', jwt), '1 forbidden'],
    ['a token in the first message', later, '1 forbidden', { token: jwt }]
  ]
  // Twice each: the second one may come to the other worker, or to one that remembers.
  for (const [title, options, inside, first] of [...ways, ...ways]) {
    const client = await connect(options)
    t.equal(client.status, 0, title)
    if (first !== undefined) client.send({ type: 'authenticate', ...first })
    if (first !== undefined) await client.until(({ texts }) => texts.length === 2)
    t.equal(await tellOf(client, 'inside'), inside, title)
    client.terminate()
  }
})

t.test('a certificate proves who sends, over TLS', { timeout: 60_000 }, async t => {
  const tls = { secure: true, ca: readFileSync(caPath, 'utf8') }
  const client = await connect({ ...tls, ...identity }, gateway.ports[1])
  t.equal(await tellOf(client, 'inside'), 'acked 1')
  t.match(await connect(tls, gateway.ports[1]), { texts: [], closeCode: 1006 }, 'TLS asks for one')
})

t.test('whatever is no credential connects nobody, and tells nothing', { timeout: 60_000 }, async t => {
  const jwt = await tokenOf(-3_600)
  const wrong: readonly ConnectOptions[] = [
    {}, { headers: { 'x-api-key': 'x' } }, { headers: { authorization: basic.slice(0, -4) } }, offered('token', jwt),
    offered('header.x-api-key', 'x'), { target: `/v1/stream?x-api-key=${apiKey}` }, { target: '/elsewhere' }
  ]
  for (const options of [...wrong, ...wrong]) {
    const { status, body } = await connect(options)
    t.equal(status, 401, JSON.stringify(options))
    t.notMatch(body, /open|inside|slow/)
  }
  const client = await connect(later)
  client.send({ type: 'authenticate', token: jwt })
  await client.closed()
  t.equal(client.closeCode, 4401)
})

t.test('a rate limit holds over all streams of the node, and is told event by event', { timeout: 60_000 }, async t => {
  const many = await connectMany(keyed)
  for (const client of many) for (let id = 1; id <= 10; id++) client.event(id, id, 'slow')
  await Promise.all(many.map(client => client.until(({ acked }) => acked === 10)))
  const nacked = many.flatMap(({ messages }) => messages.filter(({ type }) => type === 'nack'))
  t.ok(nacked.every(({ code, retryAfterMs }) => code === 'rate-limited' && Number(retryAfterMs) > 0))
  const passed = connectionCount * 10 - nacked.length
  t.ok(passed >= burst && passed <= burst + 10, `${passed} passed`)
  for (const client of many) t.equal(await tellOfNext(client), 'acked 11', 'and the stream goes on')
  for (const client of many) client.terminate()
})

async function tellOfNext (client: WebsocketClient): Promise<string> {
  client.event(11, 1, 'open')
  await client.until(({ acked }) => acked === 11)
  return `acked ${client.acked}`
}

t.test('a stream ends with the token it was opened by, unless that is renewed', { timeout: 90_000 }, async t => {
  const options = { headers: { authorization: `Bearer ${await tokenOf(6)}` } }
  const many = await connectMany(options)
  const [renewed, ...others] = many
  t.ok(many.every(({ status }) => status === 0))
  renewed?.send({ type: 'authenticate', token: await tokenOf(600) })
  await Promise.all(others.map(client => until(() => client.closeCode !== 0, {
    timeoutMs: 30_000, what: () => 'a close by expiry'
  })))
  t.same([...new Set(others.map(({ closeCode }) => closeCode))], [4401])
  if (renewed !== undefined) t.equal(await tellOf(renewed, 'open'), 'acked 1')
})

t.test('a stream ends when its principal is disabled, though it sends nothing', { timeout: 60_000 }, async t => {
  const disable = (disabled: boolean): ReturnType<typeof askAdmin> => askAdmin(gateway.adminPort, '/v1/principals/shop', {
    method: 'PUT', headers: { authorization: `Bearer ${token.key}` }, body: JSON.stringify({ disabled })
  })
  const many = await connectMany(keyed)
  const other = await connect({ headers: { authorization: basic } })
  t.match(await disable(true), { status: 200 })
  await Promise.all(many.map(client => client.closed()))
  t.same([...new Set(many.map(({ closeCode }) => closeCode))], [4401])
  t.equal((await connect(keyed)).status, 401)
  t.equal(await tellOf(other, 'open'), 'acked 1')
  await disable(false)
})

t.test('the end of the gateway: every event of an open stream is acked or was never read', { timeout: 90_000 }, async t => {
  const many = await connectMany(keyed)
  for (const client of many) for (let id = 1; id <= 1_000; id++) client.event(id, id, 'open')
  await until(() => many.every(({ acked }) => acked > 0), { timeoutMs: 30_000, what: () => 'first acks' })
  t.ok(await metricOf(gateway.healthPort, 'sluice_connections_open') >= connectionCount)
  const stopped = gateway.stop()
  await Promise.all(many.map(client => until(() => client.closeCode !== 0, { timeoutMs: 30_000, what: () => 'a close' })))
  t.same([...new Set(many.map(({ closeCode }) => closeCode))], [1012])
  t.same(many.flatMap(({ nacks }) => nacks), [])
  t.ok(await stopped)
  for (const hidden of [apiKey, unsafePassword]) t.notOk(gateway.log().includes(hidden), 'no secret is logged')
})
