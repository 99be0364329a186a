// A bridge against a broker that plays its part: acks only after outcomes and in order, retries, silence, reconnects.

import t from 'tap'
import { bridgeSettings, plant, soon, startBridge } from '../../test/support/bridge-rig.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import type { Pending } from '../../test/support/fake-ingress.ts'
import type { FakeBroker, FakeLink } from '../../test/support/fake-mqtt-broker.ts'
import { refusals, refuse, retryable } from '../../src/contract/outcome.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import { mqttBridge } from './index.ts'

function writtenAt (pending: Pending | undefined): void {
  if (pending === undefined) throw new Error('no such event is pending')
  pending.settle(receiptOf(pending.envelope, 0))
}

for (const version of ['3.1.1', 5] as const) {
  t.test(`${version}: it greets with its session, subscribes at QoS 1, and says as much of itself as it may`, async t => {
    const settings = { version, subscriptions: ['$share/g/a/#', 'b/+'], inFlightEventsMax: 7 }
    const rig = await startBridge(t, { settings })
    const link = await rig.link()
    t.match(link.connect, { cleanStart: false, keepAlive: 60, clientId: 'b-n-0', version: version === 5 ? 5 : 4 })
    if (version === 5) {
      t.match(link.connect?.properties, {
        receiveMaximum: 7, sessionExpiryInterval: 86_400, maximumPacketSize: 1_048_576
      })
    }
    const subscribe = link.packets.find(one => one.type === 'SUBSCRIBE')
    t.match(subscribe, { subscriptions: [{ topicFilter: '$share/g/a/#', qos: 1 }, { topicFilter: 'b/+', qos: 1 }] })
  })

  t.test(`${version}: messages are acknowledged after their outcomes, in the order of receipt [MQTT-4.6.0-2]`, async t => {
    const rig = await startBridge(t, { settings: { version } })
    rig.ingress.outcomeOf = () => undefined
    const link = await rig.link()
    for (const id of [11, 12, 13, 14]) link.publish(id, `{"a":${id}}`)
    await soon(() => rig.ingress.pending.length === 4, 'four events')
    const [first, second, third, last] = rig.ingress.pending
    t.match(first?.envelope, { channel: 'orders/eu', principal: plant, patient: true, wrapped: true })
    t.match(first?.envelope.peer, { address: '127.0.0.1', secure: false })
    writtenAt(third)
    writtenAt(second)
    rig.ingress.pending.splice(0)
    link.write({ type: 'PINGRESP' })
    t.same(link.acknowledged, [], 'the first is not there yet')
    t.ok(rig.gauge('reserved_bytes') > 0)
    t.equal(rig.gauge('reserved_bytes'), rig.ingress.reservedBytes)
    writtenAt(first)
    await soon(() => link.acknowledged.length === 3, 'three acks')
    writtenAt(last)
    await soon(() => link.acknowledged.length === 4, 'four acks')
    t.same(link.acknowledged, [11, 12, 13, 14])
    t.equal(rig.ingress.reservedBytes, 0)
    t.equal(rig.gauge('messages_held'), 0)
  })

  t.test(`${version}: what can be tried again is tried again, and is acknowledged once it is written`, async t => {
    for (const code of (Object.keys(refusals) as RefusalCode[])) {
      if (!retryable(code) && code !== 'unauthenticated') continue
      const rig = await startBridge(t, { settings: { version } })
      let triesCount = 0
      rig.ingress.outcomeOf = envelope =>
        ++triesCount < 4 ? refuse(code, 'for a test', { retryAfterMs: 1 }) : receiptOf(envelope, 0)
      const link = await rig.link()
      link.publish(1, 'x')
      await soon(() => link.acknowledged.length === 1, `an ack after ${code}`)
      t.equal(triesCount, 4, code)
      t.same(new Set(rig.ingress.envelopes).size, 1, 'the same event, so it keeps its id')
      t.equal(rig.gauge('messages_retried_total'), 3)
      t.equal(rig.ingress.reservedBytes, 0)
    }
  })

  t.test(`${version}: what is refused for good is acknowledged, counted and logged [MQTT-4.5.0-2]`, async t => {
    const rig = await startBridge(t, { settings: { version } })
    const link = await rig.link()
    rig.ingress.outcomeOf = (envelope, at) => at === 0 ? refuse('forbidden', 'for a test') : receiptOf(envelope, at)
    link.publish(1, 'x')
    link.publish(2, 'y', { topicName: '$SYS/broker' })
    link.publish(3, 'z')
    await soon(() => link.acknowledged.length === 3, 'three acks')
    t.same(link.reasonCodes, version === 5 ? [0x87, 0x90, 0] : [0, 0, 0])
    t.equal(rig.gauge('messages_refused_total'), 2)
    t.match(rig.lines.find(one => one.level === 'warn'), { fields: { bridge: 'b', topic: 'orders/eu', code: 'forbidden' } })
    t.same(rig.ingress.refusals.map(({ refusal }) => refusal.code), ['malformed'], 'the node hears of what it has not seen')
  })
}

