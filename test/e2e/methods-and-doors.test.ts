// Every cell of the README's table of authentication methods and doors: who is let in by a gateway, and who is not.

import { createHash, createHmac, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { connect as connectTls } from 'node:tls'
import { credentials } from '@grpc/grpc-js'
import { createSigner, httpbis } from 'http-message-signatures'
import t from 'tap'
import { makeHash } from '../../plugins/auth-basic/password-hash.ts'
import { policies } from '../../plugins/index.ts'
import { adapters } from '../../protocols/index.ts'
import { makeApiKey } from '../../src/cli/api-key.ts'
import type { AdapterModule } from '../../src/contract/adapter.ts'
import { makeCertificates, makeIdentity } from '../support/certificates.ts'
import type { Identity } from '../support/certificates.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { GrpcSender } from '../support/grpc-client.ts'
import { connectPacket, MqttClient, publishPacket } from '../support/mqtt-client.ts'
import { oidcClient, startOidcProvider } from '../support/oidc-provider.ts'
import { WebsocketClient } from '../support/websocket-rig.ts'

const body = Buffer.from('{"a":1}')
const folder = t.testdir()
const { caPath, certPath, keyPath } = await makeCertificates(folder)
const ca = readFileSync(caPath)
const factory = await makeIdentity(folder, { name: 'factory' })
const stranger = await makeIdentity(folder, { name: 'stranger' })
const provider = await startOidcProvider()
t.teardown(() => provider.stop())

/** What a sender shows: names and values beside its event, the login of a device, a certificate. */
interface Proof {
  readonly attributes?: Readonly<Record<string, string>>
  readonly login?: { readonly userName?: string, readonly password: string }
  readonly identity?: Identity
}

const apiKey = makeApiKey()
const audience = 'urn:sluice:test'
const signatureSecret = randomBytes(32).toString('hex')
const webhookSecret = randomBytes(32).toString('hex')

async function signed (secret: string): Promise<Proof> {
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
  const message = await httpbis.signMessage({
    key: createSigner(Buffer.from(secret), 'hmac-sha256'), fields: ['@method', '@path', 'content-digest'],
    params: ['created', 'keyid', 'nonce'],
    paramValues: { keyid: 'factory', nonce: randomBytes(9).toString('base64') }
  }, { method: 'POST', url: 'http://gateway/v1/events/auth-signature', headers: { 'content-digest': digest } })
  const attributes = message.headers as Record<string, string>
  return { attributes, login: { password: attributes.signature ?? '' } }
}

function hooked (secret: string): Proof {
  const signature = `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`
  return { attributes: { 'x-hub-signature-256': signature }, login: { password: signature } }
}

const keyed = (key: string): Proof => ({ attributes: { 'x-api-key': key }, login: { password: key } })
const bearer = (token: string): Proof => ({ attributes: { authorization: `Bearer ${token}` }, login: { password: token } })
const known = (password: string): Proof => ({
  attributes: { authorization: `Basic ${Buffer.from(`clerk:${password}`).toString('base64')}` },
  login: { userName: 'clerk', password }
})
const password = randomBytes(12).toString('hex')

interface Method {
  /** The entry in `authentication`, and the credential of its principal. */
  readonly settings: string
  readonly credential: string
  /** A proof that holds, and one of the same form that does not. */
  right (): Proof | Promise<Proof>
  wrong (): Proof | Promise<Proof>
}

const methods: Readonly<Record<string, Method>> = {
  'auth-api-key': {
    settings: '{}', credential: `apiKey: "${apiKey.hash}"`, right: () => keyed(apiKey.key), wrong: () => keyed(makeApiKey().key)
  },
  'auth-basic': {
    settings: '{}', credential: `basic: { username: clerk, passwordHash: "${await makeHash(password)}" }`,
    right: () => known(password), wrong: () => known(`${password}!`)
  },
  'auth-jwt': {
    settings: `{ issuers: [ { issuer: "${provider.issuer}", audiences: [ "${audience}" ], principalClaim: client_id, tokenType: at+jwt } ] }`,
    credential: `jwt: { issuer: "${provider.issuer}", subject: ${oidcClient.id} }`,
    right: async () => bearer(await provider.token(audience)), wrong: async () => bearer(await provider.token('urn:other'))
  },
  'auth-introspection': {
    settings: `{ url: "${provider.issuer}/token/introspection", clientId: "${oidcClient.id}", ` +
      `clientSecret: "${oidcClient.secret}", principalClaim: client_id }`,
    credential: `introspection: { subject: ${oidcClient.id} }`,
    right: async () => bearer(await provider.token()), wrong: () => bearer('invented')
  },
  'auth-mtls': {
    settings: '{}', credential: 'mtls: { subject: "CN=factory" }',
    right: () => ({ identity: factory }), wrong: () => ({ identity: stranger })
  },
  'auth-signature': {
    settings: '{}', credential: `signature: { keyId: factory, secret: "${signatureSecret}" }`,
    right: () => signed(signatureSecret), wrong: () => signed('x'.repeat(64))
  },
  'auth-webhook': {
    settings: '{}', credential: `webhook: { preset: github, secrets: [ "${webhookSecret}" ] }`,
    right: () => hooked(webhookSecret), wrong: () => hooked('x'.repeat(64))
  }
}

/** Sends one event on a connection of its own, and gives what was told: `written` or the code of a refusal. */
type Send = (port: number, channel: string, proof: Proof) => Promise<string>

const doors: Readonly<Record<string, { readonly column: string, readonly send: Send }>> = {
  rest: { column: 'REST', send: sendByRest },
  websocket: { column: 'WebSocket', send: sendByWebsocket },
  grpc: { column: 'gRPC', send: sendByGrpc },
  mqtt: { column: 'MQTT', send: sendByMqtt }
}

function sendByRest (port: number, channel: string, { attributes, identity }: Proof): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest({
      host: '127.0.0.1', port, path: `/v1/events/${channel}`, method: 'POST', agent: false, ca, ...identity,
      headers: { ...attributes, 'content-length': body.length }
    }, response => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('end', () => {
        const { outcome, code } = JSON.parse(text) as { outcome: string, code?: string }
        resolve(code ?? outcome)
      })
    })
    request.on('error', reject).end(body)
  })
}

