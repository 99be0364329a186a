// Tests of the MQTT door as its clients meet it: who is let in, what is answered, and how connections end.

import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import { anonymous, receiptOf } from '../../test/support/fake-ingress.ts'
import { connect as connectBytes, packet } from '../../test/support/mqtt-bytes.ts'
import { connectPacket, publishPacket } from '../../test/support/mqtt-client.ts'
import type { MqttClient } from '../../test/support/mqtt-client.ts'
import { encodePacket } from '../../test/support/mqtt-packets.ts'
import { eventually, startMqtt } from '../../test/support/mqtt-rig.ts'

t.test('a client of MQTT 5 is told what it may do [MQTT-3.1.2-28] [MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.1.4-5] [MQTT-3.2.2-9] [MQTT-3.2.2-12] [MQTT-3.2.2-13]', async t => {
  const config = { inFlightMax: 7, topicAliasesMax: 3, packetBytesMax: 2_000 }
  const { connect, gauge } = await startMqtt(t, { config })
  const { connack } = await connect({ clientId: '', keepAlive: 0, properties: { sessionExpiryInterval: 0xffff_ffff } })
  t.match(connack, { sessionPresent: false, reasonCode: 0 })
  t.match(connack.properties, {
    receiveMaximum: 7, topicAliasMaximum: 3, maximumPacketSize: 2_000, sessionExpiryInterval: 300, serverKeepAlive: 300,
    assignedClientIdentifier: /^sluice-/, wildcardSubscriptionAvailable: 0, sharedSubscriptionAvailable: 0,
    subscriptionIdentifierAvailable: 0
  })
  const { retainAvailable, maximumQos, responseInformation } = connack.properties
  t.same([retainAvailable, maximumQos, responseInformation], [undefined, undefined, undefined], 'retain and every QoS are taken')
  const will = { qos: 2, retain: true, properties: {}, topicName: 'a', payload: Buffer.alloc(1) } as const
  t.equal((await connect({ will })).connack.reasonCode, 0)
  t.equal(gauge('clients_connected'), 2)
})

t.test('what a client asks for within the limits is not told again', async t => {
  const { connect } = await startMqtt(t)
  const { connack } = await connect({ keepAlive: 30, properties: { sessionExpiryInterval: 60 } })
  const { sessionExpiryInterval, serverKeepAlive, assignedClientIdentifier } = connack.properties
  t.same([sessionExpiryInterval, serverKeepAlive, assignedClientIdentifier], [undefined, undefined, undefined])
})

t.test('under pressure a new client gets a smaller window', async t => {
  const { connect, ingress } = await startMqtt(t, { config: { inFlightMax: 100 } })
  ingress.pressure.set(true)
  t.equal((await connect()).connack.properties.receiveMaximum, 25)
})

t.test('other versions are told which ones are served, as far as they can read it [MQTT-3.1.2-2]', async t => {
  const { open, ingress } = await startMqtt(t)
  const old = open(4)
  old.stream.write(packet(0x10, 'MQIsdp', 3, 2, [0, 60], 'id'))
  t.equal((await old.next('CONNACK')).reasonCode, 1)
  await old.ended()
  const future = open(5)
  future.stream.write(packet(0x10, 'MQTT', 6, 2, [0, 60], [0], 'id'))
  t.equal((await future.next('CONNACK')).reasonCode, 0x84)
  await future.ended()
  const other = open(5)
  other.stream.write('GET / HTTP/1.1\r\n\r\n')
  await other.ended()
  t.same(other.heard, [], 'whoever does not speak it is not answered')
  t.equal(ingress.refusals.length, 3)
})

t.test('client ids have rules [MQTT-3.1.3-5] [MQTT-3.1.3-6] [MQTT-3.1.3-8] [MQTT-3.1.3-9] [MQTT-3.1.4-4] [MQTT-3.2.2-16]', async t => {
  const { connect, open } = await startMqtt(t, { config: { clientIdBytesMax: 30 } })
  t.equal((await connect({ clientId: 'x'.repeat(31) })).connack.reasonCode, 0x85)
  t.equal((await connect({ version: 4, clientId: 'x'.repeat(31) })).connack.reasonCode, 2)
  t.equal((await connect({ version: 4, clientId: '' })).connack.reasonCode, 0, 'an empty one with clean session')
  for (const version of [4, 5] as const) {
    t.equal((await connect({ version, clientId: '0123456789abcdefghijABC' })).connack.reasonCode, 0)
  }
  const assigned = await Promise.all([1, 2].map(() => connect({ clientId: '' })))
  const ids = assigned.map(({ connack }) => connack.properties.assignedClientIdentifier)
  t.not(ids[0], ids[1], 'no two are the same')
  const client = open(4)
  client.stream.write(connectBytes(4, 0, ''))
  t.equal((await client.next('CONNACK')).reasonCode, 2, 'an empty one without')
})

