// Tests of the door as a whole: calls from their metadata to their status, over real connections.

import { gzipSync } from 'node:zlib'
import t from 'tap'
import { refusals, refuse } from '../../src/contract/outcome.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import { anonymous, receiptOf } from '../../test/support/fake-ingress.ts'
import { flatEvent } from '../../test/support/grpc-client.ts'
import { beginCall, framed, startGrpc } from '../../test/support/grpc-rig.ts'
import { until } from '../../test/support/rest-rig.ts'
import { Ack, Outcome, PublishRequest } from './generated/sluice/v1/ingest.ts'
import { grpc } from './index.ts'
import { replies } from './reply.ts'

const event = { channel: 'orders/eu', data: Buffer.from('{"a":1}') }

t.test('an event gets its receipt', async t => {
  const { sender, ingress } = await startGrpc(t)
  const { receipt } = await sender.publish({ ...event, id: '1', source: '/s', type: 't' })
  t.match(receipt, {
    outcome: Outcome.OUTCOME_WRITTEN, ack: Ack.ACK_KAFKA, id: '1', source: '/s', topic: 'topic1', partition: 0, offset: 0
  })
  t.match(ingress.envelopes[0], { channel: 'orders/eu', wrapped: false, principal: anonymous, patient: false })
})

t.test('every refusal has its status, its details and, where it helps, when to come back', async t => {
  const { sender, ingress } = await startGrpc(t)
  for (const code of Object.keys(refusals) as RefusalCode[]) {
    ingress.outcomeOf = () => refuse(code, 'what to do, ü', { pointer: '/x', retryAfterMs: 1_500 })
    const ended = await sender.publish(event)
    t.match(ended, {
      code: replies[code].status, told: code, detail: 'what to do, ü', retryAfterMs: 1_500, pushbackMs: '1500',
      about: { outcome: refusals[code].fate, retryable: String(refusals[code].retry !== 'never'), pointer: '/x' }
    }, code)
  }
  ingress.outcomeOf = () => refuse('overloaded', 'full')
  t.match(await sender.publish(event), { retryAfterMs: 1_000, pushbackMs: '1000' }, 'a second, where nobody knows better')
  ingress.outcomeOf = () => refuse('forbidden', 'half a pair: \ud800')
  t.match(await sender.publish(event), { told: 'forbidden', retryAfterMs: undefined, pushbackMs: undefined })
})

t.test('who sends is asked with the metadata, before a message is read', async t => {
  const { session, ingress } = await startGrpc(t)
  let seen: string | undefined
  ingress.authenticated = ({ attributes, argument }) => {
    seen = `${attributes.get('x-api-key')} ${attributes.get(':path')} ${argument('x')}`
    return refuse('unauthenticated', 'show a key')
  }
  const stream = beginCall(session(), 'Publish', { 'x-api-key': 'secret' })
  const [status] = await new Promise<unknown[]>(resolve => {
    stream.once('response', headers => { resolve([headers['grpc-status']]) })
  })
  t.equal(status, '16', 'no byte of a message was sent')
  t.equal(seen, 'secret /sluice.v1.Ingest/Publish undefined')
})

t.test('authentication that takes its time holds the message back, and one that fails is told', async t => {
  const { sender, ingress } = await startGrpc(t)
  let found: (who: typeof anonymous) => void = () => {}
  ingress.authenticated = () => new Promise(resolve => { found = resolve })
  const sending = sender.publish(event)
  await until(() => ingress.connectionIds.size === 1)
  t.equal(ingress.reservedBytes, 0)
  found(anonymous)
  t.equal((await sending).told, 'written')
  ingress.authenticated = () => Promise.reject(new Error('broken'))
  t.match(await sender.publish(event), { told: 'internal', code: 13 })
  ingress.authenticated = () => refuse('unverifiable', 'the issuer does not answer')
  t.match(await sender.publish(event), { told: 'unverifiable', code: 14 })
})

t.test('the peer of a call is the one of its connection, whatever else is connected', async t => {
  const { ingress, session } = await startGrpc(t)
  const peers = new Map<string, number>()
  ingress.authenticated = ({ attributes }, peer) => {
    peers.set(attributes.get('x-name') ?? '', peer.connectionId)
    return refuse('unauthenticated', 'for a test')
  }
  const [one, other] = [session(), session()]
  for (const [index, name] of ['a', 'b', 'c', 'd'].entries()) {
    beginCall(index % 2 === 0 ? one : other, 'PublishStream', { 'x-name': name })
  }
  await until(() => peers.size === 4)
  t.equal(peers.get('a'), peers.get('c'))
  t.equal(peers.get('b'), peers.get('d'))
  t.not(peers.get('a'), peers.get('b'))
})

t.test('bytes that are not the message are malformed, and no fault of the server', async t => {
  const { sender, ingress } = await startGrpc(t)
  for (const bytes of [Buffer.from([0x0a, 0x50]), Buffer.from('nonsense'), Buffer.alloc(0), Buffer.alloc(20, 0xff)]) {
    t.match(await sender.raw('Publish', bytes), { code: 3, told: 'malformed' }, bytes.toString('hex'))
  }
  t.equal(ingress.refusals.length, 4)
  t.equal(ingress.reservedBytes, 0)
})

