// Tests of how long a packet may take: it is whole in time or its connection ends, unless it is not read meanwhile.

import t from 'tap'
import { createWebSocketStream, WebSocket } from 'ws'
import { refuse } from '../../src/contract/outcome.ts'
import { openSocketListener } from '../../test/support/listener-rig.ts'
import { connectPacket, MqttClient, publishPacket } from '../../test/support/mqtt-client.ts'
import { encodePacket } from '../../test/support/mqtt-packets.ts'
import { eventually, startMqtt } from '../../test/support/mqtt-rig.ts'
import { Deadlines } from './deadlines.ts'
import type { Door } from './door.ts'
import type { Timed } from './wheel.ts'

interface Clock { nowMs: number, dueMs: number }

function start (): { clock: Clock, deadlines: Deadlines } {
  const clock = { nowMs: 1_000, dueMs: Infinity }
  const owner: Timed = { dueMs: Infinity, wheelTick: -1, onDue () {} }
  const wheel = { schedule (_owner: Timed, dueMs: number) { clock.dueMs = dueMs } }
  const door = { nowMs: () => clock.nowMs, config: { packetTimeoutMs: 100 }, wheel } as unknown as Door
  return { clock, deadlines: new Deadlines(door, owner) }
}

t.test('the time of a packet runs from its first byte, and is over once it is whole', async t => {
  const { clock, deadlines } = start()
  deadlines.packetBegun()
  t.equal(clock.dueMs, 1_100)
  clock.nowMs = 1_099
  deadlines.packetBegun()
  t.notOk(deadlines.isSlow(clock.nowMs))
  t.ok(deadlines.isSlow(1_100), 'more of it gives it no more time')
  deadlines.packetWhole()
  t.notOk(deadlines.isSlow(5_000))
  deadlines.packetBegun()
  t.equal(clock.dueMs, 1_199)
})

t.test('a frame has a time of its own', async t => {
  const { clock, deadlines } = start()
  deadlines.frame(true)
  clock.nowMs = 1_050
  deadlines.frame(true)
  deadlines.packetBegun()
  deadlines.packetWhole()
  t.ok(deadlines.isSlow(1_100))
  deadlines.frame(false)
  t.notOk(deadlines.isSlow(5_000))
})

t.test('time stands still while nothing is read', async t => {
  const { clock, deadlines } = start()
  deadlines.packetBegun()
  clock.nowMs = 1_060
  deadlines.pause()
  clock.nowMs = 9_000
  deadlines.frame(true)
  t.notOk(deadlines.isSlow(clock.nowMs))
  deadlines.resume()
  t.notOk(deadlines.isSlow(9_039))
  t.ok(deadlines.isSlow(9_040), 'it has as much left as it had')
  deadlines.packetWhole()
  t.notOk(deadlines.isSlow(9_099))
  t.ok(deadlines.isSlow(9_100), 'what began meanwhile has all of it')
  deadlines.leave(20_000)
  t.notOk(deadlines.isSlow(15_000))
  t.equal(clock.dueMs, 20_000)
})

const will = { qos: 1, retain: false, properties: {}, topicName: 'last/words', payload: Buffer.from('x') } as const

t.test('a packet that is not complete in time ends its connection, however many bytes of it come', async t => {
  const { connect, ingress } = await startMqtt(t, { config: { packetTimeoutMs: 200 } })
  const large = encodePacket(publishPacket({ payload: Buffer.alloc(50_000) }), 5)
  for (const version of [5, 4] as const) {
    const beganMs = performance.now()
    const { client } = await connect({ version, keepAlive: 0, will })
    client.say(publishPacket())
    let at = 0
    const drip = setInterval(() => { client.stream.write(large.subarray(at, ++at)) }, 10)
    t.teardown(() => { clearInterval(drip) })
    await client.ended()
    clearInterval(drip)
    t.ok(performance.now() - beganMs >= 200)
    t.same(client.types(), version === 5 ? ['CONNACK', 'PUBACK', 'DISCONNECT'] : ['CONNACK', 'PUBACK'])
    if (version === 5) t.match(await client.next('DISCONNECT'), { reasonCode: 0x83, properties: { reasonString: /not complete/ } })
    await eventually(() => ingress.envelopes.filter(({ channel }) => channel === 'last/words').length === 6 - version, 'its will')
  }
  t.equal(ingress.reservedBytes, 0)
})

t.test('a client whose packets come in pieces stays for as long as each is whole in time', async t => {
  const { connect } = await startMqtt(t, { config: { packetTimeoutMs: 1_000 } })
  const { client } = await connect()
  const packet = encodePacket(publishPacket(), 5)
  const halves = Buffer.concat([packet.subarray(8), packet.subarray(0, 8)])
  const beganMs = performance.now()
  client.stream.write(packet.subarray(0, 8))
  for (let count = 1; performance.now() - beganMs < 1_500; count++) {
    client.stream.write(halves)
    await eventually(() => client.heard.length > count || client.closed, 'PUBACK')
    if (client.closed) break
  }
  t.notOk(client.closed)
})

t.test('a packet has its time while there is no room for it', async t => {
  const { connect, ingress } = await startMqtt(t, { config: { packetTimeoutMs: 200 } })
  const { client } = await connect()
  const packet = encodePacket(publishPacket(), 5)
  let triesCount = 0
  ingress.reservation = () => {
    if (++triesCount === 1) return refuse('overloaded', 'for a test', { retryAfterMs: 600 })
    if (triesCount === 2) client.stream.write(packet.subarray(8))
    return undefined
  }
  client.stream.write(packet.subarray(0, 8))
  t.equal((await client.next('PUBACK', 1)).reasonCode, 0)
  t.ok(triesCount >= 2)
})

t.test('over WebSocket, so does a frame', async t => {
  const { adapter } = await startMqtt(t, { config: { packetTimeoutMs: 100, connectTimeoutMs: 60_000 } })
  const { port } = await openSocketListener(t, { transport: 'websocket' }, listener => { adapter.attach(listener) })
  const open = async (): Promise<{ websocket: WebSocket, client: MqttClient }> => {
    const websocket = new WebSocket(`ws://127.0.0.1:${port}/`, ['mqtt'])
    const client = new MqttClient(createWebSocketStream(websocket))
    t.teardown(() => { websocket.terminate() })
    await eventually(() => websocket.readyState === WebSocket.OPEN, 'a connection')
    return { websocket, client }
  }
  const { websocket, client } = await open()
  client.say(connectPacket({ keepAlive: 0 }))
  await client.next('CONNACK')
  websocket.send(encodePacket(publishPacket(), 5), { fin: false })
  t.equal((await client.next('DISCONNECT')).reasonCode, 0x83)
  await eventually(() => websocket.readyState === WebSocket.CLOSED, 'the end')
  const unknown = await open()
  unknown.websocket.send(encodePacket(connectPacket(), 5), { fin: false })
  await eventually(() => unknown.websocket.readyState === WebSocket.CLOSED, 'the end')
  t.same(unknown.client.heard, [])
})
