// Who may connect: the handshake, origins, subprotocols, and every way to show a credential.

import t from 'tap'
import type { Credentials, Eventually } from '../../src/contract/adapter.ts'
import type { Principal } from '../../src/contract/envelope.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { anonymous } from '../../test/support/fake-ingress.ts'
import { RawClient, until } from '../../test/support/rest-rig.ts'
import { startWebsocket } from '../../test/support/websocket-rig.ts'
import type { ConnectOptions, WebsocketRig } from '../../test/support/websocket-rig.ts'

const unknown = refuse('unauthenticated', 'send a token')
const anna: Principal = { name: 'anna', groups: [], anonymous: false }
const base64url = (text: string): string => Buffer.from(text).toString('base64url')

/** Knows anna by `Authorization: Bearer secret`, or by the header or argument key=k. */
function knowing ({ attributes, argument }: Credentials): Principal | Refusal {
  const known = attributes.get('authorization') === 'Bearer secret' || attributes.get('x-api-key') === 'k' || argument('key') === 'k'
  return known ? anna : unknown
}
const asking = (credentials: Credentials): Principal | Refusal =>
  knowing({ attributes: credentials.attributes, argument: name => credentials.argument(name) })

const refusals: readonly (readonly [title: string, options: ConnectOptions, status: number, code: string])[] = [
  ['another path', { target: '/v1/other' }, 404, 'malformed'],
  ['no subprotocol', { protocols: [] }, 400, 'malformed'],
  ['an unknown subprotocol', { protocols: ['mqtt'] }, 400, 'malformed'],
  ['a token that cannot be read', { protocols: ['sluice.v1', 'sluice.token.***'] }, 400, 'malformed'],
  ['a token beside a header', { protocols: ['sluice.v1', `sluice.token.${base64url('t')}`], headers: { authorization: 'x' } }, 400, 'malformed'],
  ['two tokens', { protocols: ['sluice.v1', `sluice.token.${base64url('t')}`, `sluice.token.${base64url('u')}`] }, 400, 'malformed'],
  ['a page of another origin', { origin: 'https://evil.example' }, 403, 'forbidden'],
  ['a page of no origin', { origin: 'null' }, 403, 'forbidden'],
  ['a page of a scheme that is none', { origin: 'file://127.0.0.1' }, 403, 'forbidden'],
  ['CloudEvents without a channel', { protocols: 'cloudevents.json' }, 400, 'malformed'],
  ['CloudEvents for a channel that is none', { protocols: 'cloudevents.json', target: '/v1/stream?channel=/' }, 400, 'malformed'],
  ['CloudEvents with a first message', { protocols: ['cloudevents.json', 'sluice.authenticate'], target: '/v1/stream?channel=a' }, 400, 'malformed'],
  ['an old version', { protocolVersion: 8 }, 426, 'malformed']
]

t.test('an upgrade that cannot be is answered with a problem document, and counted', async t => {
  const rig = await startWebsocket(t)
  for (const [title, options, status, code] of refusals) {
    const client = await rig.connect(options)
    t.equal(client.status, status, title)
    t.match(JSON.parse(client.body), { status, code, outcome: 'refused', type: `urn:sluice:refusal:${code}` })
  }
  t.equal(rig.ingress.refusals.length, refusals.length)
  t.equal(rig.gauge('connections_open'), 0)
})

t.test('pages of this host and of listed origins may connect', async t => {
  const rig = await startWebsocket(t, { config: { origins: ['https://shop.example'] } })
  for (const origin of [`http://127.0.0.1:${rig.port}`, `https://127.0.0.1:${rig.port}`, 'https://shop.example', undefined]) {
    t.equal((await rig.connect({ ...origin === undefined ? {} : { origin } })).texts.length, 1, String(origin))
  }
  t.equal((await rig.connect({ origin: 'https://shop.example.evil' })).status, 403)
  const open = await startWebsocket(t, { config: { origins: ['*'] } })
  t.equal((await open.connect({ origin: 'null' })).texts.length, 1)
})