t.test('a message above the limit is refused before it has come in', async t => {
  const { session, ingress } = await startGrpc(t, { messageBytesMax: 1_000 })
  const stream = beginCall(session(), 'Publish')
  const status = new Promise(resolve => { stream.once('response', headers => { resolve(headers['grpc-status']) }) })
  stream.write(Buffer.from([0, 0, 0, 3, 0xe9]))
  t.equal(await status, '8')
  t.match(ingress.refusals, [{ refusal: { code: 'too-large' } }])
  t.equal(ingress.reservedBytesPeak, 0)
})

t.test('a compressed message is reserved for the most it can be, and a bomb does not go off', async t => {
  const { session, ingress } = await startGrpc(t, { messageBytesMax: 100_000 })
  const request = PublishRequest.encode({ event: { $case: 'flat', flat: flatEvent(event) }, channel: '' }).finish()
  const send = (bytes: Buffer): Promise<unknown> => {
    const stream = beginCall(session(), 'Publish', { 'grpc-encoding': 'gzip' })
    stream.end(framed(gzipSync(bytes), true))
    stream.resume()
    return new Promise(resolve => {
      stream.once('trailers', headers => { resolve(headers['grpc-status']) })
      stream.once('response', headers => { if (headers['grpc-status'] !== undefined) resolve(headers['grpc-status']) })
    })
  }
  t.equal(await send(Buffer.from(request)), '0')
  t.equal(ingress.reservedBytesPeak, 100_000)
  t.equal(await send(Buffer.alloc(50_000_000)), '8')
  await until(() => ingress.reservedBytes === 0)
  t.equal(ingress.envelopes.length, 1)
})

t.test('a batch has a result for each event, in order', async t => {
  const { sender, ingress } = await startGrpc(t)
  ingress.outcomeOf = (envelope, index) => index === 1 ? refuse('forbidden', 'not you') : receiptOf(envelope, index)
  const { results } = await sender.batch([
    event, event, { channel: 'orders//eu' }, { channel: 'orders/us', data: Buffer.from('2') }, { ...event, source: '/s' }
  ])
  const told = results?.map(({ result }) => result?.$case === 'refusal' ? result.refusal.code : result?.receipt.source)
  t.same(told, ['/orders/eu', 'forbidden', 'malformed', '/orders/us', 'invalid-event'])
  t.same(ingress.batches, [2, 1], 'events of one channel are ingested together')
  t.equal(ingress.reservedBytes, 0)
  t.same((await sender.batch([])).results, [])
})

t.test('a batch with too many events is refused as a whole', async t => {
  const { sender, ingress } = await startGrpc(t, { batchEventsMax: 2 })
  t.match(await sender.batch([event, event, event]), { told: 'too-large', code: 8 })
  t.equal(ingress.envelopes.length, 0)
})

t.test('a deadline that passes is told as such, and everything is freed when the outcome is there', async t => {
  const { sender, ingress, level } = await startGrpc(t)
  ingress.outcomeOf = () => undefined
  t.match(await sender.publish(event, {}, 200), { code: 4, told: 'nothing' })
  t.equal(level('calls_in_flight'), 1, 'the event is under way')
  t.ok(ingress.reservedBytes > 0)
  ingress.pending[0]?.settle(refuse('delivery-timeout', 'late'))
  t.equal(ingress.reservedBytes, 0)
  await until(() => level('calls_in_flight') === 0)
})

t.test('a deadline in the far future is none', async t => {
  const { ingress, session } = await startGrpc(t)
  ingress.outcomeOf = () => undefined
  const stream = beginCall(session(), 'Publish', { 'grpc-timeout': '2592000S' })
  stream.end(framed(Buffer.from(PublishRequest.encode({ event: { $case: 'flat', flat: flatEvent(event) }, channel: '' }).finish())))
  await until(() => ingress.pending.length === 1)
  const ended = new Promise(resolve => { stream.once('trailers', headers => { resolve(headers['grpc-status']) }) })
  stream.resume()
  const [pending] = ingress.pending
  if (pending !== undefined) pending.settle(receiptOf(pending.envelope, 0))
  t.equal(await ended, '0')
})

t.test('a client that does not send its message is dropped', async t => {
  const { ingress, session, level } = await startGrpc(t, { messageTimeoutMs: 80 })
  const stream = beginCall(session(), 'Publish')
  stream.write(Buffer.from([0, 0, 0, 0, 100, 1]))
  await until(() => level('reserved_bytes') > 0)
  await until(() => stream.destroyed && level('calls_in_flight') === 0)
  t.equal(level('reserved_bytes'), 0)
  t.same(ingress.refusals, [], 'a call that is broken off is no malformed one')
})

t.test('creating a door has no side effects', async t => {
  t.equal(grpc.protocol, 'grpc')
  const { adapter, level } = await startGrpc(t)
  t.equal(level('connections_open'), 0)
  await adapter.drain()
})
