// Tests of messages on their way in: acknowledged in order and never early, held, tried again, refused, dropped.

import t from 'tap'
import type { Envelope } from '../../src/contract/envelope.ts'
import { refusals, refuse } from '../../src/contract/outcome.ts'
import type { Refusal, RefusalCode } from '../../src/contract/outcome.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import type { FakeIngress } from '../../test/support/fake-ingress.ts'
import { publishPacket } from '../../test/support/mqtt-client.ts'
import type { MqttClient } from '../../test/support/mqtt-client.ts'
import { encodePacket } from '../../test/support/mqtt-packets.ts'
import { eventually, startMqtt } from '../../test/support/mqtt-rig.ts'
import type { Qos } from './codec/packet.ts'

function settle (ingress: FakeIngress, index: number, refusal?: Refusal): void {
  const pending = ingress.pending[index]
  if (pending === undefined) throw new Error(`nothing is pending at ${index}`)
  pending.settle(refusal ?? receiptOf(pending.envelope, index))
}

/** The node has no memory for the sender, or has again. */
function beShort (ingress: FakeIngress, isShort = true): void {
  ingress.reservation = isShort ? () => refuse('overloaded', 'for a test', { retryAfterMs: 3_600_000 }) : undefined
  ingress.pressure.set(isShort)
}

/** What was acknowledged, in order. */
function acknowledged (client: MqttClient): string[] {
  return client.heard.flatMap(packet => packet.type === 'PUBACK' || packet.type === 'PUBREC' || packet.type === 'PUBCOMP'
    ? [`${packet.type} ${packet.packetId}${packet.reasonCode === 0 ? '' : ` 0x${packet.reasonCode.toString(16)}`}`]
    : [])
}

const release = (packetId: number) => ({ type: 'PUBREL', packetId, reasonCode: 0, properties: {} }) as const

