// Tests of the encoders: bytes as the standard writes them, many acknowledgements in one buffer, and nothing too large.

import t from 'tap'
import { answerTo, client4, client5, field, firstOf, server5 } from '../../../test/support/mqtt-bytes.ts'
import {
  acknowledgementBytesMax, encodeAuth, encodeConnack, encodeConnect, encodeDisconnect, encodePublish, encodeSuback,
  pingreqBytes, pingrespBytes, writeAcknowledgement
} from './encode.ts'
import type { AcknowledgementPacket, ConnectPacket } from './packet.ts'
import { noProperties } from './properties.ts'
import type { Properties } from './properties.ts'

const to4 = { version: 4, packetBytesMax: 1_000 } as const
const to5 = { version: 5, packetBytesMax: 1_000 } as const
const talkative: Properties = { reasonString: 'r'.repeat(100), userProperties: [['n', 'v'.repeat(50)]] }

function acknowledgement (packetId: number, reasonCode = 0, properties = noProperties): AcknowledgementPacket {
  return { type: 'PUBACK', packetId, reasonCode, properties }
}

t.test('acknowledgements are written one after the other into one buffer', async t => {
  const target = Buffer.alloc(64)
  let at = 3
  at = writeAcknowledgement(target, at, acknowledgement(1), to4)
  at = writeAcknowledgement(target, at, { ...acknowledgement(0x1234), type: 'PUBREC' }, to5)
  at = writeAcknowledgement(target, at, { ...acknowledgement(2), type: 'PUBREL' }, to4)
  at = writeAcknowledgement(target, at, { ...acknowledgement(0xffff, 0x92), type: 'PUBCOMP' }, to5)
  t.equal(target.subarray(3, at).toString('hex'), '40020001' + '50021234' + '62020002' + '7003ffff92')
})

t.test('an acknowledgement of 3.1.1 has no reason code and no properties', async t => {
  const target = Buffer.alloc(64)
  t.equal(writeAcknowledgement(target, 0, acknowledgement(1, 0x87, talkative), to4), 4)
  t.equal(target.toString('hex', 0, 4), '40020001')
})

t.test('nothing is written where there is no room, and the place stays the same', async t => {
  for (const [packet, bytes] of [
    [acknowledgement(1), 4], [acknowledgement(1, 0x87), acknowledgementBytesMax], [acknowledgement(1, 0x87, { reasonString: 'x' }), 10]
  ] as const) {
    const target = Buffer.alloc(bytes + 2)
    t.equal(writeAcknowledgement(target, 3, packet, to5), 3)
    t.ok(target.every(octet => octet === 0), 'not a byte')
    t.equal(writeAcknowledgement(target, 2, packet, to5), bytes + 2)
  }
})

t.test('an acknowledgement carries the packet identifier it is given [MQTT-2.3.1-6] [MQTT-2.2.1-5]', async t => {
  const target = Buffer.alloc(8)
  for (const packetId of [1, 255, 256, 65_535]) {
    for (const type of ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP'] as const) {
      const end = writeAcknowledgement(target, 0, { ...acknowledgement(packetId), type }, to5)
      t.match(answerTo(client5, Buffer.from(target.subarray(0, end))), { type, packetId })
    }
  }
})

t.test('an acknowledgement leaves out its Reason String before it is too large [MQTT-3.4.2-2] [MQTT-3.5.2-2] [MQTT-3.6.2-2] [MQTT-3.7.2-2]', async t => {
  const target = Buffer.alloc(1_000)
  for (const type of ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP'] as const) {
    const reasonCode = type === 'PUBREL' || type === 'PUBCOMP' ? 0x92 : 0x87
    const packet = { ...acknowledgement(1, reasonCode, talkative), type }
    const end = writeAcknowledgement(target, 0, packet, { version: 5, packetBytesMax: 100 })
    t.ok(end <= 100, `${end} bytes`)
    t.same(answerTo(client5, Buffer.from(target.subarray(0, end))), {
      type, packetId: 1, reasonCode, properties: { userProperties: [['n', 'v'.repeat(50)]] }
    })
  }
})

t.test('an acknowledgement leaves out its user properties before it is too large [MQTT-3.4.2-3] [MQTT-3.5.2-3] [MQTT-3.6.2-3] [MQTT-3.7.2-3]', async t => {
  const target = Buffer.alloc(1_000)
  for (const type of ['PUBACK', 'PUBREC', 'PUBREL', 'PUBCOMP'] as const) {
    for (const packetBytesMax of [5, 30, 60]) {
      const packet: AcknowledgementPacket = { type, packetId: 1, reasonCode: 0x92, properties: talkative }
      const end = writeAcknowledgement(target, 0, packet, { version: 5, packetBytesMax })
      t.equal(target.toString('hex', 1, end), '03000192')
    }
  }
})

t.test('a CONNACK that refuses never has Session Present [MQTT-3.2.2-4] [MQTT-3.2.2-6]', async t => {
  const connack = { type: 'CONNACK', sessionPresent: true, properties: noProperties } as const
  t.equal(encodeConnack({ ...connack, reasonCode: 0 }, to4).toString('hex'), '20020100')
  t.equal(encodeConnack({ ...connack, reasonCode: 5 }, to4).toString('hex'), '20020005')
  t.equal(encodeConnack({ ...connack, reasonCode: 0 }, to5).toString('hex'), '2003010000')
  t.equal(encodeConnack({ ...connack, reasonCode: 0x87 }, to5).toString('hex'), '2003008700')
})