async function sendByWebsocket (port: number, channel: string, { attributes, identity }: Proof): Promise<string> {
  const client = await new WebsocketClient(port, { secure: true, ca, headers: attributes, ...identity }).greeted()
  if (client.status !== 0) return (JSON.parse(client.body) as { code: string }).code
  client.event(1, { a: 1 }, channel)
  await client.until(({ acked, closeCode }) => acked === 1 || closeCode !== 0)
  client.terminate()
  return client.nacks[0] ?? (client.acked === 1 ? 'written' : String(client.closeCode))
}

async function sendByGrpc (port: number, channel: string, { attributes, identity }: Proof): Promise<string> {
  const sender = new GrpcSender(`localhost:${port}`, {
    credentials: identity === undefined
      ? credentials.createSsl(ca)
      : credentials.createSsl(ca, Buffer.from(identity.key), Buffer.from(identity.cert))
  })
  const { told } = await sender.publish({ channel, data: body }, attributes)
  sender.close()
  return told
}

/** Of MQTT 5: what a device shows is its login, or its certificate. */
async function sendByMqtt (port: number, channel: string, { login, identity }: Proof): Promise<string> {
  const client = new MqttClient(connectTls({ host: '127.0.0.1', port, ca, ...identity }))
  try {
    client.say(connectPacket({
      userName: login?.userName, password: login === undefined ? undefined : Buffer.from(login.password)
    }))
    const connack = await client.next('CONNACK')
    const code = (properties: typeof connack.properties): string =>
      properties.userProperties?.find(([name]) => name === 'code')?.[1] ?? 'nothing'
    if (connack.reasonCode !== 0) return code(connack.properties)
    client.say(publishPacket({ topicName: channel, payload: body }))
    const { reasonCode, properties } = await client.next('PUBACK')
    return reasonCode === 0 ? 'written' : code(properties)
  } finally {
    client.close()
  }
}