for (const version of [4, 5] as const) {
  t.test(`version ${version}: acknowledgements come in the order of receipt, whatever the order of outcomes [MQTT-2.3.1-6] [MQTT-3.3.4-1] [MQTT-4.3.2-2] [MQTT-2.2.1-5] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11]`, async t => {
    const { connect, ingress } = await startMqtt(t)
    ingress.outcomeOf = () => undefined
    const { client } = await connect({ version })
    client.say(publishPacket({ packetId: 7 }), publishPacket({ packetId: 3, qos: 2 }), publishPacket({ packetId: 5 }))
    await eventually(() => ingress.pending.length === 3, 'three events')
    t.same(ingress.envelopes.map(({ patient }) => patient), [true, true, true], 'they have no deadline')
    settle(ingress, 2)
    settle(ingress, 1)
    client.say({ type: 'PINGREQ' })
    await client.next('PINGRESP')
    t.same(acknowledged(client), [])
    settle(ingress, 0)
    await client.next('PUBACK', 5)
    t.same(acknowledged(client), ['PUBACK 7', 'PUBREC 3', 'PUBACK 5'])
    client.say(release(3))
    await client.next('PUBCOMP', 3)
    t.equal(ingress.reservedBytes, 0)
  })

  t.test(`version ${version}: a message of QoS 2 is one event, however often it comes before PUBREL [MQTT-4.3.3-2] [MQTT-4.3.3-10] [MQTT-4.3.3-11] [MQTT-4.3.3-12]`, async t => {
    const { connect, ingress } = await startMqtt(t)
    ingress.outcomeOf = () => undefined
    const { client } = await connect({ version })
    const message = publishPacket({ packetId: 9, qos: 2 })
    client.say(message, { ...message, dup: true })
    await eventually(() => ingress.pending.length === 1, 'an event')
    client.say({ ...message, dup: true }, { type: 'PINGREQ' })
    await client.next('PINGRESP')
    t.same(acknowledged(client), [], 'while it is pending, copies of it are not answered')
    settle(ingress, 0)
    await client.next('PUBREC', 9)
    client.say({ ...message, dup: true })
    await eventually(() => acknowledged(client).length === 2, 'PUBREC again')
    client.say(release(9))
    await client.next('PUBCOMP', 9)
    t.equal(ingress.envelopes.length, 1)
    client.say(message)
    await eventually(() => ingress.pending.length === 2, 'the id is free again')
  })

  t.test(`version ${version}: after PUBACK the same packet id is another message [MQTT-4.3.2-2] [MQTT-4.3.2-5]`, async t => {
    const { connect, ingress } = await startMqtt(t)
    const { client } = await connect({ version })
    client.say(publishPacket({ packetId: 4 }))
    await client.next('PUBACK', 4)
    client.say(publishPacket({ packetId: 4, dup: true }))
    await eventually(() => acknowledged(client).length === 2, 'another PUBACK')
    t.equal(ingress.envelopes.length, 2)
  })

  t.test(`version ${version}: a fault of the gateway ends the connection without an acknowledgement [MQTT-4.8.0-2]`, async t => {
    const { connect, ingress } = await startMqtt(t)
    ingress.outcomeOf = () => refuse('internal', 'for a test')
    const { client } = await connect({ version })
    client.say(publishPacket({ packetId: 1, qos: 2 }))
    await client.ended()
    t.same(acknowledged(client), [])
    t.equal(client.heard.some(packet => packet.type === 'DISCONNECT' && packet.reasonCode === 0x83), version === 5)
  })

  t.test(`version ${version}: PUBREL of an unknown id is answered, of a pending one it ends the connection [MQTT-2.2.1-5] [MQTT-3.7.2-1]`, async t => {
    const { connect, ingress } = await startMqtt(t)
    const { client } = await connect({ version })
    client.say(release(4))
    t.equal((await client.next('PUBCOMP', 4)).reasonCode, version === 5 ? 0x92 : 0)
    ingress.outcomeOf = () => undefined
    client.say(publishPacket({ packetId: 5, qos: 2 }), release(5))
    await client.ended()
    t.notOk(acknowledged(client).includes('PUBCOMP 5'))
  })

  t.test(`version ${version}: QoS 0 is not answered, and not tried again`, async t => {
    const { connect, ingress } = await startMqtt(t)
    const { client } = await connect({ version })
    for (const code of Object.keys(refusals) as RefusalCode[]) {
      if (['unauthenticated', 'shutting-down', 'internal'].includes(code)) continue
      ingress.outcomeOf = () => refuse(code, 'for a test')
      client.say(publishPacket({ qos: 0, packetId: 0 }))
    }
    client.say({ type: 'PINGREQ' })
    await client.next('PINGRESP')
    t.same(client.types(), ['CONNACK', 'PINGRESP'])
    t.equal(ingress.envelopes.length, 12)
    t.ok(ingress.envelopes.every(({ patient }) => !patient), 'they have a deadline')
    t.equal(ingress.reservedBytes, 0)
  })
}

t.test('messages that come together and are of one kind are one request', async t => {
  const { connect, ingress } = await startMqtt(t)
  const { client } = await connect()
  client.say(...Array.from({ length: 20 }, (_, at) => publishPacket({ packetId: at + 1 })))
  await client.next('PUBACK', 20)
  t.same(ingress.batches, [20])
  client.say(
    publishPacket({ packetId: 101 }), publishPacket({ packetId: 102, properties: { userProperties: [['a', 'b']] } }),
    publishPacket({ packetId: 103, topicName: 'other' }))
  await client.next('PUBACK', 103)
  t.same(ingress.batches, [20], 'attributes and channels of their own make requests of their own')
  t.same(ingress.envelopes.slice(-3).map(({ channel }) => channel), ['orders/eu', 'orders/eu', 'other'])
})

