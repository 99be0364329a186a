// Devices at a gateway of two workers: MQTT.js over TCP, TLS and WebSocket, and sessions that go to another worker.

import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { SignJWT } from 'jose'
import { connectAsync } from 'mqtt'
import type { IClientOptions, MqttClient as MqttJs } from 'mqtt'
import t from 'tap'
import { makeHash } from '../../plugins/auth-basic/password-hash.ts'
import { makeApiKey } from '../../src/cli/api-key.ts'
import { askAdmin } from '../support/admin-rig.ts'
import { makeCertificates, makeIdentity } from '../support/certificates.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { metricOf } from '../support/metrics.ts'
import { connectPacket, MqttClient, publishPacket } from '../support/mqtt-client.ts'
import { until } from '../support/until.ts'
import type { ConnectPacket } from '../../protocols/mqtt/codec/packet.ts'

const folder = t.testdir({})
const { caPath, certPath, keyPath } = await makeCertificates(folder)
const device = await makeIdentity(folder, { name: 'device', names: [{ type: 6, value: 'spiffe://example.org/device/7' }] })
const [token, sensorKey, slowKey] = [makeApiKey(), makeApiKey(), makeApiKey()]
const issuer = 'https://id.example.org'
const secret = 'a secret of thirty-two bytes or more'

const gateway = await startGatewayProcess(folder, `
workers: 2
sink: journal
listeners:
  - { protocol: mqtt, port: 0 }
  - { protocol: mqtt, port: 0, tls: { cert: "${certPath}", key: "${keyPath}", clientCa: "${caPath}", clientCertificate: request } }
  - { protocol: mqtt, port: 0, transport: websocket }
  - { protocol: health, port: 0 }
  - { protocol: admin, port: 0 }
admin: { tokens: [ "${token.hash}" ] }
limits: { failedLoginsMax: 0 }
principals:
  - { name: sensor, credentials: [ { apiKey: "${sensorKey.hash}" } ] }
  - { name: slow, credentials: [ { apiKey: "${slowKey.hash}" } ] }
  - { name: bob, credentials: [ { basic: { username: bob, passwordHash: "${await makeHash('s3cret')}" } } ] }
  - { name: visitor, credentials: [ { jwt: { issuer: "${issuer}", subject: visitor } } ] }
  - { name: device, credentials: [ { mtls: { uri: "spiffe://example.org/device/*" } } ] }
authentication:
  - auth-mtls
  - auth-basic
  - auth-api-key
  - auth-jwt: { issuers: [ { issuer: "${issuer}", audiences: [ sluice ], secret: "${secret}", algorithms: [ HS256 ], knownOnly: true, clockSkewMs: 0 } ] }
routes:
  - { name: orders, channel: "orders/{region}", topic: orders }
  - name: limited
    channel: limited
    topic: limited
    policies: [ { rate-limit: { per: principal, eventsPerSecondMax: 10, burstEventsMax: 2 } } ]
  - { name: closed, channel: closed, topic: closed, policies: [ { acl: { allow: [ "principal:bob" ] } } ] }
`)
t.teardown(() => gateway.kill())
const [tcp = 0, tls = 0, websocket = 0] = gateway.ports

const written = (): Promise<number> => metricOf(gateway.healthPort, 'sluice_events_received_total')

function tokenFor (subject: string, seconds: number): Promise<string> {
  return new SignJWT({ iss: issuer, aud: 'sluice', sub: subject, exp: Math.floor(Date.now() / 1_000) + seconds })
    .setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(secret))
}

const options: IClientOptions = { reconnectPeriod: 0, username: '', password: sensorKey.key }

async function withJs (url: string, own: IClientOptions, use: (client: MqttJs) => Promise<void>): Promise<void> {
  const client = await connectAsync(url, { ...options, ...own })
  client.on('error', () => {})
  await use(client)
  await client.endAsync()
}

interface Greeted { readonly client: MqttClient, readonly sessionPresent: boolean, readonly code: number }