t.test('a CONNACK leaves out its Reason String, then its user properties, before it is too large [MQTT-3.2.2-19] [MQTT-3.2.2-20]', async t => {
  const connack = { type: 'CONNACK', sessionPresent: false, reasonCode: 0x88, properties: { ...talkative, receiveMaximum: 9 } } as const
  const read = (packetBytesMax: number) => {
    const bytes = encodeConnack(connack, { version: 5, packetBytesMax })
    t.ok(bytes.length <= packetBytesMax)
    return firstOf(bytes, 'server')
  }
  t.match(read(1_000), { properties: { reasonString: 'r'.repeat(100), userProperties: [['n', 'v'.repeat(50)]], receiveMaximum: 9 } })
  t.same(read(100), { ...connack, properties: { userProperties: talkative.userProperties, receiveMaximum: 9 } })
  t.same(read(30), { ...connack, properties: { receiveMaximum: 9 } })
})

t.test('a SUBACK and an UNSUBACK leave out texts before they are too large [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2]', async t => {
  for (const type of ['SUBACK', 'UNSUBACK'] as const) {
    const suback = { type, packetId: 7, properties: talkative, reasonCodes: [0x87, 0x80] }
    const middle = encodeSuback(suback, { version: 5, packetBytesMax: 100 })
    t.same(answerTo(server5, middle), { ...suback, properties: { userProperties: talkative.userProperties } })
    t.same(answerTo(server5, encodeSuback(suback, { version: 5, packetBytesMax: 20 })), { ...suback, properties: {} })
  }
})

t.test('the reason codes of SUBACK and UNSUBACK keep their order [MQTT-3.9.3-1] [MQTT-3.11.3-1]', async t => {
  for (const type of ['SUBACK', 'UNSUBACK'] as const) {
    const suback = { type, packetId: 7, properties: noProperties, reasonCodes: [0x87, 0x00, 0x8f, 0x80] }
    t.same(answerTo(server5, encodeSuback(suback, to5)), suback)
  }
  const unsuback = { type: 'UNSUBACK', packetId: 7, properties: noProperties, reasonCodes: [0] } as const
  t.equal(encodeSuback(unsuback, to4).toString('hex'), 'b0020007')
})

t.test('a DISCONNECT leaves out texts before it is too large [MQTT-3.14.2-3] [MQTT-3.14.2-4]', async t => {
  const disconnect = { type: 'DISCONNECT', reasonCode: 0x8b, properties: { ...talkative, serverReference: 'b' } } as const
  const middle = encodeDisconnect(disconnect, { version: 5, packetBytesMax: 100 })
  t.same(answerTo(server5, middle), { ...disconnect, properties: { userProperties: talkative.userProperties, serverReference: 'b' } })
  const small = encodeDisconnect(disconnect, { version: 5, packetBytesMax: 20 })
  t.same(answerTo(server5, small), { ...disconnect, properties: { serverReference: 'b' } })
  t.equal(encodeDisconnect({ type: 'DISCONNECT', reasonCode: 0x8b, properties: {} }, to5).toString('hex'), 'e0018b')
  t.equal(encodeDisconnect({ type: 'DISCONNECT', reasonCode: 0x8b, properties: talkative }, to4).toString('hex'), 'e000')
})

t.test('an AUTH leaves out texts before it is too large [MQTT-3.15.2-2] [MQTT-3.15.2-3]', async t => {
  const auth = { type: 'AUTH', reasonCode: 0x18, properties: { ...talkative, authenticationMethod: 'm' } } as const
  const middle = encodeAuth(auth, { version: 5, packetBytesMax: 100 })
  t.same(answerTo(server5, middle), { ...auth, properties: { userProperties: talkative.userProperties, authenticationMethod: 'm' } })
  t.same(answerTo(server5, encodeAuth(auth, { version: 5, packetBytesMax: 20 })), { ...auth, properties: { authenticationMethod: 'm' } })
  t.equal(encodeAuth({ type: 'AUTH', reasonCode: 0, properties: {} }, to5).toString('hex'), 'f000')
})

t.test('packets of a client are the bytes that the standard shows', async t => {
  const connect: ConnectPacket = {
    type: 'CONNECT', version: 4, cleanStart: true, keepAlive: 10, properties: noProperties, clientId: '', will: undefined,
    userName: undefined, password: undefined
  }
  t.equal(encodeConnect(connect).toString('hex'), '100c00044d5154540402000a0000')
  t.equal(encodeConnect({ ...connect, version: 5 }).toString('hex'), '100d00044d5154540502000a000000')
  const publish = {
    type: 'PUBLISH', dup: true, qos: 1, retain: false, topicName: 'a/b', packetId: 10, properties: noProperties, payload: Buffer.from('x')
  } as const
  t.equal(encodePublish(publish, 4).toString('hex'), '3a080003612f62000a78')
  t.equal(encodePublish(publish, 5).toString('hex'), '3a090003612f62000a0078')
  t.match(answerTo(client4, pingreqBytes), { type: 'PINGREQ' })
  t.match(answerTo(server5, pingrespBytes), { type: 'PINGRESP' })
})

t.test('a field that is too long to be written is a bug of the caller, and throws', async t => {
  t.throws(() => encodePublish({
    type: 'PUBLISH', dup: false, qos: 0, retain: false, topicName: 'x'.repeat(65_536), packetId: 0, properties: noProperties,
    payload: field('')
  }, 4), RangeError)
})