t.test('whoever is not known is told how to be, for every path, and there is no connection', async t => {
  const rig = await startWebsocket(t)
  rig.ingress.authenticated = asking
  rig.ingress.schemes = ['Bearer']
  for (const target of ['/v1/stream', '/elsewhere']) {
    const client = await rig.connect({ target })
    t.match([client.status, client.headers['www-authenticate']], [401, 'Bearer realm="sluice"'])
  }
  rig.ingress.authenticated = () => refuse('unverifiable', 'later', { retryAfterMs: 2_500 })
  t.match(await rig.connect(), { status: 503, headers: { 'retry-after': '3' } })
  rig.ingress.authenticated = async () => { throw new Error('planted') }
  t.match(await rig.connect(), { status: 500 })
})

const ways: readonly (readonly [title: string, options: ConnectOptions])[] = [
  ['a header', { headers: { authorization: 'Bearer secret' } }],
  ['an argument', { target: '/v1/stream?key=k' }],
  ['a token among the subprotocols', { protocols: ['sluice.v1', `sluice.token.${base64url('secret')}`] }],
  ['a header among the subprotocols', { protocols: [`sluice.header.x-api-key.${base64url('k')}`, 'sluice.v1'] }]
]

t.test('a credential may come by header, argument or subprotocol, and is never sent back', async t => {
  for (const late of [false, true]) {
    const rig = await startWebsocket(t)
    rig.ingress.authenticated = (credentials): Eventually<Principal | Refusal> =>
      late ? Promise.resolve(asking(credentials)) : asking(credentials)
    for (const [title, options] of ways) {
      const client = await rig.connect(options)
      t.equal(client.socket.protocol, 'sluice.v1', title)
      client.event(1)
      await client.until(({ acked }) => acked === 1)
      const envelope = rig.ingress.envelopes.at(-1)
      t.equal(envelope?.principal.name, 'anna')
      const seen: string[] = []
      envelope?.attributes.forEach(name => { seen.push(name) })
      t.notOk(seen.some(name => name.startsWith('sec-websocket-')), 'nor does it become an attribute')
    }
  }
})

async function unproven (rig: WebsocketRig): ReturnType<WebsocketRig['connect']> {
  rig.ingress.authenticated = asking
  const client = await rig.connect({ protocols: ['sluice.v1', 'sluice.authenticate'] })
  t.match(client.messages[0], { type: 'hello', authenticated: false, window: 0, authenticateTimeoutMs: /\d+/ })
  return client
}

t.test('a first message may authenticate, under the small budget of those who have not', async t => {
  const rig = await startWebsocket(t)
  for (const shown of [{ token: 'secret' }, { attributes: { 'x-api-key': 'k' } }]) {
    const client = await unproven(rig)
    t.equal(rig.gauge('connections_unproven'), 1)
    client.send({ type: 'authenticate', ...shown })
    await client.until(({ texts }) => texts.length === 2)
    t.same(client.messages[1], { type: 'authenticated', principal: 'anna', window: 1_000 })
    client.event(1)
    await client.until(({ acked }) => acked === 1)
    t.equal(rig.ingress.envelopes.at(-1)?.attributes.get('authorization'), undefined)
    t.equal(rig.ingress.preAuthBytes, 0)
    t.equal(rig.gauge('connections_unproven'), 0)
  }
  t.equal(rig.ingress.reservedBytes, 0)
})

t.test('a message and the credential before it may come in one read', async t => {
  const rig = await startWebsocket(t)
  const client = await unproven(rig)
  client.send({ type: 'authenticate', token: 'secret' })
  client.event(1)
  await client.until(({ acked }) => acked === 1)
  t.equal(rig.ingress.reservedBytes, 0)
})

t.test('what is found out late lets nothing pass meanwhile', async t => {
  const rig = await startWebsocket(t)
  const client = await unproven(rig)
  let prove = (): void => {}
  rig.ingress.authenticated = () => new Promise(resolve => { prove = () => { resolve(anna) } })
  client.send({ type: 'authenticate', token: 'secret' })
  client.event(1)
  await until(() => rig.gauge('connections_not_read') === 1)
  t.equal(rig.ingress.envelopes.length, 0)
  prove()
  await client.until(({ acked }) => acked === 1)
  t.equal(rig.ingress.envelopes[0]?.principal.name, 'anna')
})