t.test('a packet in many pieces is one message', async t => {
  const { connect, ingress } = await startMqtt(t)
  const { client } = await connect()
  ingress.outcomeOf = () => undefined
  const bytes = encodePacket(publishPacket({ payload: Buffer.alloc(50_000, 'x') }), 5)
  for (let at = 0; at < bytes.length; at += 9_999) {
    client.stream.write(bytes.subarray(at, at + 9_999))
    await new Promise(resolve => { setImmediate(resolve) })
  }
  await eventually(() => ingress.pending.length === 1, 'the event')
  t.ok(ingress.reservedBytes >= 50_000, 'all of it is reserved while it is under way')
  settle(ingress, 0)
  await client.next('PUBACK', 1)
  t.equal(ingress.envelopes[0]?.data?.length, 50_000)
  t.equal(ingress.reservedBytes, 0)
})

t.test('who exceeds Receive Maximum is disconnected, in any chunk [MQTT-3.3.4-7]', async t => {
  const { connect, ingress, gauge } = await startMqtt(t, { config: { inFlightMax: 5 } })
  ingress.outcomeOf = () => undefined
  for (const qos of [1, 2] as const) {
    const { client } = await connect()
    client.say(...Array.from({ length: 6 }, (_, at) => publishPacket({ packetId: at + 1, qos })))
    t.equal((await client.next('DISCONNECT')).reasonCode, 0x93)
    await client.ended()
  }
  for (let at = 0; at < ingress.pending.length; at++) settle(ingress, at)
  t.equal(ingress.reservedBytes, 0)
  t.equal(gauge('paused_bytes'), 0)
})

t.test('the window of MQTT 5 opens by PUBACK, PUBCOMP and a PUBREC that refuses [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-4.3.3-9]', async t => {
  const { connect, ingress } = await startMqtt(t, { config: { inFlightMax: 2 } })
  const { client } = await connect()
  client.say(publishPacket({ packetId: 1, qos: 2 }), publishPacket({ packetId: 2, qos: 2 }))
  await client.next('PUBREC', 2)
  client.say(release(1), release(2))
  await client.next('PUBCOMP', 2)
  ingress.outcomeOf = () => refuse('forbidden', 'for a test')
  client.say(publishPacket({ packetId: 3, qos: 2 }), publishPacket({ packetId: 4, qos: 1 }))
  await client.next('PUBACK', 4)
  t.same(acknowledged(client).slice(-2), ['PUBREC 3 0x87', 'PUBACK 4 0x87'])
  client.say(release(3))
  t.equal((await client.next('PUBCOMP', 3)).reasonCode, 0x92, 'some clients release what was refused')
  ingress.outcomeOf = receiptOf
  client.say(publishPacket({ packetId: 5, qos: 2 }), publishPacket({ packetId: 6, qos: 1 }))
  await client.next('PUBACK', 6)
})

t.test('a copy of a message that was taken takes nothing of the window: its message does until PUBREL', async t => {
  const { connect, ingress } = await startMqtt(t, { config: { inFlightMax: 2 } })
  const { client } = await connect()
  const message = publishPacket({ packetId: 1, qos: 2 })
  client.say(message)
  await client.next('PUBREC', 1)
  client.say(...Array.from({ length: 5 }, () => ({ ...message, dup: true })), publishPacket({ packetId: 2, qos: 2 }))
  await client.next('PUBREC', 2)
  t.equal(ingress.envelopes.length, 2)
  client.say(publishPacket({ packetId: 3, qos: 2 }))
  t.equal((await client.next('DISCONNECT')).reasonCode, 0x93)
})

t.test('MQTT 3.1.1 knows no window: more than may be under way waits for its turn', async t => {
  const { connect, ingress, gauge } = await startMqtt(t, { config: { inFlightMax: 3 } })
  ingress.outcomeOf = () => undefined
  const { client } = await connect({ version: 4 })
  client.say(...Array.from({ length: 8 }, (_, at) => publishPacket({ packetId: at + 1, payload: Buffer.from([at]) })))
  client.say({ type: 'PINGREQ' })
  await client.next('PINGRESP')
  t.equal(ingress.pending.length, 3)
  for (let at = 0; at < 8; at++) {
    await eventually(() => ingress.pending.length > at, `event ${at}`)
    settle(ingress, at)
  }
  await client.next('PUBACK', 8)
  t.same(ingress.envelopes.map(({ data }) => data?.[0]), [0, 1, 2, 3, 4, 5, 6, 7])
  t.equal(gauge('paused_bytes'), 0)
  t.equal(ingress.reservedBytes, 0)
})

