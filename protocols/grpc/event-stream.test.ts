// Tests of PublishStream: acks that mean something, a window, and everything that ends a stream from outside.

import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import { beginCall, framed, startGrpc } from '../../test/support/grpc-rig.ts'
import { flatEvent } from '../../test/support/grpc-client.ts'
import type { StreamSender } from '../../test/support/grpc-client.ts'
import { until } from '../../test/support/rest-rig.ts'
import { PublishStreamRequest } from './generated/sluice/v1/ingest.ts'

const data = Buffer.from('{"a":1}')

/** Bytes of one event of a stream. */
function eventBytes (id: number, size = 10, channel = 'orders/eu'): Buffer {
  const flat = flatEvent({ channel, data: Buffer.alloc(size) })
  return Buffer.from(PublishStreamRequest.encode({ id, channel: '', message: { $case: 'flat', flat } }).finish())
}

t.test('a thousand events in flight are acked when they are settled, in whatever order, and not before', async t => {
  const { sender, ingress, level } = await startGrpc(t)
  ingress.outcomeOf = () => undefined
  const stream = sender.stream()
  for (let id = 1; id <= 1_000; id++) stream.send(id, { data, id: String(id), source: '/s', type: 't' })
  await until(() => ingress.pending.length === 1_000)
  t.equal(level('events_in_flight'), 1_000)
  t.same(stream.windows, [1_000])
  t.equal(stream.acked, 0, 'nothing is acked')
  t.ok(ingress.reservedBytes > 20_000)
  const [first, ...others] = ingress.pending
  for (const [index, { envelope, settle }] of others.reverse().entries()) settle(receiptOf(envelope, index))
  const answersCount = stream.answers.length
  await new Promise(resolve => { setImmediate(resolve) })
  t.equal(stream.acked, 0, 'the first has no outcome yet')
  first?.settle(receiptOf(first.envelope, 0))
  await until(() => stream.acked === 1_000)
  t.equal(stream.answers.length, answersCount + 1, 'one answer for all')
  t.equal(ingress.reservedBytes, 0)
  stream.end()
  t.equal((await stream.ended).code, 0)
  await until(() => level('calls_in_flight') === 0)
})

t.test('events of one turn that share a channel are ingested together', async t => {
  const { session, ingress } = await startGrpc(t)
  const stream = beginCall(session(), 'PublishStream')
  stream.resume()
  const ended = new Promise(resolve => { stream.once('trailers', headers => { resolve(headers['grpc-status']) }) })
  const channelOf = (id: number): string => id <= 200 ? 'orders/eu' : 'orders/us'
  stream.end(Buffer.concat(Array.from({ length: 300 }, (_, at) => framed(eventBytes(at + 1, 10, channelOf(at + 1))))))
  t.equal(await ended, '0')
  t.ok(ingress.batches.length < 10, `${ingress.batches.length} batches`)
  t.same(ingress.envelopes.map(({ channel }) => channel), Array.from({ length: 300 }, (_, at) => channelOf(at + 1)))
})

t.test('a nack comes before the ack that passes it, and says why', async t => {
  const { sender, ingress } = await startGrpc(t)
  ingress.outcomeOf = (envelope, index) =>
    index === 1 ? refuse('rate-limited', 'slower', { retryAfterMs: 20 }) : receiptOf(envelope, index)
  const stream = sender.stream()
  for (const id of [5, 7, 9]) stream.send(id, { data })
  stream.send(11, { channel: 'orders//eu', data })
  stream.send(12, { data, source: '/s' })
  stream.end()
  await stream.ended
  t.equal(stream.acked, 12)
  t.same(Object.fromEntries(stream.nacks), { 7: 'rate-limited', 11: 'malformed', 12: 'invalid-event' })
  const nack = stream.answers.flatMap(({ nacks }) => nacks).find(({ id }) => id === 7)
  t.match(nack?.refusal, { detail: 'slower', retryable: true, retryAfterMs: 20 })
  let acked = 0
  for (const answer of stream.answers) {
    for (const { id } of answer.nacks) t.ok(id > acked)
    acked = answer.acked ?? acked
  }
  t.same(ingress.refusals.map(({ refusal }) => refusal.code), ['malformed', 'invalid-event'], 'the node hears of its own')
})

t.test('receipts come where they are asked for, and a channel holds for all', async t => {
  const { sender, ingress } = await startGrpc(t)
  const stream = sender.stream()
  stream.open({ receipts: true, channel: 'orders/us' })
  stream.send(1, { channel: '', data })
  stream.send(2, { data })
  stream.end()
  t.equal((await stream.ended).code, 0)
  t.same([...stream.receipts].map(([id, { offset }]) => [id, offset]), [[1, 0], [2, 1]])
  t.same(ingress.envelopes.map(({ channel }) => channel), ['orders/us', 'orders/eu'])
})