t.test('whoever is refused is told why, in the words of its version [MQTT-3.2.2-5] [MQTT-3.1.4-2] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT-3.14.0-1] [MQTT-4.13.2-1]', async t => {
  const { connect, ingress } = await startMqtt(t)
  const table = [
    ['unauthenticated', 0x86, 4], ['unverifiable', 0x88, 3], ['overloaded', 0x89, 3], ['forbidden', 0x87, 5],
    ['rate-limited', 0x97, 3], ['internal', 0x83, 3]
  ] as const
  for (const [code, reasonCode, returnCode] of table) {
    ingress.authenticated = () => refuse(code, 'for a test', { retryAfterMs: 1_500 })
    const { client, connack } = await connect()
    t.equal(connack.reasonCode, reasonCode, code)
    t.match(connack.properties, { reasonString: 'for a test', userProperties: [['code', code], ['retryAfterMs', '1500']] })
    await client.ended()
    const old = await connect({ version: 4 })
    t.equal(old.connack.reasonCode, returnCode, code)
    await old.client.ended()
  }
  ingress.authenticated = () => { throw new Error('for a test') }
  t.equal((await connect()).connack.reasonCode, 0x83)
  ingress.authenticated = async () => anonymous
  t.equal((await connect()).connack.reasonCode, 0)
})

t.test('enhanced authentication is refused [MQTT-4.12.0-1] [MQTT-4.12.0-2] [MQTT-4.12.0-4] [MQTT-4.12.0-5] [MQTT-4.12.0-6]', async t => {
  const { connect } = await startMqtt(t)
  const { client, connack } = await connect({ properties: { authenticationMethod: 'SCRAM-SHA-256' } })
  t.equal(connack.reasonCode, 0x8c)
  await client.ended()
  t.same(client.types(), ['CONNACK'])
  t.equal((await connect()).connack.properties.authenticationMethod, undefined)
})

t.test('CONNACK is the first packet and comes once [MQTT-3.2.0-1] [MQTT-3.2.0-2]', async t => {
  const { open } = await startMqtt(t)
  for (const version of [4, 5] as const) {
    const client = open(version)
    client.say(connectPacket({ version }), publishPacket(), { type: 'PINGREQ' })
    await client.next('PUBACK', 1)
    t.equal(client.types()[0], 'CONNACK')
    t.equal(client.types().filter(type => type === 'CONNACK').length, 1)
  }
})

t.test('nothing that comes behind a refused CONNECT is processed [MQTT-3.1.4-5] [MQTT-3.1.4-6]', async t => {
  const { open, ingress } = await startMqtt(t)
  ingress.authenticated = () => refuse('unauthenticated', 'for a test')
  for (const version of [4, 5] as const) {
    const client = open(version)
    client.say(connectPacket({ version }), publishPacket(), { type: 'PINGREQ' })
    await client.ended()
    t.same(client.types(), ['CONNACK'])
  }
  t.equal(ingress.envelopes.length, 0)
})

t.test('a malformed CONNECT is answered in MQTT 5 only [MQTT-3.1.4-1] [MQTT-3.2.2-6]', async t => {
  const { open } = await startMqtt(t)
  const five = open(5)
  five.stream.write(connectBytes(5, 1, 'id'))
  t.equal((await five.next('CONNACK')).reasonCode, 0x81)
  const old = open(4)
  old.stream.write(connectBytes(4, 1, 'id'))
  await Promise.all([five.ended(), old.ended()])
  t.same(old.heard, [])
})