t.test('of many small messages only so many are looked at, and the others in their turn', async t => {
  const { connect, ingress, gauge } = await startMqtt(t, { config: { inFlightMax: 10 } })
  ingress.outcomeOf = () => undefined
  const { client } = await connect({ version: 4 })
  const small = Array.from({ length: 3_000 }, (_, at) =>
    publishPacket({ packetId: at + 1, topicName: 'a', payload: Buffer.alloc(0) }))
  client.say(...small)
  await eventually(() => ingress.pending.length === 10, 'ten events')
  t.ok(gauge('paused_bytes') + gauge('reserved_bytes') > 256 * 256, 'each counts with what it takes beside its bytes')
  for (let at = 0; at < 3_000; at++) {
    if (ingress.pending.length <= at) await eventually(() => ingress.pending.length > at, `event ${at}`)
    settle(ingress, at)
  }
  await client.next('PUBACK', 3_000)
  t.equal(gauge('paused_bytes'), 0)
  t.equal(ingress.reservedBytes, 0)
})

t.test('what may pass later is tried again in order, while pings behind it are answered', async t => {
  const { connect, ingress } = await startMqtt(t)
  let isRefused = true
  ingress.outcomeOf = (envelope, index) => isRefused
    ? refuse('rate-limited', 'for a test', { retryAfterMs: 100 })
    : receiptOf(envelope, index)
  const { client } = await connect()
  const message = (packetId: number, qos: Qos) => publishPacket({ packetId, qos, payload: Buffer.from([packetId]) })
  client.say(message(1, 1), message(2, 2), message(3, 1))
  await eventually(() => ingress.envelopes.length >= 3, 'the first tries')
  const triedCount = ingress.envelopes.length
  client.say(message(4, 1), { type: 'PINGREQ' })
  await client.next('PINGRESP')
  t.equal(ingress.envelopes.length, triedCount, 'what comes meanwhile waits behind them')
  isRefused = false
  await client.next('PUBACK', 4)
  t.same(acknowledged(client), ['PUBACK 1', 'PUBREC 2', 'PUBACK 3', 'PUBACK 4'])
  t.same(ingress.envelopes.slice(-4).map(({ data }) => data?.[0]), [1, 2, 3, 4])
  t.equal(ingress.reservedBytes, 0)
})

t.test('a quota that is used up for long ends a connection of MQTT 5', async t => {
  const { connect, ingress } = await startMqtt(t)
  ingress.outcomeOf = () => refuse('rate-limited', 'for a test', { retryAfterMs: 3_600_000 })
  const { client } = await connect()
  client.say(publishPacket())
  t.equal((await client.next('DISCONNECT')).reasonCode, 0x97)
  await client.ended()
  t.equal(ingress.reservedBytes, 0)
})

t.test('while the node is short of memory, messages wait and control packets do not [MQTT-4.9.0-3]', async t => {
  const { connect, ingress, gauge } = await startMqtt(t, { config: { pausedBytesMax: 300 } })
  const { client } = await connect({ keepAlive: 1 })
  beShort(ingress)
  client.say(publishPacket({ packetId: 1 }), { type: 'PINGREQ' })
  await client.next('PINGRESP')
  t.equal(ingress.envelopes.length, 0)
  t.ok(gauge('paused_bytes') > 0)
  t.equal(ingress.reservedBytes, 0, 'nothing is reserved for what waits')
  client.say(publishPacket({ packetId: 2, payload: Buffer.alloc(400) }))
  await eventually(() => gauge('paused_bytes') > 300, 'the allowance is used up')
  client.say({ type: 'PINGREQ' })
  const beganMs = performance.now()
  await eventually(() => performance.now() - beganMs > 1_700, 'longer than one and a half times the keep alive')
  t.notOk(client.types().includes('DISCONNECT'), 'nothing is read, so nothing can be missed')
  t.equal(client.types().filter(type => type === 'PINGRESP').length, 1)
  beShort(ingress, false)
  await client.next('PUBACK', 2)
  await eventually(() => client.types().filter(type => type === 'PINGRESP').length === 2, 'the ping that waited')
  t.equal(gauge('paused_bytes'), 0)
})