/** A connection to either worker, as the system spreads them. */
async function connectRaw (parts: Partial<ConnectPacket>): Promise<Greeted> {
  const connect = connectPacket({ userName: '', password: Buffer.from(sensorKey.key), ...parts })
  const client = new MqttClient(connectTcp(tcp, '127.0.0.1'), connect.version)
  t.teardown(() => { client.close() })
  client.say(connect)
  const { sessionPresent, reasonCode } = await client.next('CONNACK')
  return { client, sessionPresent, code: reasonCode }
}

const transports: [string, string, IClientOptions][] = [
  ['TCP', `mqtt://127.0.0.1:${tcp}`, {}],
  ['TLS', `mqtts://127.0.0.1:${tls}`, { ca: readFileSync(caPath) }],
  ['WebSocket', `ws://127.0.0.1:${websocket}`, {}]
]

for (const [name, url, own] of transports) {
  t.test(`${name}: MQTT.js sends in both versions, with QoS 0, 1 and 2 [MQTT-7.0.0-2] [MQTT-7.1.1-1] [MQTT-4.2.0-1]`, async t => {
    for (const protocolVersion of [4, 5] as const) {
      const before = await written()
      await withJs(url, { ...own, protocolVersion }, async client => {
        await Promise.all(([0, 1, 2] as const).flatMap(qos =>
          Array.from({ length: 40 }, (_, at) => client.publishAsync('orders/eu', JSON.stringify({ qos, at }), { qos }))))
      })
      await until(async () => await written() === before + 120, { timeoutMs: 20_000, what: () => '120 events' })
      t.equal(await written(), before + 120, `version ${protocolVersion}`)
    }
  })
}

t.test('MQTT.js learns in MQTT 5 what was refused, and why', async t => {
  await withJs(`mqtt://127.0.0.1:${tcp}`, { protocolVersion: 5 }, async client => {
    for (const qos of [1, 2] as const) {
      await t.rejects(client.publishAsync('closed', '1', { qos }), { code: 0x87 })
      await t.rejects(client.publishAsync('unknown', '1', { qos }), { code: 0x90 })
      await client.publishAsync('orders/eu', '1', { qos })
    }
  })
})

t.test('every way to prove who one is, and each of them wrong', async t => {
  const signed = await tokenFor('visitor', 600)
  const table: [string, string | undefined, string | undefined, number][] = [
    ['name and password', 'bob', 's3cret', 0], ['a wrong password', 'bob', 'x', 0x86], ['an API key', '', sensorKey.key, 0],
    ['a wrong API key', '', 'x', 0x86], ['a token', 'any', signed, 0], ['a token without user name', undefined, signed, 0],
    ['a changed token', '', `${signed}x`, 0x86], ['nothing', undefined, undefined, 0x86]
  ]
  for (const [what, userName, password, code] of table) {
    const login = { userName, password: password === undefined ? undefined : Buffer.from(password) }
    const found = await connectRaw(login)
    t.equal(found.code, code, what)
    if (userName === undefined) continue
    const old = await connectRaw({ version: 4, ...login })
    t.equal(old.code, code === 0 ? 0 : 4, `${what}, 3.1.1`)
  }
  const secure: IClientOptions = { ca: readFileSync(caPath), ...device, username: 'nobody', password: 'wrong' }
  await withJs(`mqtts://127.0.0.1:${tls}`, secure, async client => {
    await client.publishAsync('orders/eu', '1', { qos: 1 })
  })
})