t.test('what breaks the order of a stream ends it, after what was taken is acked', async t => {
  const cases: readonly (readonly [string, (stream: StreamSender) => void])[] = [
    ['an id twice', stream => { stream.send(1, { data }) }],
    ['an id of 0', stream => { stream.send(0, { data }) }],
    ['open in the middle', stream => { stream.open({}) }]
  ]
  for (const [what, breakIt] of cases) {
    const { sender, ingress } = await startGrpc(t)
    const stream = sender.stream()
    stream.send(1, { data })
    breakIt(stream)
    stream.send(100, { data })
    t.match(await stream.ended, { code: 3, told: 'malformed' }, what)
    t.equal(stream.acked, 1, 'the first is acked')
    t.equal(ingress.envelopes.length, 1, 'what came behind is not read')
    t.equal(ingress.reservedBytes, 0)
  }
})

t.test('bytes that are no message end the stream as malformed', async t => {
  const { session, ingress } = await startGrpc(t)
  const stream = beginCall(session(), 'PublishStream')
  const status = new Promise(resolve => { stream.once('trailers', headers => { resolve(headers['grpc-status']) }) })
  stream.resume()
  stream.write(framed(Buffer.from([0x12, 0x50, 1])))
  t.equal(await status, '3')
  t.match(ingress.refusals, [{ refusal: { code: 'malformed' } }])
  t.equal(ingress.reservedBytes, 0)
})

t.test('reading stops when the window is full, and goes on when there is room', async t => {
  const { sender, ingress } = await startGrpc(t, { eventsInFlightMax: 10 })
  ingress.outcomeOf = () => undefined
  const stream = sender.stream()
  for (let id = 1; id <= 500; id++) stream.send(id, { data: Buffer.alloc(1_000) })
  await until(() => ingress.pending.length === 10)
  // Whatever could be read would have been by the time that two more calls are answered.
  for (let round = 0; round < 2; round++) t.equal((await sender.batch([])).told, 'written')
  t.equal(ingress.pending.length, 10)
  ingress.outcomeOf = receiptOf
  for (const { envelope, settle } of ingress.pending) settle(receiptOf(envelope, 0))
  await until(() => stream.acked === 500)
})

t.test('the window shrinks under pressure and grows back, and the client is told', async t => {
  const { sender, ingress } = await startGrpc(t, { eventsInFlightMax: 80 })
  const stream = sender.stream()
  await until(() => stream.windows.length === 1)
  ingress.pressure.set(true)
  await until(() => stream.windows.length === 2)
  ingress.pressure.set(false)
  await until(() => stream.windows.length === 3)
  t.same(stream.windows, [80, 10, 80])
})

t.test('a stream waits while there is no memory, and is refused when that lasts', async t => {
  const { sender, ingress } = await startGrpc(t, { streamIdleTimeoutMs: 2_000 })
  ingress.reservation = () => refuse('overloaded', 'no memory')
  const stream = sender.stream()
  for (let id = 1; id <= 5; id++) stream.send(id, { data })
  await until(() => stream.windows.length === 1)
  t.equal(ingress.envelopes.length, 0)
  ingress.reservation = undefined
  await until(() => stream.acked === 5)
  ingress.reservation = () => refuse('overloaded', 'no memory')
  stream.send(6, { data })
  t.match(await stream.ended, { code: 14, told: 'overloaded', retryAfterMs: 1_000 })
  t.equal(ingress.reservedBytes, 0)
})

t.test('a stream that breaks off frees what waits at once, and what is under way when it is settled', async t => {
  const { sender, ingress, level } = await startGrpc(t)
  ingress.outcomeOf = () => undefined
  const stream = sender.stream()
  for (let id = 1; id <= 100; id++) stream.send(id, { data })
  await until(() => ingress.pending.length === 100)
  stream.call.cancel()
  await until(() => level('streams_open') === 1 && level('connections_open') === 1)
  t.equal(level('events_in_flight'), 100)
  for (const { envelope, settle } of ingress.pending) settle(receiptOf(envelope, 0))
  t.equal(ingress.reservedBytes, 0)
  await until(() => level('calls_in_flight') === 0)
})