t.test('onRefused: stop leaves the message with the broker and reads no more', async t => {
  const rig = await startBridge(t, { settings: { onRefused: 'stop' } })
  const link = await rig.link()
  rig.ingress.outcomeOf = () => refuse('no-route', 'for a test')
  link.publish(1, 'x')
  await soon(() => link.isClosed, 'the end of the connection')
  t.same(link.acknowledged, [])
  t.equal(rig.gauge('bridges_stopped'), 1)
  t.equal(rig.ingress.reservedBytes, 0)
  t.match(rig.lines.at(-1), { level: 'error', fields: { code: 'no-route' } })
})

t.test('onUndeliverable: acknowledge gives up what Kafka refuses for good', async t => {
  const rig = await startBridge(t, { settings: { onUndeliverable: 'acknowledge' } })
  const link = await rig.link()
  rig.ingress.outcomeOf = () => refuse('undeliverable', 'for a test')
  link.publish(1, 'x')
  await soon(() => link.acknowledged.length === 1, 'an ack')
  t.same(link.reasonCodes, [0x83])
})

t.test('a held message holds up the acks behind it and not the events, until the window is full', async t => {
  const rig = await startBridge(t, { settings: { inFlightEventsMax: 4 } })
  const isHeld = ({ data }: Envelope): boolean => String(data) === 'held'
  const written = (): string[] => rig.ingress.envelopes.filter(one => !isHeld(one)).map(({ data }) => String(data))
  // As Kafka does, which answers later.
  rig.ingress.outcomeOf = (envelope, index) => isHeld(envelope) ? undefined : receiptOf(envelope, index)
  const refuseOne = async (): Promise<void> => {
    await soon(() => rig.ingress.pending.length > 0, 'a try')
    rig.ingress.pending.shift()?.settle(refuse('undeliverable', 'for a test'))
  }
  const link = await rig.link()
  link.publish(1, 'held')
  await refuseOne()
  for (const id of [2, 3, 4, 5, 6]) link.publish(id, `m${id}`)
  await soon(() => written().length === 3, 'the events behind it')
  for (let count = 0; count < 3; count++) await refuseOne()
  t.same([written(), link.acknowledged], [['m2', 'm3', 'm4'], []])
  rig.broker.sessionPresent = true
  link.socket.destroy()
  const next = await rig.link(2)
  rig.ingress.outcomeOf = receiptOf
  for (const id of [1, 2, 3, 4, 5, 6]) next.publish(id, id === 1 ? 'held' : `m${id}`, { dup: true })
  await soon(() => next.acknowledged.length === 6, 'all acks')
  t.same(written(), ['m2', 'm3', 'm4', 'm5', 'm6'], 'a new connection writes nothing twice')
})

t.test('a sink that stands still for longer than the keepalive causes no reconnect [MQTT-3.1.2-20] [MQTT-3.1.2-23]', async t => {
  const settings = { version: '3.1.1', keepAliveMs: 1_000, inFlightEventsMax: 3, readAheadBytesMax: 1_024 } as const
  const rig = await startBridge(t, { settings })
  rig.ingress.outcomeOf = () => undefined
  const link = await rig.link()
  for (let id = 1; id <= 40; id++) link.publish(id, 'x'.repeat(100))
  await soon(() => rig.ingress.pending.length === 3, 'a full window')
  const before = link.count('PINGREQ')
  await soon(() => link.count('PINGREQ') >= before + 6, 'pings for three times the keepalive')
  t.equal(rig.broker.links.length, 1)
  t.same(link.acknowledged, [])
  t.ok(rig.gauge('read_ahead_bytes') < 16_384, 'what is read ahead is bounded')
  rig.ingress.outcomeOf = receiptOf
  for (const pending of rig.ingress.pending.splice(0)) writtenAt(pending)
  await soon(() => link.acknowledged.length === 40, 'all acks')
  t.same(link.acknowledged, Array.from({ length: 40 }, (_, at) => at + 1))
  t.equal(rig.broker.links.length, 1)
})

t.test('a broker may ask for another keepalive [MQTT-3.1.2-21] [MQTT-3.2.2-21]', async t => {
  const prepare = (broker: FakeBroker): void => { broker.connackProperties = { serverKeepAlive: 1 } }
  const rig = await startBridge(t, { settings: { version: 5, keepAliveMs: 3_600_000 }, prepare })
  const link = await rig.link()
  await soon(() => link.count('PINGREQ') >= 2, 'pings')
})

