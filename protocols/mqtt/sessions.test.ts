// Tests of how many sessions a worker keeps, what their packet ids may hold, and whose session ends above that.

import t from 'tap'
import { publishPacket } from '../../test/support/mqtt-client.ts'
import type { MqttClient } from '../../test/support/mqtt-client.ts'
import { createSessionClaims, eventually, startMqtt } from '../../test/support/mqtt-rig.ts'
import type { MqttRig } from '../../test/support/mqtt-rig.ts'
import { manyIdsBytes } from './packet-ids.ts'

interface Asked { readonly clientId: string, readonly principal?: string, readonly expiry?: number }

/** Connects, and says whether there was a session. */
async function visit (rig: MqttRig, { clientId, principal = 'alice', expiry = 300 }: Asked): Promise<boolean> {
  rig.ingress.authenticated = () => ({ name: principal, groups: [], anonymous: false })
  const properties = { sessionExpiryInterval: expiry }
  const { client, connack } = await rig.connect({ clientId, cleanStart: false, properties })
  client.say({ type: 'DISCONNECT', reasonCode: 0, properties: {} })
  await client.ended()
  return connack.sessionPresent
}

t.test('of too many sessions the one that would end next ends', async t => {
  const rig = await startMqtt(t, { config: { detachedSessionsMax: 2 } })
  await visit(rig, { clientId: 'oldest', expiry: 300 })
  for (const clientId of ['a', 'b', 'c']) await visit(rig, { clientId, expiry: 20 })
  t.equal(rig.gauge('sessions_detached'), 2)
  t.equal(await visit(rig, { clientId: 'oldest' }), true)
  t.equal(await visit(rig, { clientId: 'c' }), true)
})

t.test('a principal with many sessions loses its own, not those of others', async t => {
  const rig = await startMqtt(t, { config: { detachedSessionsMax: 5 } })
  await visit(rig, { clientId: 'alice-1', expiry: 20 })
  await visit(rig, { clientId: 'alice-2', expiry: 20 })
  for (let at = 0; at < 10; at++) await visit(rig, { clientId: `mallory-${at}`, principal: 'mallory' })
  t.equal(rig.gauge('sessions_detached'), 5)
  for (const clientId of ['alice-1', 'alice-2']) t.equal(await visit(rig, { clientId }), true, clientId)
  await visit(rig, { clientId: 'bob-1', principal: 'bob', expiry: 1 })
  t.equal(await visit(rig, { clientId: 'bob-1', principal: 'bob' }), true, 'whoever holds most makes room')
})

t.test('a session that is handed over takes no room from others', async t => {
  const [first, second] = createSessionClaims(t, 2)
  if (first === undefined || second === undefined) throw new Error('there are two workers')
  const rig = await startMqtt(t, { claimSession: first, config: { detachedSessionsMax: 1 } })
  await visit(rig, { clientId: 'a' })
  const old = await rig.connect({ clientId: 'b', cleanStart: false, properties: { sessionExpiryInterval: 1 } })
  const other = await startMqtt(t, { claimSession: second })
  other.ingress.authenticated = rig.ingress.authenticated
  t.equal((await other.connect({ clientId: 'b', cleanStart: false })).connack.sessionPresent, true)
  await old.client.ended()
  t.equal(await visit(rig, { clientId: 'a' }), true)
})

/** A client of MQTT 3.1.1 that leaves so many packet ids without PUBREL, and stays. */
async function leaveIds (rig: MqttRig, clientId: string, principal: string): Promise<MqttClient> {
  rig.ingress.authenticated = () => ({ name: principal, groups: [], anonymous: false })
  const { client } = await rig.connect({ version: 4, clientId, cleanStart: false })
  for (let packetId = 1; packetId <= 40; packetId++) client.say(publishPacket({ packetId, qos: 2 }))
  await client.next('PUBREC', 40)
  return client
}

t.test('packet ids that wait for PUBREL have a bound: whoever keeps most of them loses a session', async t => {
  const rig = await startMqtt(t, { config: { packetIdsBytesMax: 2 * manyIdsBytes } })
  await visit(rig, { clientId: 'without-ids', principal: 'mallory', expiry: 20 })
  const alice = await leaveIds(rig, 'alice', 'alice')
  t.equal(rig.gauge('packet_ids_bytes'), manyIdsBytes)
  const [first, second] = [await leaveIds(rig, 'mallory-1', 'mallory'), await leaveIds(rig, 'mallory-2', 'mallory')]
  await eventually(() => first.closed || second.closed, 'the end of one of the two')
  t.equal(rig.gauge('packet_ids_bytes'), 2 * manyIdsBytes)
  t.notOk(alice.closed)
  t.notOk(first.closed && second.closed)
  t.equal(rig.gauge('sessions_detached'), 1, 'its session is over as well, and one that holds none is not')
})

t.test('a session without a connection goes before one with it, and a client of MQTT 5 is told', async t => {
  const rig = await startMqtt(t, { config: { packetIdsBytesMax: manyIdsBytes } })
  const properties = { sessionExpiryInterval: 300 }
  const clients: MqttClient[] = []
  for (const clientId of ['a', 'b', 'c']) {
    const { client } = await rig.connect({ clientId, cleanStart: false, properties })
    clients.push(client)
    for (let packetId = 1; packetId <= 33; packetId++) client.say(publishPacket({ packetId, qos: 2 }))
    await client.next('PUBREC', 33)
    if (clientId !== 'a') continue
    client.close()
    await eventually(() => rig.gauge('sessions_detached') === 1, 'the end')
  }
  await eventually(() => clients.filter(({ closed }) => closed).length === 2, 'the end of one with a connection')
  const [, b, c] = clients
  const ended = b?.closed === true ? b : c
  t.equal((await ended?.next('DISCONNECT'))?.reasonCode, 0x97)
  t.equal(rig.gauge('packet_ids_bytes'), manyIdsBytes)
  t.equal(rig.gauge('sessions_detached'), 0)
  const stays = ended === b ? c : b
  for (let packetId = 1; packetId <= 33; packetId++) {
    stays?.say({ type: 'PUBREL', packetId, reasonCode: 0, properties: {} })
  }
  await stays?.next('PUBCOMP', 33)
  t.equal(rig.gauge('packet_ids_bytes'), 0)
})