const firsts: readonly (readonly [title: string, message: object | Buffer, code: number])[] = [
  ['a wrong credential', { type: 'authenticate', token: 'wrong' }, 4401],
  ['an event', { type: 'event', id: 1, channel: 'a', data: 1 }, 1008],
  ['a binary message', Buffer.from([0, 1, 0]), 1008],
  ['too much', { type: 'authenticate', token: 'x'.repeat(20_000) }, 1008],
  ['nonsense', { type: 'authenticate', token: 1 }, 1007]
]

t.test('any other first message ends the connection', async t => {
  for (const [title, message, code] of firsts) {
    const rig = await startWebsocket(t)
    const client = await unproven(rig)
    client.send(message)
    await client.closed()
    t.equal(client.closeCode, code, title)
    t.same([rig.ingress.preAuthBytes, rig.ingress.reservedBytes, rig.ingress.envelopes.length], [0, 0, 0])
  }
})

t.test('a connection that never says who it is ends in time, and so does one that finds no room to say so', async t => {
  const rig = await startWebsocket(t, { config: { authenticateTimeoutMs: 50 } })
  const client = await unproven(rig)
  await client.closed()
  t.equal(client.closeCode, 4401)
  const full = await startWebsocket(t)
  full.ingress.preAuthBytesMax = 0
  const other = await unproven(full)
  other.send({ type: 'authenticate', token: 'secret' })
  await other.closed()
  t.equal(other.closeCode, 1013)
})

t.test('a proof can be renewed in an open connection, by the same principal', async t => {
  const rig = await startWebsocket(t)
  rig.ingress.authenticated = () => ({ ...anna, expiresAtMs: Date.now() + 60_000 })
  const client = await rig.connect({ headers: { authorization: 'Bearer stale' } })
  rig.ingress.authenticated = ({ attributes }) => {
    const seen: string[] = []
    attributes.forEach((name, value) => { if (name === 'authorization') seen.push(value) })
    t.same([attributes.get('authorization'), ...seen], ['Bearer fresh', 'Bearer fresh'])
    return { ...anna, groups: ['renewed'], expiresAtMs: 4e12 }
  }
  client.send({ type: 'authenticate', token: 'fresh' })
  client.event(1)
  await client.until(({ acked }) => acked === 1)
  t.match(client.messages[1], { type: 'authenticated', expiresAtMs: 4e12 })
  t.same(rig.ingress.envelopes[0]?.principal.groups, ['renewed'])
  rig.ingress.authenticated = () => anonymous
  client.send({ type: 'authenticate', token: 'other' })
  await client.closed()
  t.equal(client.closeCode, 4401)
})

t.test('a proof that ends, or that is ended, ends the connection, though it sends nothing', async t => {
  const rig = await startWebsocket(t, { config: { pingIntervalMs: 100 } })
  rig.ingress.authenticated = () => ({ ...anna, expiresAtMs: Date.now() + 150 })
  const expiring = await rig.connect()
  rig.ingress.authenticated = () => ({ ...anna, name: 'bob' })
  const other = await rig.connect()
  await expiring.closed()
  t.match(expiring, { closeCode: 4401, reason: /expired/ })
  rig.ingress.revoke('bob')
  await other.closed()
  t.match(other, { closeCode: 4401, reason: /operator/ })
})

t.test('an event that is refused because access has ended is told, and ends the connection', async t => {
  const rig = await startWebsocket(t)
  rig.ingress.outcomeOf = () => unknown
  const client = await rig.connect()
  client.event(1)
  await client.closed()
  t.same([client.nacks, client.closeCode], [['1 unauthenticated'], 4401])
})

t.test('a request without Host or key is no handshake', async t => {
  const rig = await startWebsocket(t)
  const head = 'GET /v1/stream HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n'
  for (const rest of ['host: h\r\n\r\n', 'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n', 'host: h\r\nsec-websocket-key: x\r\n\r\n']) {
    const client = await new RawClient(rig.port, head + rest).until(({ closed }) => closed)
    t.equal(client.status, 400)
  }
})
