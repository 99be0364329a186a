// The WebSocket door as its clients see it: hello, acks, nacks, the window, receipts, the end of a connection.

import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import type { Pending } from '../../test/support/fake-ingress.ts'
import { until } from '../../test/support/rest-rig.ts'
import { startWebsocket, varint } from '../../test/support/websocket-rig.ts'

const ids = (count: number): number[] => Array.from({ length: count }, (_, at) => at + 1)
function settle ({ envelope, settle }: Pending): void { settle(receiptOf(envelope, 0)) }

t.test('the first message tells what a client may do', async t => {
  const rig = await startWebsocket(t)
  const client = await rig.connect()
  t.same(client.messages, [{
    type: 'hello', protocol: 'sluice.v1', authenticated: true, window: 1_000, messageBytesMax: 1_048_576, channelsMax: 256
  }])
  t.equal(client.socket.protocol, 'sluice.v1')
  t.equal(client.socket.extensions, '')
})

t.test('a thousand events are in flight, end in any order, and no ack passes one that is open', async t => {
  const rig = await startWebsocket(t)
  rig.ingress.outcomeOf = () => undefined
  const client = await rig.connect()
  for (const id of ids(1_000)) client.event(id)
  await until(() => rig.ingress.pending.length === 1_000)
  t.equal(rig.gauge('events_in_flight'), 1_000)
  t.ok(rig.gauge('reserved_bytes') > 40_000)
  const [first, ...others] = rig.ingress.pending
  for (const one of others.reverse()) settle(one)
  await until(() => rig.gauge('events_in_flight') === 1)
  t.equal(client.acked, -1)
  if (first !== undefined) settle(first)
  await client.until(({ acked }) => acked === 1_000)
  t.same(client.texts.slice(1), ['{"type":"ack","id":1000}'], 'one message for all of them')
  t.equal(rig.ingress.reservedBytes, 0)
})

t.test('events of one read that go to one channel are ingested as one call, in order', async t => {
  const rig = await startWebsocket(t)
  const client = await rig.connect()
  const records = ids(50).flatMap(id => [0x11, ...varint(id), 9, ...Buffer.from('orders/eu'), 1, 0x31])
  client.send(Buffer.from(records))
  await client.until(({ acked }) => acked === 50)
  t.same(rig.ingress.batches, [50])
  t.ok(rig.ingress.envelopes.every(({ channel, data }) => channel === 'orders/eu' && data?.toString() === '1'))
})

t.test('nacks say why, and come before the ack that passes them', async t => {
  const rig = await startWebsocket(t)
  rig.ingress.outcomeOf = (envelope, index) => index === 1
    ? refuse('rate-limited', 'slow down', { retryAfterMs: 1_200 })
    : index === 2 ? refuse('invalid-event', 'no', { pointer: '/a' }) : receiptOf(envelope, index)
  const client = await rig.connect()
  for (const id of ids(4)) client.event(id)
  await client.until(({ acked }) => acked === 4)
  t.same(client.texts.slice(1).filter(text => text.includes('nack')), [
    '{"type":"nack","id":2,"code":"rate-limited","outcome":"refused","detail":"slow down","retryable":true,"retryAfterMs":1200}',
    '{"type":"nack","id":3,"code":"invalid-event","outcome":"refused","detail":"no","pointer":"/a","retryable":false}'
  ])
  t.equal(client.messages.at(-1)?.type, 'ack')
})

t.test('a client beyond its window is not read, and loses nothing', async t => {
  const rig = await startWebsocket(t, { config: { windowEventsMax: 10 } })
  rig.ingress.outcomeOf = () => undefined
  const client = await rig.connect()
  for (const id of ids(2_000)) client.event(id, 'x'.repeat(1_000))
  await until(() => rig.gauge('connections_not_read') === 1)
  t.equal(rig.ingress.envelopes.length, 10)
  t.ok(rig.gauge('queued_bytes') <= 65_536 + 2_000, `${rig.gauge('queued_bytes')} bytes wait: what one read gives`)
  t.ok(rig.gauge('reserved_bytes') <= 65_536 + 20_000)
  let peak = 0
  rig.ingress.outcomeOf = envelope => {
    peak = Math.max(peak, rig.gauge('events_in_flight'))
    return receiptOf(envelope, 0)
  }
  for (const one of rig.ingress.pending.splice(0)) settle(one)
  await client.until(({ acked }) => acked === 2_000)
  t.ok(peak <= 10, `${peak}`)
  t.same(rig.ingress.envelopes.map(({ data }) => data?.length), ids(2_000).map(() => 1_002))
  t.equal(rig.ingress.reservedBytes, 0)
})