t.test('no packet is larger than its client takes [MQTT-3.1.2-24]', async t => {
  const { connect, open, ingress } = await startMqtt(t)
  ingress.outcomeOf = () => refuse('forbidden', 'x'.repeat(100))
  const { client } = await connect({ properties: { maximumPacketSize: 60 } })
  client.say(publishPacket())
  const puback = await client.next('PUBACK', 1)
  t.match(puback, { reasonCode: 0x87, properties: { reasonString: undefined } })
  const subscription = { topicFilter: 'a', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  client.say({ type: 'SUBSCRIBE', packetId: 1, properties: {}, subscriptions: Array.from({ length: 70 }, () => subscription) })
  t.equal((await client.next('DISCONNECT')).reasonCode, 0x95)
  const tiny = open()
  tiny.say(connectPacket({ properties: { maximumPacketSize: 10 } }))
  t.match(await tiny.next('CONNACK'), { reasonCode: 0x95, properties: { reasonString: undefined } })
  await tiny.ended()
})

t.test('nothing is read or reserved of a client before it is known', async t => {
  const { open, ingress } = await startMqtt(t)
  let answerWith: ((principal: typeof anonymous) => void) | undefined
  ingress.authenticated = () => new Promise(resolve => { answerWith = resolve })
  const client = open()
  client.say(connectPacket(), publishPacket())
  await eventually(() => answerWith !== undefined, 'authentication')
  t.equal(ingress.reservedBytesPeak, 0)
  t.ok(ingress.preAuthBytes > 0, 'what came behind the CONNECT is in the small budget')
  answerWith?.(anonymous)
  await client.next('PUBACK')
  t.equal(ingress.preAuthBytes, 0)
})

t.test('a CONNECT that is too large is not read, and one for which there is no room neither, and both are told', async t => {
  const { open, ingress } = await startMqtt(t, { config: { connectBytesMax: 200 } })
  const begin = (version: 4 | 5, ...parts: readonly Buffer[]): MqttClient => {
    const client = open(version)
    for (const part of parts) client.stream.write(part)
    return client
  }
  for (const [version, tooLarge, noRoom] of [[5, 0x95, 0x89], [4, 5, 3]] as const) {
    const connect = encodePacket(connectPacket({ version, password: Buffer.alloc(20_000), userName: '' }), version)
    for (const parts of [[connect], [connect.subarray(0, 6), connect.subarray(6)], [connect.subarray(0, 13)]]) {
      ingress.preAuthBytesMax = 20
      const large = begin(version, ...parts)
      t.equal((await large.next('CONNACK')).reasonCode, tooLarge)
      await large.ended()
      ingress.preAuthBytesMax = 5
      const small = encodePacket(connectPacket({ version }), version)
      const begun = begin(version, small.subarray(0, 20))
      t.equal((await begun.next('CONNACK')).reasonCode, noRoom)
      await begun.ended()
    }
  }
  const stranger = begin(5, Buffer.from([0x10, 0xff, 0xff, 0x7f]), Buffer.from('strangers'))
  await stranger.ended()
  t.same(stranger.heard, [])
  t.equal(ingress.preAuthBytes, 0)
  t.same([...new Set(ingress.refusals.map(({ refusal }) => refusal.code))], ['too-large', 'overloaded', 'malformed'])
})

t.test('a client that leaves while it is asked about leaves nothing behind', async t => {
  const { open, ingress, gauge } = await startMqtt(t)
  let answerWith: ((principal: typeof anonymous) => void) | undefined
  ingress.authenticated = () => new Promise(resolve => { answerWith = resolve })
  const client = open()
  client.say(connectPacket({ will: { qos: 1, retain: false, properties: {}, topicName: 'a', payload: Buffer.from('x') } }))
  await eventually(() => answerWith !== undefined, 'authentication')
  client.close()
  await eventually(() => gauge('clients_connected') === 0, 'the end')
  answerWith?.(anonymous)
  await eventually(() => gauge('wills_held') === 0, 'the will is dropped')
  t.equal(ingress.preAuthBytes, 0)
  t.equal(ingress.envelopes.length, 0)
})

t.test('of many that connect at once, some wait and some are told to come later', async t => {
  const config = { connectsPerSecondMax: 1, connectsWaitingMax: 1, connectWaitMs: 100 }
  const { connect, ingress, gauge } = await startMqtt(t, { config })
  t.equal((await connect()).connack.reasonCode, 0)
  const waiting = connect()
  await eventually(() => gauge('clients_waiting') === 1, 'one that waits')
  t.equal((await connect()).connack.reasonCode, 0x89)
  t.equal((await connect({ version: 4 })).connack.reasonCode, 3)
  t.equal((await waiting).connack.reasonCode, 0x89, 'its time is over')
  t.equal(ingress.preAuthBytes, 0)
})

t.test('a fault while a client is let in is told as one', async t => {
  const { connect } = await startMqtt(t, { claimSession: () => Promise.reject(new Error('for a test')) })
  t.equal((await connect()).connack.reasonCode, 0x83)
})

t.test('a connection on which no CONNECT comes is closed', async t => {
  const { open } = await startMqtt(t, { config: { connectTimeoutMs: 50 } })
  const client = open()
  await client.ended()
  t.same(client.heard, [])
})

t.test('subscriptions are refused and the connection stays [MQTT-2.3.1-7] [MQTT-3.8.3-2] [MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-4] [MQTT-3.8.4-5] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.10.4-6] [MQTT-3.12.4-1] [MQTT-2.2.1-6] [MQTT-3.2.2-10] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-2] [MQTT-3.11.3-2]', async t => {
  const { connect } = await startMqtt(t)
  const subscription = { topicFilter: 'a/#', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  for (const [version, refused, unsubscribed] of [[5, 0x87, [0x11]], [4, 0x80, []]] as const) {
    const { client } = await connect({ version })
    client.say(
      { type: 'SUBSCRIBE', packetId: 9, properties: {}, subscriptions: [subscription, subscription] },
      { type: 'UNSUBSCRIBE', packetId: 10, properties: {}, topicFilters: ['a/#'] }, { type: 'PINGREQ' })
    t.same((await client.next('SUBACK', 9)).reasonCodes, [refused, refused])
    t.same((await client.next('UNSUBACK', 10)).reasonCodes, unsubscribed)
    await client.next('PINGRESP')
    t.notOk(client.closed)
  }
})

t.test('whoever wants no problem information gets no texts in any acknowledgement [MQTT-3.1.2-29]', async t => {
  const { connect, ingress } = await startMqtt(t)
  ingress.outcomeOf = () => refuse('forbidden', 'for a test')
  const subscription = { topicFilter: 'a/#', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const { client } = await connect({ properties: { requestProblemInformation: 0 } })
  client.say(
    publishPacket({ packetId: 1 }), publishPacket({ packetId: 2, qos: 2 }), publishPacket({ packetId: 3, topicName: '$a' }),
    { type: 'PUBREL', packetId: 4, reasonCode: 0, properties: {} },
    { type: 'SUBSCRIBE', packetId: 5, properties: {}, subscriptions: [subscription] },
    { type: 'UNSUBSCRIBE', packetId: 6, properties: {}, topicFilters: ['a/#'] })
  const answers = await Promise.all([
    client.next('PUBACK', 1), client.next('PUBREC', 2), client.next('PUBACK', 3), client.next('PUBCOMP', 4),
    client.next('SUBACK', 5), client.next('UNSUBACK', 6)
  ])
  for (const { type, properties } of answers) {
    t.same([properties.reasonString, properties.userProperties], [undefined, undefined], type)
  }
  t.same(answers.map(one => 'reasonCode' in one ? one.reasonCode : one.reasonCodes), [0x87, 0x87, 0x90, 0x92, [0x87], [0x11]])
})

t.test('packets that break a rule end the connection with its reason code [MQTT-4.8.0-1] [MQTT-3.14.2-1] [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-4.12.0-7] [MQTT-4.12.1-1] [MQTT-4.12.1-2] [MQTT-4.13.1-1] [MQTT-4.13.2-1]', async t => {
  const { connect, ingress } = await startMqtt(t, { config: { packetBytesMax: 1_000 } })
  const table: [string, Buffer, number][] = [
    ['a second CONNECT', encodePacket(connectPacket(), 5), 0x82],
    ['a packet of servers', encodePacket({ type: 'PINGRESP' }, 5), 0x82],
    ['PUBACK, though nothing was delivered', packet(0x40, [0, 1]), 0x82],
    ['AUTH without a method', packet(0xf0, 0x18, [0]), 0x82],
    ['AUTH to authenticate again', packet(0xf0, 0x19, [4, 0x15], 'x'), 0x82],
    ['a forbidden type', packet(0x00), 0x81],
    ['QoS 3', packet(0x36, 'a', [0, 1], [0]), 0x81],
    ['a wildcard', packet(0x32, 'a/#', [0, 1], [0]), 0x90],
    ['no topic and no alias', packet(0x32, '', [0, 1], [0]), 0x82],
    ['an unknown alias', packet(0x32, '', [0, 1], [3, 0x23, 0, 1]), 0x82],
    ['an alias above the maximum', packet(0x32, 'a', [0, 1], [3, 0x23, 9, 9]), 0x94],
    ['packet id 0', packet(0x32, 'a', [0, 0], [0]), 0x82],
    ['a packet that announces too much', Buffer.from([0x32, 0xff, 0xff, 0x7f]), 0x95]
  ]
  for (const [what, bytes, reasonCode] of table) {
    const { client } = await connect()
    client.stream.write(bytes)
    t.equal((await client.next('DISCONNECT')).reasonCode, reasonCode, what)
    await client.ended()
    t.equal(client.types().at(-1), 'DISCONNECT', 'nothing follows it')
    const old = await connect({ version: 4 })
    old.client.stream.write(bytes)
    if (what !== 'an unknown alias' && what !== 'an alias above the maximum') await old.client.ended()
    t.notOk(old.client.types().includes('DISCONNECT'), `${what}, 3.1.1`)
  }
  t.equal(ingress.envelopes.filter(({ channel }) => channel !== 'a').length, 0)
  await eventually(() => ingress.reservedBytes === 0, 'nothing is reserved')
})

t.test('a client that is silent for one and a half times its keep alive is disconnected [MQTT-3.1.2-24] [MQTT-3.1.2-22] [MQTT-3.2.2-22]', async t => {
  const { connect } = await startMqtt(t)
  const beganMs = performance.now()
  const { client } = await connect({ keepAlive: 1 })
  t.equal((await client.next('DISCONNECT')).reasonCode, 0x8d)
  t.ok(performance.now() - beganMs > 1_400)
  await client.ended()
})

t.test('a connection ends when the proof of its principal does', async t => {
  const { connect, ingress } = await startMqtt(t)
  ingress.authenticated = () => ({ name: 'bob', groups: [], anonymous: false, expiresAtMs: Date.now() + 100 })
  const { client } = await connect()
  t.equal((await client.next('DISCONNECT')).reasonCode, 0x87)
  await client.ended()
})

t.test('a connection ends when the access of its principal does', async t => {
  const { connect, ingress } = await startMqtt(t)
  ingress.authenticated = () => ({ name: 'bob', groups: [], anonymous: false })
  const bob = await connect()
  ingress.authenticated = () => anonymous
  const other = await connect()
  ingress.revoke('bob')
  t.equal((await bob.client.next('DISCONNECT')).reasonCode, 0x87)
  other.client.say({ type: 'PINGREQ' })
  await other.client.next('PINGRESP')
})

t.test('at the end, what is in flight is acknowledged and clients are sent away', async t => {
  const { connect, ingress, adapter } = await startMqtt(t)
  ingress.outcomeOf = () => undefined
  const five = await connect()
  const old = await connect({ version: 4 })
  for (const { client } of [five, old]) client.say(publishPacket())
  await eventually(() => ingress.pending.length === 2, 'two events')
  ingress.draining.set(true)
  let drained = false
  const draining = adapter.drain().then(() => { drained = true })
  t.equal((await connect()).connack.reasonCode, 0x88)
  t.equal(drained, false)
  for (const { envelope, settle } of ingress.pending) settle(receiptOf(envelope, 0))
  t.equal((await five.client.next('DISCONNECT')).reasonCode, 0x8b)
  t.same(five.client.types(), ['CONNACK', 'PUBACK', 'DISCONNECT'])
  await old.client.ended()
  t.same(old.client.types(), ['CONNACK', 'PUBACK'])
  five.client.close()
  await draining
})

t.test('at the end, what only waits is not waited for', async t => {
  const { connect, ingress, adapter } = await startMqtt(t)
  ingress.outcomeOf = () => refuse('sink-unavailable', 'for a test')
  const { client } = await connect()
  client.say(publishPacket())
  await eventually(() => ingress.envelopes.length > 0, 'a try')
  ingress.draining.set(true)
  await Promise.all([adapter.drain(), client.ended()])
  t.equal(ingress.reservedBytes, 0)
  t.notOk(client.types().includes('PUBACK'))
})