t.test('a broker that does not answer PINGREQ is left for a new connection', async t => {
  const prepare = (broker: FakeBroker): void => { broker.answersPings = false }
  const rig = await startBridge(t, { settings: { keepAliveMs: 1_000 }, prepare })
  const first = await rig.link()
  await rig.link(2)
  t.ok(first.isClosed)
  t.match(rig.lines.map(({ fields }) => String(fields.reason)).join(), /has not answered PINGREQ/)
})

t.test('messages that come again over the next connection are joined with those still under way', async t => {
  const rig = await startBridge(t)
  rig.ingress.outcomeOf = () => undefined
  const link = await rig.link()
  for (const id of [1, 2, 3]) link.publish(id, `m${id}`)
  await soon(() => rig.ingress.pending.length === 3, 'three events')
  writtenAt(rig.ingress.pending[1])
  rig.broker.sessionPresent = true
  link.socket.destroy()
  const next = await rig.link(2)
  for (const id of [1, 2]) next.publish(id, `m${id}`, { dup: true })
  next.publish(3, 'another message with a used id', { dup: true })
  await soon(() => rig.ingress.pending.length === 4, 'the one that differs')
  writtenAt(rig.ingress.pending[0])
  writtenAt(rig.ingress.pending[3])
  await soon(() => next.acknowledged.length === 3, 'three acks')
  t.same(next.acknowledged, [1, 2, 3])
  t.equal(rig.ingress.envelopes.length, 4, 'two were not ingested again')
  t.equal(rig.gauge('messages_rejoined_total'), 2)
  writtenAt(rig.ingress.pending[2])
  await soon(() => rig.gauge('messages_held') === 0, 'nothing in flight')
  t.equal(rig.ingress.reservedBytes, 0)
  rig.ingress.pending.splice(0)
})

t.test('over a resumed session it subscribes again where that brings no retained messages', async t => {
  const cases = [
    { version: 5, subscriptions: ['$share/g/a', 'b'], expected: ['$share/g/a', 'b'] },
    { version: '3.1.1', subscriptions: ['$share/g/a', 'b'], expected: ['$share/g/a'] },
    { version: '3.1.1', subscriptions: ['b'], expected: [] }
  ] as const
  for (const { version, subscriptions, expected } of cases) {
    const rig = await startBridge(t, {
      settings: { version, subscriptions: [...subscriptions] }, prepare: broker => { broker.sessionPresent = true }
    })
    const filtersOf = (link: FakeLink): string[] => link.packets.flatMap(one =>
      one.type === 'SUBSCRIBE' ? one.subscriptions.map(({ topicFilter }) => topicFilter) : [])
    const link = await rig.link()
    t.same(filtersOf(link), subscriptions, 'another config may have made the session')
    link.socket.destroy()
    t.same(filtersOf(await rig.link(2)), expected)
  }
})

t.test('without its session nothing is joined: packet ids begin anew [MQTT-3.2.2-5]', async t => {
  const rig = await startBridge(t)
  rig.ingress.outcomeOf = () => undefined
  const link = await rig.link()
  link.publish(1, 'x')
  await soon(() => rig.ingress.pending.length === 1, 'an event')
  link.socket.destroy()
  const next = await rig.link(2)
  t.equal(next.count('SUBSCRIBE'), 1)
  next.publish(1, 'x', { dup: true })
  await soon(() => rig.ingress.pending.length === 2, 'it is another event')
  for (const pending of rig.ingress.pending.splice(0)) writtenAt(pending)
  await soon(() => next.acknowledged.length === 1 && rig.gauge('messages_held') === 0, 'one ack')
  t.equal(rig.ingress.reservedBytes, 0)
})

t.test('without room in the budget messages wait, and go on when there is some', async t => {
  const rig = await startBridge(t)
  rig.ingress.reservation = () => refuse('overloaded', 'for a test')
  const link = await rig.link()
  for (const id of [1, 2]) link.publish(id, 'x')
  await soon(() => rig.gauge('read_ahead_bytes') > 0, 'messages that wait')
  t.equal(rig.ingress.envelopes.length, 0)
  rig.ingress.reservation = undefined
  await soon(() => link.acknowledged.length === 2, 'two acks')
  t.equal(rig.gauge('read_ahead_bytes'), 0)
})

t.test('while others use the memory up, what has its share comes in', async t => {
  const rig = await startBridge(t, { prepare: (_, ingress) => { ingress.pressure.set(true) } })
  const link = await rig.link()
  link.publish(1, 'x')
  await soon(() => link.acknowledged.length === 1, 'an ack')
})

t.test('what has no share comes in when the pressure ends', async t => {
  const rig = await startBridge(t, {
    settings: { retryDelayMaxMs: 600_000 },
    prepare: (_, ingress) => {
      ingress.pressure.set(true)
      ingress.reservation = () => ingress.pressure.on ? refuse('overloaded', 'for a test') : undefined
    }
  })
  const link = await rig.link()
  link.publish(1, 'x')
  await soon(() => rig.gauge('read_ahead_bytes') > 0, 'a message that waits')
  rig.ingress.pressure.set(false)
  await soon(() => link.acknowledged.length === 1, 'an ack')
})

