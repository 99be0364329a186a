// The MQTT load finds nothing wrong with a gateway in front of a real Kafka, and everything with servers that lie.

import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import t from 'tap'
import type { Test } from 'tap'
import { startGatewayProcess } from '../../test/support/gateway-process.ts'
import { digestOf } from '../../test/support/history.ts'
import { sharedKafka, skipWithoutKafka } from '../../test/support/kafka-shared.ts'
import { deviceEventId, deviceEventText } from '../scenarios.ts'
import { answerOf, createPacketReader, firstBytes, packet, twoBytes } from './frames.ts'
import type { ProtocolVersion, Qos } from './frames.ts'
import { runLoad } from './load.ts'
import type { LoadResult, LoadSetup } from './load.ts'
import { LoadTally, percentile } from './load-tally.ts'
import { judge, storedEvents } from './verdict.ts'

const small: LoadSetup = {
  host: '127.0.0.1', port: 0, version: 5, qos: 1, window: 20, channel: 'load/devices', eventBytes: 200, cutEvery: 0, connections: 8,
  events: 1_000, run: 'run', sendMs: 60_000
}

/** The last two are cut while messages are under way. */
const loads: readonly { version: ProtocolVersion, qos: Qos, cutEvery: number }[] = [
  { version: 5, qos: 0, cutEvery: 0 }, { version: 4, qos: 1, cutEvery: 0 }, { version: 4, qos: 2, cutEvery: 25 },
  { version: 5, qos: 2, cutEvery: 25 }, { version: 5, qos: 1, cutEvery: 25 }
]

t.test('what is acknowledged at each QoS is in Kafka, in order, and at QoS 2 once although connections are cut', {
  skip: await skipWithoutKafka(), timeout: 240_000
}, async t => {
  const kafka = await sharedKafka()
  const topic = `load-mqtt-${process.pid}-${Date.now()}`
  await kafka.createTopic(topic)
  const gateway = await startGatewayProcess(t.testdir({}), `
listeners: [ { protocol: mqtt, port: 0 } ]
workers: 2
mqtt: { contentType: application/json, connectsPerSecondMax: 100000 }
kafka: { brokers: ${JSON.stringify(kafka.brokers)} }
routes: [ { name: load, channel: load/devices, topic: ${topic}, key: { pointer: /device } } ]
`)
  t.teardown(async () => {
    await gateway.kill()
    await kafka.deleteTopic(topic)
    await kafka.stop()
  })
  const results: LoadResult[] = []
  for (const [at, load] of loads.entries()) {
    results.push(await runLoad({ ...small, ...load, port: gateway.port, run: `run-${at}` }))
  }
  await gateway.stop()
  const stored = storedEvents(await kafka.readAll(topic, { timeoutMs: 60_000 }))
  for (const [at, { version, qos, cutEvery }] of loads.entries()) {
    const result = results[at]
    if (result === undefined) throw new Error('a load did not run')
    const { tally, sent } = result
    const { counts, faults } = judge(qos, result, stored.filter(({ id }) => id.startsWith(`run-${at}-`)))
    const name = `version ${version}, QoS ${qos}, cut every ${cutEvery}`
    t.same(faults, [], name)
    t.equal(sent.length, small.events)
    // QoS 0 is promised nothing: a node that is short of something drops it.
    if (qos === 0) t.ok(Number(counts.heldCount) > 0, `${counts.heldCount} are there`)
    else t.equal(counts.heldCount, small.events, 'all of them are there')
    t.equal(tally.ackMs.length, qos === 0 ? 0 : small.events)
    t.equal(tally.completeMs.length, qos === 2 ? small.events : 0)
    t.equal(tally.cutCount > 0, cutEvery > 0)
    t.equal(tally.resentCount > 0, cutEvery > 0, `${tally.resentCount} were sent again`)
  }
})