t.test('a message of QoS 2 is one event, however often its client comes back and to whichever worker', async t => {
  const before = await written()
  const parts = { clientId: 'wanderer', cleanStart: false, properties: { sessionExpiryInterval: 60 } }
  const message = publishPacket({ packetId: 5, qos: 2 })
  const first = await connectRaw(parts)
  first.client.say(message)
  await first.client.next('PUBREC', 5)
  first.client.close()
  let last = first.client
  for (let count = 0; count < 12; count++) {
    const { client, sessionPresent } = await connectRaw(parts)
    t.ok(sessionPresent)
    client.say({ ...message, dup: true })
    await client.next('PUBREC', 5)
    // Every other time the old connection is still there, and is taken over.
    if (count % 2 === 0) client.close()
    last = client
  }
  last.say({ type: 'PUBREL', packetId: 5, reasonCode: 0, properties: {} })
  t.equal((await last.next('PUBCOMP', 5)).reasonCode, 0)
  t.equal(await written(), before + 1)
})

t.test('a client id has one connection on the node, and belongs to its principal', async t => {
  const connections = []
  for (let count = 0; count < 8; count++) connections.push(await connectRaw({ clientId: 'only-one' }))
  const last = connections.pop()
  for (const { client } of connections) {
    t.equal((await client.next('DISCONNECT')).reasonCode, 0x8e)
    await client.ended()
  }
  for (let count = 0; count < 4; count++) {
    t.equal((await connectRaw({ clientId: 'only-one', userName: 'bob', password: Buffer.from('s3cret') })).code, 0x87)
  }
  last?.client.say({ type: 'PINGREQ' })
  await last?.client.next('PINGRESP')
})

t.test('a rate limit delays acknowledgements, and nothing is lost or refused', async t => {
  const { client } = await connectRaw({})
  const beganMs = performance.now()
  client.say(...Array.from({ length: 12 }, (_, at) => publishPacket({ packetId: at + 1, topicName: 'limited' })), { type: 'PINGREQ' })
  await client.next('PINGRESP')
  t.notOk(client.heard.some(packet => packet.type === 'PUBACK' && packet.packetId === 12))
  await until(() => client.heard.some(packet => packet.type === 'PUBACK' && packet.packetId === 12), {
    timeoutMs: 30_000, what: () => JSON.stringify(client.types())
  })
  t.ok(performance.now() - beganMs > 800, 'twelve at ten a second, two at once')
  t.same(client.heard.flatMap(packet => packet.type === 'PUBACK' ? [packet.packetId, packet.reasonCode] : []),
    Array.from({ length: 12 }, (_, at) => [at + 1, 0]).flat())
})

t.test('a connection ends when its token does', async t => {
  const { client } = await connectRaw({ password: Buffer.from(await tokenFor('visitor', 2)) })
  t.equal((await client.next('DISCONNECT')).reasonCode, 0x87)
})

t.test('a connection ends when an operator disables its principal', async t => {
  const login = { password: Buffer.from(slowKey.key) }
  const connections = await Promise.all(Array.from({ length: 8 }, () => connectRaw(login)))
  const { status } = await askAdmin(gateway.adminPort, '/v1/principals/slow', {
    method: 'PUT', headers: { authorization: `Bearer ${token.key}` }, body: JSON.stringify({ disabled: true })
  })
  t.equal(status, 200)
  for (const { client } of connections) t.equal((await client.next('DISCONNECT')).reasonCode, 0x87)
  t.equal((await connectRaw(login)).code, 0x86)
})

t.test('a will is an event of a client that is gone', async () => {
  const before = await written()
  const will = { qos: 1, retain: false, properties: {}, topicName: 'orders/eu', payload: Buffer.from('"gone"') } as const
  const { client } = await connectRaw({ will })
  client.close()
  await until(async () => await written() === before + 1, { timeoutMs: 10_000, what: () => 'the will' })
})

t.test('when the gateway stops, clients are sent away and what was sent is acknowledged', async t => {
  const { client } = await connectRaw({})
  const old = await connectRaw({ version: 4 })
  for (const one of [client, old.client]) one.say(publishPacket())
  await client.next('PUBACK', 1)
  await old.client.next('PUBACK', 1)
  const stopping = gateway.stop()
  t.equal((await client.next('DISCONNECT')).reasonCode, 0x8b)
  await old.client.ended()
  t.ok(await stopping, 'in time')
})
