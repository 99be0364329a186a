// Tests of sessions over connections and workers: one connection per client id, and messages of QoS 2 taken once.

import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import { connectPacket, publishPacket } from '../../test/support/mqtt-client.ts'
import type { MqttClient } from '../../test/support/mqtt-client.ts'
import { createSessionClaims, eventually, startMqtt } from '../../test/support/mqtt-rig.ts'
import type { MqttRig } from '../../test/support/mqtt-rig.ts'
import type { ConnectPacket } from './codec/packet.ts'
import { mqttConfig } from './config.ts'
import { readState, writeState } from './session-state.ts'

const lasting: Partial<ConnectPacket> = { clientId: 'sensor', cleanStart: false, properties: { sessionExpiryInterval: 60 } }
const lasting4: Partial<ConnectPacket> = { version: 4, clientId: 'sensor', cleanStart: false }
const message = publishPacket({ packetId: 9, qos: 2 })
const copy = { ...message, dup: true }
const goodbye = { type: 'DISCONNECT', reasonCode: 0, properties: {} } as const

/** Two workers of one node. */
async function startWorkers (
  t: Parameters<typeof startMqtt>[0], handOverTimeoutMs?: number
): Promise<readonly [MqttRig, MqttRig]> {
  const [first, second] = createSessionClaims(t, 2, handOverTimeoutMs)
  if (first === undefined || second === undefined) throw new Error('there are two workers')
  return [await startMqtt(t, { claimSession: first }), await startMqtt(t, { claimSession: second })]
}

for (const [where, at] of [['the same worker', 0], ['another worker', 1]] as const) {
  t.test(`${where}: a client that comes back finds its session, and a copy of a message is no second event [MQTT-3.1.2-4] [MQTT-3.1.3-2] [MQTT-3.1.4-3] [MQTT-3.2.2-2] [MQTT-4.1.0-1] [MQTT-4.1.0-2] [MQTT-3.1.2-5] [MQTT-3.1.2-6] [MQTT-3.1.2-23] [MQTT-3.2.2-3]`, async t => {
    for (const connect of [lasting, lasting4]) {
      const workers = await startWorkers(t)
      const old = await workers[0].connect(connect)
      t.equal(old.connack.sessionPresent, false)
      old.client.say(message)
      await old.client.next('PUBREC', 9)
      old.client.close()
      await eventually(() => workers[0].gauge('sessions_detached') === 1, 'the end of the connection')
      const { client, connack } = await workers[at].connect(connect)
      t.equal(connack.sessionPresent, true)
      client.say(copy)
      await client.next('PUBREC', 9)
      client.say({ type: 'PUBREL', packetId: 9, reasonCode: 0, properties: {} })
      t.equal((await client.next('PUBCOMP', 9)).reasonCode, 0)
      t.equal(workers[0].ingress.envelopes.length + workers[1].ingress.envelopes.length, 1)
      t.equal(workers[0].gauge('sessions_detached'), 0)
    }
  })

  t.test(`${where}: a CONNECT ends the connection that has the client id [MQTT-3.1.4-2] [MQTT-3.1.4-3] [MQTT-4.1.0-1]`, async t => {
    const workers = await startWorkers(t)
    const old = await workers[0].connect(lasting)
    const { connack } = await workers[at].connect(lasting)
    t.equal(connack.sessionPresent, true)
    t.equal((await old.client.next('DISCONNECT')).reasonCode, 0x8e)
    await old.client.ended()
    const old4 = await workers[0].connect({ ...lasting4, clientId: 'old' })
    await workers[at].connect({ ...lasting4, clientId: 'old' })
    await old4.client.ended()
  })

  t.test(`${where}: a message that is under way is settled before its session goes on`, async t => {
    const workers = await startWorkers(t)
    const { ingress } = workers[0]
    ingress.outcomeOf = () => undefined
    const old = await workers[0].connect(lasting)
    old.client.say(message, publishPacket({ packetId: 10, qos: 2 }))
    await eventually(() => ingress.pending.length === 2, 'two events')
    const client = workers[at].open()
    client.say(connectPacket(lasting))
    await old.client.next('DISCONNECT')
    t.same(client.heard, [], 'nobody is let in before that')
    const [first, second] = ingress.pending
    if (first !== undefined) first.settle(receiptOf(first.envelope, 0))
    second?.settle(refuse('forbidden', 'for a test'))
    t.equal((await client.next('CONNACK')).sessionPresent, true)
    const taker = workers[at].ingress
    taker.outcomeOf = receiptOf
    client.say(copy, { ...copy, packetId: 10 })
    await client.next('PUBREC', 10)
    t.equal(taker.envelopes.filter(({ patient }) => patient).length, at === 0 ? 3 : 1, 'only the refused one is sent again')
    t.equal(ingress.reservedBytes, 0)
  })
}