t.test('QoS 0 is ingested and never acknowledged', async t => {
  const rig = await startBridge(t)
  const link = await rig.link()
  link.publish(0, 'x', { qos: 0 })
  link.publish(5, 'y')
  await soon(() => link.acknowledged.length === 1, 'an ack')
  t.equal(rig.ingress.envelopes.length, 2)
  t.equal(rig.gauge('messages_held'), 0)
})

t.test('refusals of the broker are told, and it is called again', async t => {
  const cases = [
    {
      says: 'the connection', prepare: (one: FakeBroker) => { one.connackCode = 0x86 },
      reason: /refuses the connection with code 0x86/
    },
    {
      says: 'a subscription', prepare: (one: FakeBroker) => { one.subackCode = 0x87 },
      reason: /refuses the subscription orders\/# with code 0x87/
    }
  ]
  for (const { says, prepare, reason } of cases) {
    const rig = await startBridge(t, { prepare })
    await soon(() => rig.broker.links.length >= 3, `attempts after ${says} was refused`)
    t.match(String(rig.lines.find(({ level }) => level === 'warn')?.fields.reason), reason)
    t.equal(rig.gauge('brokers_connected'), 0)
    t.ok(rig.gauge('broker_losses_total') >= 2)
  }
})

t.test('a broker that breaks the protocol, or sends what nobody asked for, is left', async t => {
  const cases = [
    { says: 'garbage', bytes: Buffer.from([0xff, 0xff, 0xff]) },
    { says: 'QoS 2', bytes: Buffer.from([0x34, 6, 0, 1, 0x61, 0, 1, 0]) },
    { says: 'UNSUBACK', bytes: Buffer.from([0xb0, 4, 0, 1, 0, 0]) },
    { says: 'DISCONNECT', bytes: Buffer.from([0xe0, 1, 0x8b]) }
  ]
  for (const { says, bytes } of cases) {
    const rig = await startBridge(t)
    const link = await rig.link()
    link.socket.write(bytes)
    await soon(() => link.isClosed && rig.broker.links.length > 1, `the end after ${says}`)
    t.equal(rig.ingress.envelopes.length, 0)
  }
})

t.test('it ends in order: nothing new, acks for what is written, and a goodbye that keeps the session', async t => {
  const rig = await startBridge(t)
  rig.ingress.outcomeOf = () => undefined
  const link = await rig.link()
  for (const id of [1, 2, 3]) link.publish(id, 'x')
  await soon(() => rig.ingress.pending.length === 3, 'three events')
  rig.ingress.draining.set(true)
  let isDrained = false
  const draining = rig.adapter.drain().then(() => { isDrained = true })
  const [first, second, third] = rig.ingress.pending.splice(0)
  writtenAt(first)
  writtenAt(third)
  t.equal(isDrained, false)
  second?.settle(refuse('shutting-down', 'for a test'))
  await draining
  await soon(() => link.isClosed, 'the end of the connection')
  t.same(link.acknowledged, [1], 'the third would overtake the second')
  t.match(link.packets.at(-1), { type: 'DISCONNECT', reasonCode: 0 })
  t.equal(rig.ingress.reservedBytes, 0)
  t.equal(rig.broker.links.length, 1)
})

t.test('all workers share a group; anything else is read by the first one only', async t => {
  const second = await startBridge(t, { worker: 1, settings: { subscriptions: ['$share/g/a/#', 'b/#'] } })
  const link = await second.link()
  t.equal(link.connect?.clientId, 'b-n-1')
  t.match(link.packets.find(one => one.type === 'SUBSCRIBE'), { subscriptions: { length: 1, 0: { topicFilter: '$share/g/a/#' } } })
  const idle = await startBridge(t, { worker: 1 })
  await idle.adapter.drain()
  t.equal(idle.gauge('broker_connects_total'), 0)
})

t.test('a bridge that was never started ends at once, and serves no listener', async t => {
  const rig = await startBridge(t)
  const adapter = mqttBridge.create({
    config: [bridgeSettings(rig.broker.url)], routes: [], ingress: rig.ingress, version: '',
    log: { debug () {}, info () {}, warn () {}, error () {} }
  })
  await adapter.drain()
  await t.rejects(mqttBridge.rehearse(adapter, {
    channel: 'a', attributes: [], data: null, peer: { address: '', port: 0, secure: false, connectionId: -1 }
  }), /reads from a broker/)
  for (const [name, read] of adapter.gauges) t.match(`${name} ${read()}`, /^[a-z][a-z0-9_]* 0$/)
})