/** The README's table: by method, its cells by column. */
function readTable (): Map<string, Map<string, string>> {
  const lines = readFileSync(new URL('../../README.md', import.meta.url), 'utf8').split('\n')
  const at = lines.findIndex(line => line.startsWith('| `authentication:` |'))
  const cellsOf = (line = ''): string[] => line.split('|').slice(1, -1).map(cell => cell.trim())
  const columns = cellsOf(lines[at])
  const rows = lines.slice(at + 2, lines.findIndex((line, index) => index > at && !line.startsWith('|')))
  return new Map(rows.map(line => {
    const cells = cellsOf(line)
    const row = new Map(columns.map((column, index) => [column, cells[index] ?? '']))
    return [/`([a-z-]+)`/.exec(cells[0] ?? '')?.[1] ?? '', row]
  }))
}

const table = readTable()
const authenticators = policies.filter(({ kind }) => kind === 'authenticator').map(({ name }) => name)
const called = (adapters as readonly AdapterModule[]).filter(({ protocol }) => protocol !== undefined)
/** A password that is no signed token is an API key, where such are known; so what is asked about stands alone. */
const groups = [authenticators.filter(name => name !== 'auth-introspection'), ['auth-introspection']]

function configOf (names: readonly string[]): string {
  const tls = `tls: { cert: "${certPath}", key: "${keyPath}", clientCa: "${caPath}", clientCertificate: request }`
  return `
workers: 1
sink: journal
limits: { failedLoginsMax: 0 }
listeners:
  - { protocol: http, port: 0, ${tls} }
  - { protocol: grpc, port: 0, ${tls} }
  - { protocol: mqtt, port: 0, ${tls} }
principals:
${names.map(name => `  - { name: by-${name}, credentials: [ { ${methods[name]?.credential} } ] }`).join('\n')}
authentication:
${names.map(name => `  - ${name}: ${methods[name]?.settings}`).join('\n')}
routes:
${names.map(name => `  - { name: ${name}, channel: ${name}, topic: ${name}, policies: [ acl: { allow: [ "principal:by-${name}" ] } ] }`).join('\n')}
`
}

t.test('the table has every method and every door, and so has this test', async t => {
  t.same([...table.keys()].sort(), [...authenticators].sort())
  t.same(Object.keys(methods).sort(), [...authenticators].sort())
  t.same(Object.keys(doors).sort(), called.map(({ name }) => name).sort())
  for (const { column } of Object.values(doors)) t.ok([...table.values()].every(row => row.has(column)), column)
})

for (const [number, names] of groups.entries()) {
  t.test(`each cell of ${names.join(', ')}`, { timeout: 180_000 }, async t => {
    const gateway = await startGatewayProcess(`${folder}/${number}`, configOf(names))
    t.teardown(() => gateway.kill())
    const [http = 0, grpc = 0, mqtt = 0] = gateway.ports
    const ports: Readonly<Record<string, number>> = { http, grpc, mqtt }
    for (const name of names) {
      for (const { name: door, protocol = '' } of called) {
        const cell = `${name} by ${door}`
        const { column = '', send } = doors[door] ?? {}
        const method = methods[name]
        const port = ports[protocol]
        if (send === undefined || method === undefined || port === undefined) {
          t.fail(`nothing is known of ${cell}`)
          continue
        }
        const isServed = table.get(name)?.get(column) !== '-'
        t.equal(await send(port, name, await method.right()), isServed ? 'written' : 'unauthenticated', cell)
        t.equal(await send(port, name, await method.wrong()), 'unauthenticated', `${cell}, with a wrong proof`)
        t.equal(await send(port, name, {}), 'unauthenticated', `${cell}, with none`)
      }
    }
    t.ok(await gateway.stop())
  })
}
