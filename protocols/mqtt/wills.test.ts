// Tests of wills: published as events when a connection ends badly, after their delay, and never twice.

import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import { publishPacket } from '../../test/support/mqtt-client.ts'
import { createSessionClaims, eventually, startMqtt } from '../../test/support/mqtt-rig.ts'
import type { ConnectPacket, Will } from './codec/packet.ts'

const will: Will = { qos: 1, retain: false, properties: {}, topicName: 'status/sensor', payload: Buffer.from('gone') }
const late: Will = { ...will, properties: { willDelayInterval: 1, contentType: 'text/plain' } }
const lasting: Partial<ConnectPacket> = { clientId: 'sensor', cleanStart: false, properties: { sessionExpiryInterval: 60 } }

for (const version of [4, 5] as const) {
  t.test(`version ${version}: a will is an event when its connection breaks, and none when its client takes leave [MQTT-3.1.2-8] [MQTT-3.1.2-10] [MQTT-3.14.4-3]`, async t => {
    const { connect, ingress, gauge } = await startMqtt(t)
    const polite = await connect({ version, will })
    t.equal(gauge('wills_held'), 1)
    polite.client.say({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
    await polite.client.ended()
    t.equal(gauge('wills_held'), 0)
    t.equal(ingress.envelopes.length, 0)
    const broken = await connect({ version, will })
    broken.client.close()
    await eventually(() => ingress.envelopes.length === 1, 'the will')
    t.match(ingress.envelopes[0], { channel: 'status/sensor', patient: true, wrapped: true })
    t.equal(ingress.envelopes[0]?.data?.toString(), 'gone')
    t.equal(gauge('wills_held_bytes'), 0)
    t.equal(ingress.reservedBytes, 0)
  })
}

t.test('a will is retained as its client says, and as no other [MQTT-3.1.2-12] [MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-14] [MQTT-3.1.2-15]', async t => {
  const { connect, ingress, gauge } = await startMqtt(t)
  for (const [at, retain] of [true, false].entries()) {
    const { client } = await connect({ will: { ...will, retain } })
    client.close()
    await eventually(() => ingress.envelopes.length === at + 1, 'the will')
    t.equal(ingress.envelopes[at]?.attributes.get('mqtt-retain'), retain ? 'true' : undefined)
  }
  const { client } = await connect()
  client.close()
  await eventually(() => gauge('clients_connected') === 0, 'the end')
  t.equal(ingress.envelopes.length, 2, 'without a will nothing is published')
})

t.test('a client may take leave and want its will published (0x04)', async t => {
  const { connect, ingress } = await startMqtt(t)
  const { client } = await connect({ will })
  client.say({ type: 'DISCONNECT', reasonCode: 4, properties: {} })
  await eventually(() => ingress.envelopes.length === 1, 'the will')
})

t.test('a client that breaks the protocol leaves a will', async t => {
  const { connect, ingress } = await startMqtt(t)
  const { client } = await connect({ will })
  client.say({ type: 'PINGRESP' })
  await eventually(() => ingress.envelopes.length === 1, 'the will')
})

t.test('a will waits for its delay, or for the end of its session [MQTT-3.1.2-7] [MQTT-3.1.2-8]', async t => {
  const { connect, ingress } = await startMqtt(t)
  const beganMs = performance.now()
  const kept = await connect({ ...lasting, will: late })
  kept.client.close()
  await eventually(() => ingress.envelopes.length === 1, 'the will')
  t.ok(performance.now() - beganMs > 950)
  t.equal(ingress.envelopes[0]?.datacontenttype, 'text/plain')
  const short = await connect({ clientId: 'other', will: late })
  short.client.close()
  const brokenMs = performance.now()
  await eventually(() => ingress.envelopes.length === 2, 'the will of a session that ends at once')
  t.ok(performance.now() - brokenMs < 900)
})

t.test('a will that waits is dropped when its client comes back, also to another worker [MQTT-3.1.3-9]', async t => {
  const claims = createSessionClaims(t, 2)
  for (const at of [0, 1]) {
    const workers = await Promise.all(claims.map(claimSession => startMqtt(t, { claimSession })))
    const [first, next] = [workers[0], workers[at]]
    if (first === undefined || next === undefined) throw new Error('there are two workers')
    const old = await first.connect({ ...lasting, clientId: `sensor-${at}`, will: late })
    old.client.close()
    await eventually(() => first.gauge('sessions_detached') === 1, 'the end of the connection')
    const { client } = await next.connect({ ...lasting, clientId: `sensor-${at}` })
    const backMs = performance.now()
    await eventually(() => performance.now() - backMs > 1_200, 'longer than the delay')
    t.equal(first.ingress.envelopes.length + next.ingress.envelopes.length, 0)
    t.equal(first.gauge('wills_held') + next.gauge('wills_held'), 0)
    client.say({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
    await client.ended()
  }
})

t.test('a clean start ends the session before, so its will waits no longer', async t => {
  const { connect, ingress, gauge } = await startMqtt(t)
  const old = await connect({ ...lasting, will: { ...late, properties: { willDelayInterval: 600 } } })
  old.client.close()
  await eventually(() => gauge('sessions_detached') === 1, 'the end of the connection')
  await connect({ ...lasting, cleanStart: true })
  await eventually(() => ingress.envelopes.length === 1, 'the will')
  t.equal(gauge('wills_held'), 0)
})

t.test('a will for which there is no room, or whose topic is none, is refused with its CONNECT', async t => {
  const { connect, gauge } = await startMqtt(t, { config: { willBytesMax: 400 } })
  t.equal((await connect({ will: { ...will, topicName: 'a//b' } })).connack.reasonCode, 0x90)
  t.equal((await connect({ version: 4, will: { ...will, topicName: 'a//b' } })).connack.reasonCode, 5)
  t.equal((await connect({ will: { ...will, payload: Buffer.alloc(500) } })).connack.reasonCode, 0x97)
  t.equal((await connect({ version: 4, will: { ...will, payload: Buffer.alloc(500) } })).connack.reasonCode, 3)
  t.equal(gauge('wills_held'), 0)
  t.equal(gauge('wills_held_bytes'), 0)
})

t.test('everything that is kept for a will counts, also while it waits for its delay', async t => {
  const text = 'x'.repeat(480)
  const userProperties = Array.from({ length: 31 }, (_, at): [string, string] => [`name-${at}`, `${text}\u{1f600}`])
  const large: Will = { ...will, properties: { willDelayInterval: 280, userProperties } }
  const { connect, gauge } = await startMqtt(t, { config: { willBytesMax: 100_000, connectBytesMax: 65_536 } })
  const held: number[] = []
  for (const clientId of ['a', 'b', 'c', 'd']) {
    const { client, connack } = await connect({ ...lasting, clientId, will: large })
    held.push(connack.reasonCode)
    client.close()
    await eventually(() => gauge('clients_connected') === 0, 'the end')
  }
  t.same(held, [0, 0, 0x97, 0x97])
  t.ok(gauge('wills_held_bytes') > 2 * 2 * 31 * text.length, 'two bytes a character')
  const { connack } = await connect({ ...lasting, clientId: 'a' })
  t.equal(connack.reasonCode, 0)
  t.equal(gauge('wills_held'), 1)
  await connect({ ...lasting, clientId: 'b' })
  t.equal(gauge('wills_held_bytes'), 0)
})

t.test('a will that may pass later is tried again', async t => {
  const { connect, ingress, gauge } = await startMqtt(t)
  ingress.outcomeOf = (envelope, index) => index === 0 ? refuse('overloaded', 'for a test') : receiptOf(envelope, index)
  const { client } = await connect({ will })
  client.close()
  await eventually(() => ingress.envelopes.length === 2, 'the second try')
  t.equal(gauge('wills_held'), 0)
  t.equal(ingress.reservedBytes, 0)
})

t.test('a will is published after what its client has sent before', async t => {
  const { connect, ingress } = await startMqtt(t)
  const { client } = await connect({ will })
  client.say(publishPacket({ qos: 0, packetId: 0 }), { type: 'PINGRESP' })
  await eventually(() => ingress.envelopes.length === 2, 'both')
  t.same(ingress.envelopes.map(({ channel }) => channel), ['orders/eu', 'status/sensor'])
})

t.test('wills are not published because the gateway stops', async t => {
  const { connect, ingress, adapter, gauge } = await startMqtt(t)
  const { client } = await connect({ will })
  const waiting = await connect({ ...lasting, will: late })
  waiting.client.close()
  await eventually(() => gauge('sessions_detached') === 1, 'the end of the connection')
  ingress.draining.set(true)
  await Promise.all([adapter.drain(), client.ended()])
  t.equal(ingress.envelopes.length, 0)
  t.equal(gauge('wills_held'), 0)
})