/** A client with a will, and one message of QoS 2 whose outcome is still open. */
async function startPending (rig: MqttRig): Promise<{ old: MqttClient, settle: () => void }> {
  rig.ingress.outcomeOf = () => undefined
  const properties = { willDelayInterval: 600 }
  const will = { qos: 1, retain: false, properties, topicName: 'status', payload: Buffer.from('gone') } as const
  const { client: old } = await rig.connect({ ...lasting, will })
  old.say(message)
  await eventually(() => rig.ingress.pending.length === 1, 'an event')
  return { old, settle: () => { for (const one of rig.ingress.pending) one.settle(receiptOf(one.envelope, 0)) } }
}

/** The client comes back to `worker`: its session is there, and a copy of its message is no second event. */
async function comesBack (
  t: Parameters<typeof startMqtt>[0], worker: MqttRig, workers: readonly MqttRig[]
): Promise<void> {
  const { client, connack } = await worker.connect(lasting)
  t.equal(connack.sessionPresent, true)
  client.say(copy)
  await client.next('PUBREC', 9)
  t.equal(workers.reduce((sum, { ingress }) => sum + ingress.envelopes.length, 0), 1)
}

for (const [where, at] of [['the same worker', 0], ['another worker', 1]] as const) {
  t.test(`${where}: a client that breaks off while its session is handed over finds it later`, async t => {
    const workers = await startWorkers(t)
    const { old, settle } = await startPending(workers[0])
    const newcomer = workers[at].open()
    newcomer.say(connectPacket(lasting))
    await old.next('DISCONNECT')
    newcomer.close()
    await eventually(() => workers.every(({ gauge }) => gauge('clients_connected') === 0), 'the end of both')
    settle()
    await eventually(() => workers[at].gauge('sessions_detached') === 1, 'the session to be the newcomer\'s')
    t.equal(workers[0].gauge('wills_held'), 0, 'its client was back')
    await comesBack(t, workers[0], workers)
  })

  t.test(`${where}: a session that could not be handed over in time stays as it was`, async t => {
    const workers = await startWorkers(t, 2_000)
    const { old, settle } = await startPending(workers[0])
    t.equal((await workers[at].connect(lasting)).connack.reasonCode, 0x89)
    await old.next('DISCONNECT')
    settle()
    await eventually(() => workers[0].gauge('sessions_detached') === 1, 'the session to be without a connection')
    t.equal(workers[0].gauge('wills_held'), 1, 'its will waits')
    await comesBack(t, workers[at], workers)
    t.equal(workers[0].gauge('wills_held'), 0)
  })
}

t.test('a clean start forgets the session [MQTT-3.1.2-6] [MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT-3.2.2-2]', async t => {
  const { connect, ingress } = await startMqtt(t)
  const old = await connect(lasting)
  old.client.say(message)
  await old.client.next('PUBREC', 9)
  const { client, connack } = await connect({ ...lasting, cleanStart: true })
  t.equal(connack.sessionPresent, false)
  client.say(message)
  await client.next('PUBREC', 9)
  t.equal(ingress.envelopes.length, 2)
})

t.test('a session ends with its connection where its client wants that, and its client id is free [MQTT-3.1.2-6] [MQTT-3.1.4-3] [MQTT-3.2.2-1]', async t => {
  const { connect, ingress, gauge } = await startMqtt(t)
  for (const ending of [{ clientId: 'a' }, { version: 4, clientId: 'b' }] as const) {
    ingress.authenticated = () => ({ name: 'bob', groups: [], anonymous: false })
    const { client } = await connect(ending)
    client.say(goodbye)
    await client.ended()
    t.equal(gauge('sessions_detached'), 0)
    ingress.authenticated = () => ({ name: 'alice', groups: [], anonymous: false })
    t.match((await connect({ ...ending, cleanStart: true })).connack, { reasonCode: 0, sessionPresent: false })
  }
})

t.test('a session ends when its time is over [MQTT-3.2.2-3] [MQTT-4.1.0-2]', async t => {
  const { connect, gauge } = await startMqtt(t, { config: { sessionExpiryMaxMs: 100 } })
  const { client } = await connect(lasting4)
  client.close()
  await eventually(() => gauge('sessions_detached') === 1, 'the end of the connection')
  await eventually(() => gauge('sessions_detached') === 0, 'the end of the session')
  t.equal((await connect(lasting4)).connack.sessionPresent, false)
})

