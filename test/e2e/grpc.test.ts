// gRPC on a gateway of two workers: every way to prove who sends, and what acts inside of an open stream.

import { readFileSync } from 'node:fs'
import { credentials } from '@grpc/grpc-js'
import t from 'tap'
import { makeHash } from '../../plugins/auth-basic/password-hash.ts'
import { makeApiKey } from '../../src/cli/api-key.ts'
import { askAdmin } from '../support/admin-rig.ts'
import { makeCertificates, makeIdentity } from '../support/certificates.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { GrpcSender } from '../support/grpc-client.ts'
import type { StreamSender } from '../support/grpc-client.ts'
import { makeKey, sign } from '../support/token-issuer.ts'
import { until } from '../support/until.ts'

const issuer = 'https://issuer.example'
const audience = 'urn:sluice:test'
const data = Buffer.from('{"a":1}')
const folder = t.testdir({ theirs: {} })
const { caPath, certPath, keyPath } = await makeCertificates(folder)
const factory = await makeIdentity(folder, { name: 'factory', names: [{ type: 6, value: 'spiffe://example.org/factory/7' }] })
const [token, shop, slow] = [makeApiKey(), makeApiKey(), makeApiKey()]
const signing = await makeKey('RS256', 'one')

const gateway = await startGatewayProcess(folder, `
workers: 2
sink: journal
journal: { dir: ./journal }
limits: { failedLoginsMax: 0 }
admin: { tokens: [ "${token.hash}" ] }
listeners:
  - { protocol: grpc, port: 0 }
  - { protocol: grpc, port: 0, tls: { cert: "${certPath}", key: "${keyPath}", clientCa: "${caPath}" } }
  - { protocol: admin, port: 0 }
principals:
  - { name: shop, credentials: [ { apiKey: "${shop.hash}" } ] }
  - { name: slow, groups: [ limited ], credentials: [ { apiKey: "${slow.hash}" } ] }
  - { name: press, credentials: [ { basic: { username: press, passwordHash: "${await makeHash('pass word')}" } } ] }
  - { name: factory, credentials: [ { mtls: { uri: "spiffe://example.org/factory/*" } } ] }
  - { name: signer, credentials: [ { jwt: { issuer: "${issuer}", subject: signer } } ] }
authentication:
  - auth-mtls: {}
  - auth-api-key: { header: x-api-key }
  - auth-basic: {}
  - auth-jwt:
      issuers:
        - { issuer: "${issuer}", audiences: [ "${audience}" ], knownOnly: true, clockSkewMs: 0, keys: [ ${JSON.stringify(signing.pem)} ] }
routes:
  - name: orders
    channel: orders/{region}
    topic: orders
    policies: [ rate-limit: { when: "'limited' in principal.groups", per: principal, eventsPerSecondMax: 5, burstEventsMax: 5 } ]
`)
t.teardown(() => gateway.kill())
const [open = 0, mutual = 0] = gateway.ports

/** A sender with a connection of its own, so that either worker may have it. */
function connect (port = open, tls?: { cert: string, key: string }): GrpcSender {
  const sender = tls === undefined
    ? new GrpcSender(`127.0.0.1:${port}`)
    : new GrpcSender(`localhost:${port}`, {
      credentials: credentials.createSsl(readFileSync(caPath), Buffer.from(tls.key), Buffer.from(tls.cert))
    })
  t.teardown(() => { sender.close() })
  return sender
}

async function toldOverMany (headers: Readonly<Record<string, string>>): Promise<string[]> {
  const event = { channel: 'orders/eu', data }
  const told = await Promise.all(Array.from({ length: 12 }, () => connect().publish(event, headers)))
  return [...new Set(told.map(one => `${one.code} ${one.told}`))]
}

const basic = (password: string): string => `Basic ${Buffer.from(`press:${password}`).toString('base64')}`
const jwt = (lifeSeconds: number): Promise<string> => {
  const nowSeconds = Math.floor(Date.now() / 1_000)
  return sign(signing, { iss: issuer, aud: audience, sub: 'signer', iat: nowSeconds, exp: nowSeconds + lifeSeconds })
}