t.test('while others use the memory up, whoever has not its share goes on', async t => {
  const { connect, ingress } = await startMqtt(t)
  const { client } = await connect()
  ingress.pressure.set(true)
  client.say(publishPacket({ packetId: 1 }))
  await client.next('PUBACK', 1)
  let isShort = true
  ingress.reservation = () => isShort ? refuse('overloaded', 'for a test', { retryAfterMs: 3_600_000 }) : undefined
  client.say(publishPacket({ packetId: 2 }), { type: 'PINGREQ' })
  await client.next('PINGRESP')
  isShort = false
  await client.next('PUBACK', 2)
  t.ok(ingress.pressure.on, 'it did not wait for that to end')
})

t.test('while others use the memory up, a message of QoS 0 waits as well', async t => {
  const { connect, ingress } = await startMqtt(t)
  const { client } = await connect()
  beShort(ingress)
  client.say(publishPacket({ qos: 0 }), { type: 'PINGREQ' })
  await client.next('PINGRESP')
  t.same([ingress.envelopes.length, ingress.refusals.length], [0, 0])
  beShort(ingress, false)
  await eventually(() => ingress.envelopes.length === 1, 'the message')
})

t.test('a packet that is not complete waits for room too', async t => {
  const { connect, ingress } = await startMqtt(t)
  const { client } = await connect()
  let isFull = true
  ingress.reservation = () => isFull ? refuse('overloaded', 'for a test', { retryAfterMs: 20 }) : undefined
  const bytes = encodePacket(publishPacket({ payload: Buffer.alloc(200_000) }), 5)
  client.stream.write(bytes)
  await new Promise(resolve => { setImmediate(resolve) })
  t.equal(ingress.reservedBytes, 0)
  isFull = false
  await client.next('PUBACK', 1)
  t.equal(ingress.reservedBytes, 0)
})

t.test('what waits without room is bounded over all connections: whoever sends more is told to come later', async t => {
  const { connect, ingress, gauge } = await startMqtt(t, { config: { pausedTotalBytesMax: 50_000 } })
  const clients = [await connect(), await connect(), await connect()]
  beShort(ingress)
  const bytes = encodePacket(publishPacket({ payload: Buffer.alloc(200_000) }), 5)
  const [first, second, third] = clients.map(({ client }) => client)
  first?.stream.write(bytes.subarray(0, 60_000))
  await eventually(() => gauge('unpaid_bytes') > 50_000, 'half a packet')
  const unpaidBytes = gauge('unpaid_bytes')
  second?.stream.write(bytes.subarray(0, 60_000))
  t.equal((await second?.next('DISCONNECT'))?.reasonCode, 0x89)
  await second?.ended()
  t.equal(gauge('unpaid_bytes'), unpaidBytes, 'of the first alone')
  beShort(ingress, false)
  third?.stream.write(bytes)
  await third?.next('PUBACK', 1)
  first?.stream.write(bytes.subarray(60_000))
  await first?.next('PUBACK', 1)
  t.equal(gauge('unpaid_bytes'), 0)
})

t.test('QoS 0 does not wait for room', async t => {
  const { connect, ingress } = await startMqtt(t)
  const { client } = await connect()
  ingress.reservation = () => refuse('overloaded', 'for a test')
  client.say(publishPacket({ qos: 0, packetId: 0 }), { type: 'PINGREQ' })
  await client.next('PINGRESP')
  t.equal(ingress.envelopes.length, 0)
  t.same(ingress.refusals.map(({ refusal }) => refusal.code), ['overloaded'])
})