t.test('DISCONNECT may say how long the session lasts, but not begin one that ends with its connection', async t => {
  const { connect, gauge } = await startMqtt(t)
  const shorter = await connect(lasting)
  shorter.client.say({ ...goodbye, properties: { sessionExpiryInterval: 0 } })
  await shorter.client.ended()
  t.equal(gauge('sessions_detached'), 0)
  const none = await connect({ clientId: 'other' })
  none.client.say({ ...goodbye, properties: { sessionExpiryInterval: 10 } })
  t.equal((await none.client.next('DISCONNECT')).reasonCode, 0x82)
})

t.test('as many messages are taken as Receive Maximum says, also of a client that has left as many before', async t => {
  const { maximum: inFlightMax = NaN } = mqttConfig.properties.inFlightMax as { readonly maximum?: number }
  const { connect } = await startMqtt(t, { config: { inFlightMax } })
  for (const [round, cleanStart] of [true, false].entries()) {
    const { client, connack } = await connect({ clientId: 'many', cleanStart, properties: { sessionExpiryInterval: 60 } })
    t.equal(connack.properties.receiveMaximum, inFlightMax)
    const ids = Array.from({ length: inFlightMax }, (_, at) => round * inFlightMax + at + 1)
    client.say(...ids.map(packetId => publishPacket({ packetId, qos: 2 })))
    await client.next('PUBREC', ids.at(-1))
    t.equal(client.types().filter(type => type === 'PUBREC').length, inFlightMax)
  }
})

t.test('a client id belongs to its principal', async t => {
  const { connect, ingress } = await startMqtt(t)
  ingress.authenticated = () => ({ name: 'bob', groups: [], anonymous: false })
  const bob = await connect(lasting)
  ingress.authenticated = () => ({ name: 'mallory', groups: [], anonymous: false })
  t.equal((await connect(lasting)).connack.reasonCode, 0x87)
  t.equal((await connect(lasting4)).connack.reasonCode, 5)
  bob.client.say({ type: 'PINGREQ' })
  await bob.client.next('PINGRESP')
})

t.test('no more sessions without a connection are kept than there may be', async t => {
  const { connect, gauge } = await startMqtt(t, { config: { detachedSessionsMax: 2 } })
  for (const clientId of ['a', 'b', 'c']) {
    const { client } = await connect({ ...lasting, clientId })
    client.say(goodbye)
    await client.ended()
  }
  t.equal(gauge('sessions_detached'), 2)
  t.equal((await connect({ ...lasting, clientId: 'a' })).connack.sessionPresent, false, 'the oldest has ended')
  t.equal((await connect({ ...lasting, clientId: 'c' })).connack.sessionPresent, true)
})

t.test('a state is read as it was written', async t => {
  const will = {
    channel: 'a',
    will: {
      qos: 1, retain: true, topicName: 'a', payload: Buffer.from([0, 255]),
      properties: { willDelayInterval: 5, correlationData: Buffer.from([1]), userProperties: [['n', 'v']] }
    }
  } as const
  t.same(readState(writeState({ packetIds: new Set([1, 65_535]), will })), { packetIds: [1, 65_535], will })
  t.same(readState(writeState({ packetIds: [], will: undefined })), { packetIds: [], will: undefined })
})

t.test('a CONNECT whose client has left takes no session from the one that came after it', async t => {
  const [first, second] = createSessionClaims(t, 2)
  if (first === undefined || second === undefined) throw new Error('there are two workers')
  const slow = await startMqtt(t, { claimSession: first, config: { connectsPerSecondMax: 1 } })
  const quick = await startMqtt(t, { claimSession: second })
  for (const connect of [lasting, lasting4]) {
    const turn = slow.connect({ clientId: 'first' })
    const gone = slow.open(connect.version)
    gone.say(connectPacket(connect))
    await eventually(() => slow.gauge('clients_waiting') > 0, 'its turn is not yet')
    await turn
    gone.close()
    await eventually(() => slow.gauge('clients_connected') === 1, 'it has left')
    const { client } = await quick.connect(connect)
    await eventually(() => slow.gauge('clients_waiting') === 0, 'its turn')
    const next = await slow.connect({ clientId: 'first' })
    client.say({ type: 'PINGREQ' })
    await client.next('PINGRESP')
    t.notOk(client.closed, 'it is still in')
    next.client.close()
    await eventually(() => slow.gauge('clients_connected') === 0, 'the end')
  }
})
