// The edge of a whole gateway with two workers: client certificates, proxies that name their peers, and guessing.

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { makeCertificates, makeIdentity, makeRevocations } from '../support/certificates.ts'
import type { Identity } from '../support/certificates.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { metricOf } from '../support/metrics.ts'
import { binaryHeader } from '../support/proxy-headers.ts'

const folder = t.testdir({ theirs: {} })
const { caPath, certPath, keyPath } = await makeCertificates(folder)
const ca = readFileSync(caPath)
const factory = await makeIdentity(folder, { name: 'factory', names: [{ type: 6, value: 'spiffe://example.org/factory/7' }] })
const revoked = await makeIdentity(folder, { name: 'revoked', names: [{ type: 6, value: 'spiffe://example.org/factory/8' }] })
const stranger = await makeIdentity(folder, { name: 'stranger' })
const foreign = await makeIdentity(`${folder}/theirs`, { name: 'factory' })
const crl = await makeRevocations(folder, [revoked])
const key = randomBytes(24).toString('base64url')
const failedLoginsMax = 20

const gateway = await startGatewayProcess(folder, `
workers: 2
sink: journal
listeners:
  - { protocol: http, port: 0, tls: { cert: "${certPath}", key: "${keyPath}", clientCa: "${caPath}", crl: "${crl}" } }
  - protocol: http
    port: 0
    tls: { cert: "${certPath}", key: "${keyPath}" }
    proxyProtocol: true
    trustedProxies: [ 127.0.0.1 ]
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
principals:
  - { name: factory, credentials: [ mtls: { uri: "spiffe://example.org/factory/*" } ] }
  - { name: shop, credentials: [ apiKey: "sha256:${createHash('sha256').update(key).digest('hex')}" ] }
authentication: [ auth-mtls, auth-api-key ]
policies: [ ip-restriction: { deny: [ 203.0.113.66 ] } ]
limits: { failedLoginsMax: ${failedLoginsMax} }
routes: [ { name: orders, channel: orders, topic: orders } ]
`)
t.teardown(() => gateway.stop())
const [mutual = 0, proxied = 0, open = 0] = gateway.ports

function requestOf (apiKey?: string): string {
  return 'POST /v1/events/orders HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n' +
    `Content-Length: 2\r\n${apiKey === undefined ? '' : `X-API-Key: ${apiKey}\r\n`}\r\n{}`
}

/** The whole answer to what is written; '' where the connection is cut. */
async function answerTo (socket: Socket, text: string): Promise<string> {
  let answer = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => { answer += chunk }).on('error', () => {})
  socket.write(text)
  await new Promise(resolve => { socket.once('close', resolve) })
  return answer
}

function statusOf (answer: string): number { return Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0) }

function withCertificate (identity: Identity | undefined, apiKey?: string): Promise<string> {
  return answerTo(connectTls({ host: '127.0.0.1', port: mutual, ca, ...identity }), requestOf(apiKey))
}

function through (header: Buffer, apiKey?: string): Promise<string> {
  const plain = connect({ host: '127.0.0.1', port: proxied })
  plain.on('error', () => {}).write(header)
  const secured = connectTls({ socket: plain, ca, servername: 'localhost' })
  plain.on('close', () => secured.destroy())
  return answerTo(secured, requestOf(apiKey))
}

t.test('a certificate gets its principal in, and no other gets a word', async t => {
  for (let count = 0; count < 6; count++) {
    t.match(await withCertificate(factory), /^HTTP\/1\.1 200 .*"outcome":"written"/s)
  }
  for (const identity of [undefined, revoked, foreign]) t.equal(await withCertificate(identity, key), '')
  const unknown = await withCertificate(stranger, key)
  t.equal(statusOf(unknown), 401)
  t.match(unknown, 'belongs to nobody known here')
})

t.test('behind a proxy the peer is whom it names, over TLS, on every worker', async t => {
  for (let count = 0; count < 6; count++) {
    t.equal(statusOf(await through(binaryHeader({ source: '203.0.113.7' }), key)), 200)
    t.equal(statusOf(await through(binaryHeader({ source: '203.0.113.66' }), key)), 403)
  }
  t.equal(statusOf(await through(binaryHeader({ command: 0 }), key)), 200, 'a health check of the proxy itself')
  t.equal(await through(Buffer.alloc(0), key), '', 'who tells nothing is cut')
  t.match(gateway.log(), /"address":"203\.0\.113\.66"/)
})

t.test('who tries many keys from one address is held up, and others are not', async t => {
  const statuses = new Map<number, number>()
  let last = ''
  for (let guess = 0; guess < 3 * failedLoginsMax; guess++) {
    last = await through(binaryHeader({ source: '198.51.100.7' }), `guess-${guess}`)
    statuses.set(statusOf(last), (statuses.get(statusOf(last)) ?? 0) + 1)
  }
  t.same([...statuses.keys()].sort(), [401, 429])
  // One more than it may have, and one more after each time that it was held up.
  t.ok((statuses.get(401) ?? 0) < failedLoginsMax + 10, `${statuses.get(401)} keys were tried`)
  t.equal(statusOf(await through(binaryHeader({ source: '203.0.113.7' }), key)), 200)
  t.equal(statusOf(await answerTo(connect({ host: '127.0.0.1', port: open }), requestOf(key))), 200)
  t.ok(await metricOf(gateway.healthPort, 'sluice_logins_held_up_total') > 0)
})