t.test('every way to prove who sends is taken by both workers, and nothing else', async t => {
  t.same(await toldOverMany({}), ['16 unauthenticated'])
  t.same(await toldOverMany({ 'x-api-key': shop.key }), ['0 written'])
  t.same(await toldOverMany({ 'x-api-key': 'wrong' }), ['16 unauthenticated'])
  t.same(await toldOverMany({ authorization: basic('pass word') }), ['0 written'])
  t.same(await toldOverMany({ authorization: basic('wrong') }), ['16 unauthenticated'])
  t.same(await toldOverMany({ authorization: `Bearer ${await jwt(60)}` }), ['0 written'])
  t.same(await toldOverMany({ authorization: 'Bearer invented' }), ['16 unauthenticated'])
})

t.test('a client certificate says who sends, over TLS with ALPN', async t => {
  const told = await connect(mutual, factory).publish({ channel: 'orders/eu', data })
  t.match(told, { code: 0, told: 'written' })
  const foreign = await makeIdentity(`${folder}/theirs`, { name: 'factory' })
  t.not((await connect(mutual, foreign).publish({ channel: 'orders/eu', data }, {}, 5_000)).told, 'written')
})

t.test('a receipt says where in the journal the event is', async t => {
  const { receipt } = await connect().publish({ channel: 'orders/eu', data }, { 'x-api-key': shop.key })
  t.match(receipt, { journal: /^\d+:\d+$/, source: '/orders/eu', topic: '' })
})

/** Waits until something holds of a stream. */
function soon (what: string, holds: () => boolean): Promise<number> {
  return until(holds, { timeoutMs: 30_000, what: () => what })
}

t.test('a rate is kept inside of an open stream', async t => {
  const stream = connect().stream({ 'x-api-key': slow.key })
  for (let id = 1; id <= 50; id++) stream.send(id, { data })
  stream.end()
  t.equal((await stream.ended).code, 0, 'the stream itself is fine')
  t.equal(stream.acked, 50)
  const refused = [...stream.nacks.values()]
  t.ok(refused.length >= 40 && refused.length < 50, `${refused.length} refused`)
  t.same([...new Set(refused)], ['rate-limited'])
  const nacks = stream.answers.flatMap(answer => answer.nacks)
  t.ok(nacks.every(({ refusal }) => refusal?.retryable === true && (refusal.retryAfterMs ?? 0) > 0))
})

t.test('a stream ends with the token that opened it', async t => {
  const stream = connect().stream({ authorization: `Bearer ${await jwt(3)}` })
  stream.send(1, { data })
  t.match(await stream.ended, { code: 16, told: 'unauthenticated' })
  t.equal(stream.acked, 1)
})

t.test('streams of a principal that is disabled end on both workers, others stay', async t => {
  const streams = Array.from({ length: 12 }, () => connect().stream({ authorization: basic('pass word') }))
  const other = connect().stream({ 'x-api-key': shop.key })
  for (const stream of [...streams, other]) stream.send(1, { data })
  await soon('all are open', () => [...streams, other].every(({ acked }) => acked === 1))
  const { status } = await askAdmin(gateway.adminPort, '/v1/principals/press', {
    method: 'PUT', headers: { authorization: `Bearer ${token.key}` }, body: '{"disabled":true}'
  })
  t.equal(status, 200)
  const ended = await Promise.all(streams.map(stream => stream.ended))
  t.same([...new Set(ended.map(({ told }) => told))], ['unauthenticated'])
  other.send(2, { data })
  await soon('the other goes on', () => other.acked === 2)
  other.end()
})

t.test('a gateway that stops acks what it has taken, and says that it stops', async t => {
  const streams: StreamSender[] = Array.from({ length: 8 }, () => connect().stream({ 'x-api-key': shop.key }))
  for (const stream of streams) for (let id = 1; id <= 200; id++) stream.send(id, { data })
  await soon('all are open', () => streams.every(({ acked }) => acked > 0))
  t.ok(await gateway.stop(), 'nothing had to be cut')
  const ended = await Promise.all(streams.map(stream => stream.ended))
  t.same([...new Set(ended.map(({ code, told }) => `${code} ${told}`))], ['14 shutting-down'])
})