/** A server of MQTT 3.1.1 that lets everybody in; `answer` is asked about each packet behind CONNECT. */
async function serve (t: Test, answer: (socket: Socket, first: number, packetId: number) => void): Promise<number> {
  const server = createServer(socket => {
    socket.on('error', () => { /* it was cut */ })
    socket.on('data', createPacketReader((first, content) => {
      if (first === firstBytes.connect) return void socket.write(Buffer.from(packet(firstBytes.connack, [0, 0])))
      if (first === firstBytes.disconnect) return void socket.end()
      // Of a PUBLISH the id stands behind the channel.
      const idAt = (first & 0xf0) === firstBytes.publish ? 2 + small.channel.length : 0
      answer(socket, first, answerOf(content.subarray(idAt)).packetId)
    }))
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => { server.close() })
  return (server.address() as AddressInfo).port
}

const puback = (packetId: number): Buffer => Buffer.from(packet(firstBytes.puback, twoBytes(packetId)))
const lying = { ...small, version: 4, connections: 1, window: 2, events: 10 } as const

t.test('acknowledgements of what nobody stored are lost events', async t => {
  const port = await serve(t, (socket, _first, packetId) => { socket.write(puback(packetId)) })
  const result = await runLoad({ ...lying, port })
  t.same(judge(1, result).faults, [], 'the answers alone look right')
  const { counts, faults } = judge(1, result, [])
  t.equal(counts.lost, 10)
  t.match(faults, [/^lost: 10, run-00000-000000001, /])
})

t.test('acknowledgements out of order, or of nothing, are counted', async t => {
  const ids: number[] = []
  const port = await serve(t, (socket, _first, packetId) => {
    ids.push(packetId)
    if (ids.length === 2) socket.write(Buffer.concat([...ids.splice(0).reverse(), 999].map(puback)))
  })
  const { faults } = judge(1, await runLoad({ ...lying, port }))
  t.same(faults, ['acknowledged out of order: 5', 'answers to nothing: 5'])
})

t.test('a connection that the server ends is a fault, and its events are sent again', async t => {
  let count = 0
  const port = await serve(t, (socket, _first, packetId) => {
    if (++count === 5) socket.destroy()
    else socket.write(puback(packetId))
  })
  const result = await runLoad({ ...lying, port })
  t.match(judge(1, result).faults, [/^connections broken \(closed without a word\): 1$/])
  t.ok(result.tally.resentCount > 0)
  t.equal(result.tally.ackMs.length, 10)
})

t.test('a silent server leaves events without an answer, and the load ends all the same', async t => {
  const port = await serve(t, () => { /* not a word */ })
  const { faults } = judge(1, await runLoad({ ...lying, port, sendMs: 10, answerMs: 50 }))
  t.same(faults, ['without an answer: 2'])
})

t.test('who is not let in ends the load', async t => {
  await t.rejects(runLoad({ ...lying, port: 1 }), /run-00000 was not let in: .*ECONNREFUSED/)
})

t.test('a copy, another order, other bytes and what nobody sent are told apart', async t => {
  const tally = new LoadTally()
  const of = (order: number): { id: string, digest: string } =>
    ({ id: deviceEventId('d', order), digest: digestOf(deviceEventText('d', order, 200)) })
  const sent = [1, 2, 3].map(order => ({ ...of(order), stream: 'd', order, told: 'written' as const }))
  const stored = [2, 1, 3, 3, 4].map((order, at) => ({ ...of(order), partition: 0, order: at }))
  const changed = stored.map((one, at) => at === 0 ? { ...one, digest: 'other' } : one)
  const result = { tally, sent, ms: 1 }
  const wanted = [/^duplicated: 1, d-0*3$/, /^phantom: 1, d-0*4$/, /^reordered: 1, d-0*2$/, /^corrupted: 1, d-0*2$/]
  for (const qos of [0, 1, 2] as const) t.match(judge(qos, result, changed).faults, wanted, `QoS ${qos}`)
  tally.resentCount = 1
  t.match(judge(2, result, changed).faults, wanted, 'a copy of what was sent again at QoS 2 is one too')
  t.match(judge(1, result, changed).faults, wanted.slice(1), 'at QoS 1 it may be')
})

t.test('percentiles are values that were measured', async t => {
  const values = Array.from({ length: 100 }, (_, at) => 100 - at)
  t.same([0.5, 0.99, 1].map(share => percentile(values, share)), [50, 99, 100])
  t.ok(Number.isNaN(percentile([], 0.5)))
})