t.test('an open stream ends when the access of its sender does, after its last acks', async t => {
  const { sender, ingress } = await startGrpc(t)
  ingress.outcomeOf = () => undefined
  const stream = sender.stream()
  stream.send(1, { data })
  await until(() => ingress.pending.length === 1)
  ingress.revoke('anonymous')
  const [pending] = ingress.pending
  pending?.settle(receiptOf(pending.envelope, 0))
  t.match(await stream.ended, { code: 16, told: 'unauthenticated' })
  t.equal(stream.acked, 1)
})

t.test('an open stream ends when the proof of its sender does', async t => {
  const { sender, ingress } = await startGrpc(t, { writeTimeoutMs: 100 })
  ingress.authenticated = () => ({ name: 'short', groups: [], anonymous: false, expiresAtMs: Date.now() + 150 })
  const stream = sender.stream()
  stream.send(1, { data })
  t.match(await stream.ended, { code: 16, told: 'unauthenticated' })
  t.equal(stream.acked, 1)
})

t.test('an event that the node refuses for its sender ends the stream too', async t => {
  const { sender, ingress } = await startGrpc(t)
  ingress.outcomeOf = () => refuse('unauthenticated', 'disabled')
  const stream = sender.stream()
  stream.send(1, { data })
  t.match(await stream.ended, { code: 16, told: 'unauthenticated', detail: 'disabled' })
  t.same([...stream.nacks], [[1, 'unauthenticated']])
})

t.test('at the end a stream gets its last acks, and is told why nothing more is taken', async t => {
  const { sender, ingress, adapter } = await startGrpc(t)
  ingress.outcomeOf = () => undefined
  const stream = sender.stream()
  for (let id = 1; id <= 10; id++) stream.send(id, { data })
  await until(() => ingress.pending.length === 10)
  ingress.draining.set(true)
  const drained = adapter.drain()
  stream.send(11, { data })
  for (const { envelope, settle } of ingress.pending) settle(receiptOf(envelope, 0))
  t.match(await stream.ended, { code: 14, told: 'shutting-down' })
  t.equal(stream.acked, 10)
  t.equal(ingress.envelopes.length, 10)
  await drained
})

t.test('a stream that stands still with nothing in flight is ended, with nothing amiss', async t => {
  const { sender, ingress } = await startGrpc(t, { streamIdleTimeoutMs: 100 })
  const stream = sender.stream()
  stream.send(1, { data })
  t.equal((await stream.ended).code, 0)
  t.equal(stream.acked, 1)
  t.equal(ingress.refusals.length, 0)
})

t.test('a message that stops in its middle ends the stream, and not as if all were well', async t => {
  const { session, level } = await startGrpc(t, { streamIdleTimeoutMs: 100 })
  const stream = beginCall(session(), 'PublishStream')
  stream.resume()
  stream.write(framed(eventBytes(1)).subarray(0, 10))
  await until(() => level('reserved_bytes') > 0)
  await until(() => stream.closed && level('calls_in_flight') === 0)
  t.equal(stream.rstCode, 8)
  t.equal(level('reserved_bytes'), 0)
})

t.test('a client that does not read its answers is not read further, and dropped', async t => {
  const { session, ingress, level } = await startGrpc(t, { eventsInFlightMax: 20, writeTimeoutMs: 200 })
  ingress.outcomeOf = () => refuse('forbidden', 'x'.repeat(2_000))
  const client = session()
  await new Promise(resolve => { client.once('connect', resolve) })
  const stream = beginCall(client, 'PublishStream')
  // It takes nothing: after its flow-control window, what is written to it stays here.
  stream.pause()
  for (let id = 1; id <= 2_000; id++) stream.write(framed(eventBytes(id)))
  await until(() => level('calls_in_flight') === 1)
  await until(() => level('calls_in_flight') === 0, 10_000)
  t.ok(ingress.envelopes.length < 400, `${ingress.envelopes.length} were read`)
  t.equal(ingress.reservedBytes, 0)
})

t.test('cut anywhere, bytes make the same events', async t => {
  const { session, ingress } = await startGrpc(t)
  const bytes = Buffer.concat(Array.from({ length: 20 }, (_, index) => framed(eventBytes(index + 1, index * 30))))
  const stream = beginCall(session(), 'PublishStream')
  stream.resume()
  const ended = new Promise(resolve => { stream.once('trailers', headers => { resolve(headers['grpc-status']) }) })
  for (let at = 0; at < bytes.length; at += 37) {
    stream.write(bytes.subarray(at, at + 37))
    if (at % 5 === 0) await new Promise(resolve => { setImmediate(resolve) })
  }
  stream.end()
  t.equal(await ended, '0')
  t.same(ingress.envelopes.map(one => one.data?.length), Array.from({ length: 20 }, (_, index) => index * 30))
  t.equal(ingress.reservedBytes, 0)
})