t.test('the window is enforced within one binary message too', async t => {
  const rig = await startWebsocket(t, { config: { windowEventsMax: 7 } })
  rig.ingress.outcomeOf = () => undefined
  const client = await rig.connect()
  client.send(Buffer.from(ids(100).flatMap(id => [0x11, ...varint(id), 1, 0x61, 1, 0x31])))
  await until(() => rig.ingress.pending.length === 7)
  for (let round = 0; rig.ingress.envelopes.length < 100; round++) {
    t.ok(rig.gauge('events_in_flight') <= 7)
    const before = rig.ingress.envelopes.length
    for (const one of rig.ingress.pending.splice(0)) settle(one)
    await until(() => rig.ingress.envelopes.length > before)
  }
  for (const one of rig.ingress.pending.splice(0)) settle(one)
  await client.until(({ acked }) => acked === 100)
})

t.test('under pressure the window shrinks for whoever sends, and is given back', async t => {
  const rig = await startWebsocket(t, { config: { windowEventsMax: 80 } })
  const client = await rig.connect()
  const idle = await rig.connect()
  rig.ingress.pressure.set(true)
  client.event(1)
  await client.until(({ acked }) => acked === 1)
  t.match(client.messages.slice(1), [{ type: 'ack' }, { type: 'window', window: 10 }])
  rig.ingress.pressure.set(false)
  await client.until(({ texts }) => texts.length === 4)
  t.match(client.messages[3], { type: 'window', window: 80 })
  t.equal(idle.texts.length, 1)
})

t.test('receipts are told when they are asked for, for one event or for all', async t => {
  const rig = await startWebsocket(t)
  const client = await rig.connect()
  client.event(1)
  client.send({ type: 'event', id: 2, channel: 'orders/eu', data: 1, receipt: true })
  await client.until(({ acked }) => acked === 2)
  t.match(client.messages.filter(({ type }) => type === 'receipt'), [
    { id: 2, receipt: { outcome: 'written', id: 'made-1', ack: 'kafka', topic: 'topic1', partition: 0, offset: 1 } }
  ])
  client.send({ type: 'open', receipts: true })
  client.event(3)
  await client.until(({ acked }) => acked === 3)
  t.match(client.messages.filter(({ type }) => type === 'receipt').at(-1), { id: 3, receipt: { offset: 2 } })
})

t.test('channels are declared once, with what their events have in common', async t => {
  const rig = await startWebsocket(t, { config: { channelsMax: 4 } })
  const client = await rig.connect({ headers: { 'x-from-proxy': 'kept' } })
  client.send({ type: 'channel', number: 3, channel: 'orders/eu', attributes: { 'content-type': 'text/csv', 'x-from-proxy': 'no' } })
  client.send(Buffer.from([0, 1, 3, ...Buffer.from('a;b')]))
  client.event(2, 1, 3)
  client.event(3, 1, 2)
  await client.until(({ acked }) => acked === 3)
  t.match(rig.ingress.envelopes[0], { channel: 'orders/eu', datacontenttype: 'text/csv', wrapped: true, id: '' })
  t.equal(rig.ingress.envelopes[0]?.attributes.get('x-from-proxy'), 'kept')
  t.equal(rig.ingress.envelopes[0]?.attributes.get('content-type'), 'text/csv')
  t.same(client.nacks, ['3 malformed'])
  client.send({ type: 'channel', number: 4, channel: 'orders/eu' })
  await client.closed()
  t.equal(client.closeCode, 1008)
})