t.test('QoS 0 that waits when its client has said goodbye goes on', async t => {
  const { connect, ingress, gauge } = await startMqtt(t, { config: { inFlightMax: 2 } })
  ingress.outcomeOf = () => undefined
  const { client } = await connect()
  const goodbye = { type: 'DISCONNECT', reasonCode: 0, properties: {} } as const
  client.say(...Array.from({ length: 5 }, () => publishPacket({ qos: 0, packetId: 0 })), goodbye)
  await client.ended()
  for (let at = 0; at < 5; at++) {
    await eventually(() => ingress.pending.length > at, `event ${at}`)
    settle(ingress, at)
  }
  t.equal(ingress.reservedBytes, 0)
  t.equal(gauge('messages_in_flight'), 0)
})

t.test('a connection that breaks lets go of what waits, and of what is under way when that is settled', async t => {
  const { connect, ingress, gauge } = await startMqtt(t, { config: { inFlightMax: 2 } })
  ingress.outcomeOf = () => undefined
  const { client } = await connect({ version: 4 })
  client.say(...Array.from({ length: 5 }, (_, at) => publishPacket({ packetId: at + 1 })))
  await eventually(() => ingress.pending.length === 2, 'two events')
  client.close()
  await eventually(() => gauge('clients_connected') === 0, 'the end')
  t.ok(ingress.reservedBytes > 0, 'what is under way is still held')
  settle(ingress, 0)
  settle(ingress, 1, refuse('sink-unavailable', 'for a test'))
  t.equal(ingress.reservedBytes, 0)
  t.equal(gauge('paused_bytes'), 0)
  t.equal(ingress.envelopes.length, 2)
})

t.test('a message is refused with the reason code of its refusal, and told why [MQTT-3.4.2-1] [MQTT-3.5.2-1]', async t => {
  const { connect, ingress } = await startMqtt(t)
  const table = [
    ['malformed', 0x99], ['too-large', 0x83], ['forbidden', 0x87], ['no-route', 0x90], ['invalid-event', 0x99],
    ['undeliverable', 0x83]
  ] as const
  const { client } = await connect()
  for (const [at, [code, reasonCode]] of table.entries()) {
    ingress.outcomeOf = () => refuse(code, 'for a test')
    client.say(publishPacket({ packetId: at + 1 }))
    const puback = await client.next('PUBACK', at + 1)
    t.equal(puback.reasonCode, reasonCode, code)
    t.match(puback.properties, { reasonString: 'for a test', userProperties: [['code', code]] })
  }
})

t.test('what the door itself finds wrong with a message is told as well', async t => {
  const { connect, ingress } = await startMqtt(t)
  const { client } = await connect()
  const wrong = [
    publishPacket({ topicName: 'a//b' }), publishPacket({ topicName: '$SYS/a' }), publishPacket({ topicName: 'x'.repeat(300) }),
    publishPacket({ payload: Buffer.from([0xff]), properties: { payloadFormatIndicator: 1 } }),
    publishPacket({ properties: { contentType: 'application/cloudevents+json' } })
  ]
  client.say(...wrong.map((packet, at) => ({ ...packet, packetId: at + 1 })))
  await client.next('PUBACK', wrong.length)
  t.same(acknowledged(client), ['PUBACK 1 0x90', 'PUBACK 2 0x90', 'PUBACK 3 0x90', 'PUBACK 4 0x99', 'PUBACK 5 0x99'])
  t.equal(ingress.refusals.length, 5)
  t.equal(ingress.envelopes.length, 0)
})

t.test('MQTT 3.1.1 has no word for a refusal: the connection is closed, and its client held off [MQTT-3.3.5-2]', async t => {
  const { connect, ingress, gauge } = await startMqtt(t)
  ingress.outcomeOf = ({ channel }: Envelope, index) =>
    channel === 'poison' ? refuse('invalid-event', 'for a test') : receiptOf({ channel } as Envelope, index)
  const { client } = await connect({ version: 4, clientId: 'sensor' })
  client.say(publishPacket({ packetId: 1 }), publishPacket({ packetId: 2, topicName: 'poison' }), publishPacket({ packetId: 3 }))
  await client.ended()
  t.same(acknowledged(client), ['PUBACK 1'], 'what came before it is acknowledged')
  t.equal((await connect({ version: 4, clientId: 'sensor' })).connack.reasonCode, 3)
  t.equal((await connect({ version: 4, clientId: 'other' })).connack.reasonCode, 0)
  t.equal(gauge('clients_held_off'), 1)
})

