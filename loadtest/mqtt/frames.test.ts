// The frames of the load are those of MQTT: the codec of the door reads them, and they read what it writes.

import t from 'tap'
import { encodeConnack } from '../../protocols/mqtt/codec/encode.ts'
import { answersTo, client4, client5, firstOf } from '../../test/support/mqtt-bytes.ts'
import {
  answerOf, bytesOf, connackOf, connectPacket, contentType, createPacketReader, packet, publishTemplate, userProperty
} from './frames.ts'
import type { ProtocolVersion, Qos } from './frames.ts'

const versions: readonly ProtocolVersion[] = [4, 5]

t.test('a CONNECT says who it is, with an empty user name and a session that stays or not', async t => {
  for (const version of versions) {
    const bytes = connectPacket({ version, clientId: 'one', apiKey: 'secret', keepsSession: true })
    t.match(firstOf(Buffer.from(bytes)), {
      type: 'CONNECT', version, clientId: 'one', userName: '', password: Buffer.from('secret'), cleanStart: false, keepAlive: 0,
      properties: version === 5 ? { sessionExpiryInterval: 300 } : {}
    })
    const bare = firstOf(Buffer.from(connectPacket({ version, clientId: 'two', keepsSession: false })))
    t.match(bare, { clientId: 'two', cleanStart: true, userName: undefined, password: undefined })
  }
})

t.test('a PUBLISH has its id and its data where the template says, in both versions and at each QoS', async t => {
  for (const version of versions) {
    for (const qos of [0, 1, 2] as readonly Qos[]) {
      const properties = [...contentType('text/plain'), ...userProperty('id', 'x'.repeat(200))]
      const template = publishTemplate({ version, qos, channel: 'load/devices', properties, data: bytesOf('y'.repeat(20_000)) })
      const bytes = Buffer.from(template.bytes)
      if (qos > 0) bytes.writeUInt16BE(0x1234, template.idAt)
      bytes[template.dataAt] = 0x7a
      const [read, ...more] = answersTo(version === 4 ? client4 : client5, bytes)
      t.match(read, {
        type: 'PUBLISH', qos, topicName: 'load/devices', packetId: qos === 0 ? 0 : 0x1234, payload: Buffer.from(`z${'y'.repeat(19_999)}`),
        properties: version === 5 ? { contentType: 'text/plain', userProperties: [['id', 'x'.repeat(200)]] } : {}
      })
      t.same(more, [])
    }
  }
})

t.test('packets are found however their bytes are cut', async t => {
  const long = [0, 2, 0x87, ...new Array<number>(200).fill(0)]
  const bytes = Uint8Array.from([...packet(0x40, [0, 1]), ...packet(0x50, long), ...packet(0xd0, [])])
  for (const step of [1, 2, 3, 50, bytes.length]) {
    const heard: number[][] = []
    const read = createPacketReader((first, content) => {
      const { packetId, reasonCode } = answerOf(content)
      heard.push([first, content.length, packetId, reasonCode])
    })
    for (let at = 0; at < bytes.length; at += step) read(bytes.subarray(at, at + step))
    t.same(heard, [[0x40, 2, 1, 0], [0x50, 203, 2, 0x87], [0xd0, 0, 0, 0]], `${step} at a time`)
  }
})

t.test('of a CONNACK the window is read, among all that may stand beside it', async t => {
  const receiver = { version: 5, packetBytesMax: 100_000 } as const
  const beside = {
    sessionExpiryInterval: 1, serverKeepAlive: 2, maximumQos: 1, retainAvailable: 0, maximumPacketSize: 70_000,
    assignedClientIdentifier: 'x'.repeat(200), topicAliasMaximum: 3, reasonString: 'none',
    userProperties: [['a', 'b'], ['c', 'd']] as const, wildcardSubscriptionAvailable: 0, subscriptionIdentifiersAvailable: 0,
    sharedSubscriptionAvailable: 0
  }
  const read = (properties: object, reasonCode = 0): unknown => {
    let found: unknown
    const bytes = encodeConnack({ type: 'CONNACK', sessionPresent: reasonCode === 0, reasonCode, properties }, receiver)
    createPacketReader((_first, content) => { found = connackOf(content, 5) })(bytes)
    return found
  }
  t.same(read({ ...beside, receiveMaximum: 300 }), { sessionPresent: true, reasonCode: 0, receiveMaximum: 300 })
  t.same(read({ receiveMaximum: 7, ...beside }), { sessionPresent: true, reasonCode: 0, receiveMaximum: 7 })
  t.same(read(beside, 0x87), { sessionPresent: false, reasonCode: 0x87, receiveMaximum: 65_535 })
  t.same(connackOf(Uint8Array.from([1, 0]), 4), { sessionPresent: true, reasonCode: 0, receiveMaximum: 65_535 })
})