const endings: readonly (readonly [title: string, message: object | Buffer | string, code: number])[] = [
  ['no JSON', 'x', 1007],
  ['JSON of another kind', '[]', 1007],
  ['a type that is not known', { type: 'subscribe' }, 1007],
  ['an event without an id', { type: 'event', channel: 'a' }, 1007],
  ['an id that is no integer', '{"type":"event","id":1.5,"channel":"a"}', 1007],
  ['an id that does not grow', { type: 'event', id: 0, channel: 'a' }, 1008],
  ['a record with unknown flags', Buffer.from([0x80, 9, 0]), 1007],
  ['an empty binary message', Buffer.alloc(0), 1007],
  ['a message above the limit', Buffer.alloc(5_000), 1009]
]

t.test('what cannot be one event ends the connection, after the acks of those before', async t => {
  for (const [title, message, code] of endings) {
    const rig = await startWebsocket(t, { config: { messageBytesMax: 4_096 } })
    const client = await rig.connect()
    client.event(0)
    await client.until(({ acked }) => acked === 0)
    if (typeof message === 'string') client.socket.send(message)
    else client.send(message)
    await client.closed()
    t.equal(client.closeCode, code, title)
    await until(() => rig.gauge('connections_open') === 0)
    t.equal(rig.ingress.reservedBytes, 0)
  }
})

t.test('what can be one event is nacked, and the rest goes on', async t => {
  const rig = await startWebsocket(t)
  const client = await rig.connect()
  client.send({ type: 'event', id: 1, channel: '/x', data: 1 })
  client.send({ type: 'event', id: 2, channel: 'a', data: 1, text: 'b' })
  client.send({ type: 'event', id: 3, channel: 'a', dta: 1 })
  client.send({ type: 'event', id: 4, channel: 'a', cloudevent: { id: '1' } })
  client.send({ type: 'event', id: 5, channel: 'a', data: 1 })
  await client.until(({ acked }) => acked === 5)
  t.same(client.nacks, ['1 malformed', '2 malformed', '3 malformed', '4 invalid-event'])
  t.equal(rig.ingress.refusals.length, 4, 'the node hears of each')
  t.equal(rig.ingress.envelopes.length, 1)
})

t.test('a disconnect frees everything, once what was ingested has its outcome', async t => {
  const rig = await startWebsocket(t)
  rig.ingress.outcomeOf = () => undefined
  const client = await rig.connect()
  for (const id of ids(3)) client.event(id)
  client.socket.send('{"type":"event","id":4,', { fin: false })
  await until(() => rig.ingress.pending.length === 3)
  const heldBytes = rig.ingress.reservedBytes
  client.terminate()
  await until(() => rig.ingress.reservedBytes < heldBytes)
  t.equal(rig.gauge('events_in_flight'), 3)
  for (const one of rig.ingress.pending.splice(0)) settle(one)
  await until(() => rig.gauge('connections_open') === 0)
  t.equal(rig.ingress.reservedBytes, 0)
  t.equal(rig.ingress.envelopes.length, 3)
})

t.test('at the end of the gateway what is in flight is told, nothing more is read, and the close says so', async t => {
  const rig = await startWebsocket(t)
  rig.ingress.outcomeOf = () => undefined
  const client = await rig.connect()
  const idle = await rig.connect()
  client.event(1)
  await until(() => rig.ingress.pending.length === 1)
  rig.ingress.draining.set(true)
  const drained = rig.adapter.drain()
  client.event(2)
  await idle.closed()
  t.equal(idle.closeCode, 1012)
  t.equal(client.closeCode, 0)
  const late = await rig.connect()
  t.match(JSON.parse(late.body), { status: 503, code: 'shutting-down', retryable: true })
  for (const one of rig.ingress.pending.splice(0)) settle(one)
  await client.closed()
  await drained
  t.match([client.acked, client.closeCode], [1, 1012])
  t.equal(rig.ingress.envelopes.length, 1)
})

t.test('a fault of the door itself is logged and ends one connection', async t => {
  const logged: string[] = []
  const log = { debug () {}, info () {}, warn () {}, error: (_fields: object, text: string) => { logged.push(text) } }
  const rig = await startWebsocket(t, { log })
  rig.ingress.refused = () => { throw new Error('planted') }
  const client = await rig.connect()
  client.send({ type: 'event', id: 1, channel: '', data: 1 })
  await client.closed()
  t.equal(client.closeCode, 1011)
  t.equal(logged.length, 1)
})