t.test('MQTT 3.1.1 may be told that a refused message was taken, where the operator wants that [MQTT-3.3.5-2]', async t => {
  const { connect, ingress, gauge } = await startMqtt(t, { config: { onRefused: 'acknowledge' } })
  ingress.outcomeOf = () => refuse('forbidden', 'for a test')
  const { client } = await connect({ version: 4 })
  client.say(publishPacket({ packetId: 1 }), publishPacket({ packetId: 2, qos: 2 }), publishPacket({ packetId: 3, topicName: '$x' }))
  await client.next('PUBACK', 3)
  client.say(release(2))
  await client.next('PUBCOMP', 2)
  t.same(acknowledged(client), ['PUBACK 1', 'PUBREC 2', 'PUBACK 3', 'PUBCOMP 2'])
  t.equal(gauge('messages_lost_total'), 3)
})

t.test('a refused message of QoS 1 says nothing of one of QoS 2 that wrongly has the same id', async t => {
  const { connect, ingress } = await startMqtt(t, { config: { onRefused: 'acknowledge' } })
  ingress.outcomeOf = () => undefined
  const { client } = await connect({ version: 4 })
  client.say(publishPacket({ packetId: 7, qos: 2 }), publishPacket({ packetId: 7 }))
  await eventually(() => ingress.pending.length === 2, 'two events')
  settle(ingress, 1, refuse('forbidden', 'for a test'))
  client.say(release(7))
  await client.ended()
  t.same(acknowledged(client), [], 'its own event has no outcome yet')
})

t.test('an alias stands for the topic that came with it', async t => {
  const { connect, ingress } = await startMqtt(t)
  const { client } = await connect()
  client.say(
    publishPacket({ packetId: 1, topicName: 'a/b', properties: { topicAlias: 1 } }),
    publishPacket({ packetId: 2, topicName: '', properties: { topicAlias: 1 } }),
    publishPacket({ packetId: 3, topicName: 'c', properties: { topicAlias: 1 } }),
    publishPacket({ packetId: 4, topicName: '', properties: { topicAlias: 1 } }))
  await client.next('PUBACK', 4)
  t.same(ingress.envelopes.map(({ channel }) => channel), ['a/b', 'a/b', 'c', 'c'])
})

t.test('a message that expires while it waits is not delivered [MQTT-4.3.3-13]', async t => {
  const { connect, ingress } = await startMqtt(t)
  const { client } = await connect()
  beShort(ingress)
  client.say(
    publishPacket({ packetId: 1, properties: { messageExpiryInterval: 0 } }),
    publishPacket({ packetId: 3, qos: 2, properties: { messageExpiryInterval: 0 } }),
    publishPacket({ packetId: 2, properties: { messageExpiryInterval: 60 } }), { type: 'PINGREQ' })
  await client.next('PINGRESP')
  beShort(ingress, false)
  await client.next('PUBACK', 2)
  t.same(acknowledged(client), ['PUBACK 1 0x83', 'PUBREC 3 0x83', 'PUBACK 2'])
  client.say(release(3))
  await client.next('PUBCOMP', 3)
  t.equal(ingress.envelopes.length, 1)
  t.equal(ingress.reservedBytes, 0)
})

t.test('a client that does not take its answers is not read from, and cut', async t => {
  const { connect, gauge } = await startMqtt(t, { config: { outputBytesMax: 1_000, writeTimeoutMs: 200 } })
  const { client } = await connect({ version: 4 })
  client.stream.pause()
  const pings = Buffer.alloc(64 * 1_024, encodePacket({ type: 'PINGREQ' }, 4))
  const push = (): void => { while (!client.closed && client.stream.write(pings)) continue }
  client.stream.on('drain', push)
  push()
  await eventually(() => gauge('clients_connected') === 0, 'the cut')
})
