// Tests of the packets of reason codes: acknowledgements, CONNACK, DISCONNECT, AUTH; short and long, right and wrong.

import t from 'tap'
import {
  answerTo, client4, client5, firstOf, packet, properties, server4, server5
} from '../../../test/support/mqtt-bytes.ts'
import { codecLimits } from '../../../test/support/mqtt-packets.ts'
import { PacketReader } from './packet-reader.ts'

const acknowledgements = [
  [0x40, 'PUBACK', 0x10, 'MQTT-3.4.2-1'], [0x50, 'PUBREC', 0x91, 'MQTT-3.5.2-1'], [0x62, 'PUBREL', 0x92, 'MQTT-3.6.2-1'],
  [0x70, 'PUBCOMP', 0x92, 'MQTT-3.7.2-1']
] as const

t.test('an acknowledgement may leave out its reason code and its properties', async t => {
  for (const [first, type, reasonCode] of acknowledgements) {
    for (const kind of [client4, client5, server4, server5]) {
      t.same(answerTo(kind, packet(first, [1, 2])), { type, packetId: 258, reasonCode: 0, properties: {} })
    }
    t.same(answerTo(client5, packet(first, [0, 1, reasonCode])), { type, packetId: 1, reasonCode, properties: {} })
    t.same(answerTo(client5, packet(first, [0, 1, reasonCode, 0])), { type, packetId: 1, reasonCode, properties: {} })
    t.same(answerTo(client5, packet(first, [0, 1, 0], properties(0x1f, 'why'))), {
      type, packetId: 1, reasonCode: 0, properties: { reasonString: 'why' }
    })
  }
})

t.test('an acknowledgement with a reason code of another packet is refused [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]', async t => {
  for (const [first, , , clause] of acknowledgements) {
    for (const reasonCode of [0x01, 0x04, 0x8e, 0xff]) {
      t.match(answerTo(client5, packet(first, [0, 1, reasonCode])), { reasonCode: 0x82, clause })
    }
  }
  t.match(answerTo(client5, packet(0x62, [0, 1, 0x91])), { clause: 'MQTT-3.6.2-1' })
  t.match(answerTo(client5, packet(0x40, [0, 1, 0x92])), { clause: 'MQTT-3.4.2-1' })
})

t.test('an acknowledgement of packet identifier 0, cut, or with more than it has in its version is refused', async t => {
  for (const [first] of acknowledgements) {
    t.match(answerTo(client4, packet(first, [0, 0])), { rule: 'packet-id-zero' })
    t.match(answerTo(client5, packet(first, [0])), { rule: 'truncated' })
    t.match(answerTo(client5, packet(first)), { rule: 'truncated' })
    t.match(answerTo(client4, packet(first, [0, 1, 0])), { rule: 'trailing-bytes' })
    t.match(answerTo(client5, packet(first, [0, 1, 0, 0, 0])), { rule: 'trailing-bytes' })
    t.match(answerTo(client5, packet(first, [0, 1, 0, 1])), { rule: 'property-length' })
  }
})

t.test('the reserved flags of PUBREL have to be 0010 [MQTT-3.6.1-1]', async t => {
  for (const kind of [client4, client5, server5]) {
    for (const first of [0x60, 0x61, 0x63, 0x66, 0x6a]) {
      t.match(answerTo(kind, packet(first, [0, 1])), { reasonCode: 0x81, clause: 'MQTT-3.6.1-1' })
    }
  }
})

t.test('the reserved flags of every other packet have to be what the table says [MQTT-2.2.2-1] [MQTT-2.2.2-2] [MQTT-2.1.3-1]', async t => {
  for (const first of [0x41, 0x52, 0x78, 0xc1, 0xc8]) {
    t.match(answerTo(client4, Buffer.from([first])), { reasonCode: 0x81, clause: 'MQTT-2.2.2-2' })
    t.match(answerTo(client5, Buffer.from([first])), { reasonCode: 0x81, clause: 'MQTT-2.1.3-1' })
  }
  for (const first of [0x94, 0xb1, 0xd2]) {
    t.match(answerTo(server5, Buffer.from([first])), { reasonCode: 0x81, clause: 'MQTT-2.1.3-1' })
  }
  t.match(firstOf(Buffer.from([0x12])), { reasonCode: 0x81, clause: 'MQTT-2.1.3-1' })
})

t.test('the reserved flags of DISCONNECT have to be 0 [MQTT-3.14.1-1]', async t => {
  for (const kind of [client4, client5]) {
    t.match(answerTo(kind, Buffer.from([0xe1, 0])), { reasonCode: 0x81, clause: 'MQTT-3.14.1-1' })
  }
})

t.test('the reserved flags of AUTH have to be 0 [MQTT-3.15.1-1]', async t => {
  t.match(answerTo(client5, Buffer.from([0xf4, 0])), { reasonCode: 0x81, clause: 'MQTT-3.15.1-1' })
})

t.test('types that are forbidden, or that only the other side sends, are refused', async t => {
  for (const first of [0x00, 0x0f]) t.match(answerTo(client5, Buffer.from([first])), { rule: 'packet-type', reasonCode: 0x81 })
  t.match(answerTo(client4, Buffer.from([0xf0])), { rule: 'packet-type' }, '3.1.1 has no AUTH')
  for (const first of [0x20, 0x90, 0xb0, 0xd0]) {
    t.match(answerTo(client5, Buffer.from([first])), { rule: 'packet-direction', reasonCode: 0x82 })
  }
  for (const first of [0x10, 0x82, 0xa2, 0xc0]) t.match(answerTo(server5, Buffer.from([first])), { rule: 'packet-direction' })
  t.match(answerTo(server4, Buffer.from([0xe0])), { rule: 'packet-direction' }, 'a server of 3.1.1 sends no DISCONNECT')
})

t.test('a DISCONNECT of nothing is a normal one, and a reason code needs no properties', async t => {
  t.same(answerTo(client4, packet(0xe0)), { type: 'DISCONNECT', reasonCode: 0, properties: {} })
  t.same(answerTo(client5, packet(0xe0)), { type: 'DISCONNECT', reasonCode: 0, properties: {} })
  t.same(answerTo(client5, packet(0xe0, [4])), { type: 'DISCONNECT', reasonCode: 4, properties: {} })
  t.same(answerTo(client5, packet(0xe0, 0, properties(0x11, [0, 0, 0, 7]))), {
    type: 'DISCONNECT', reasonCode: 0, properties: { sessionExpiryInterval: 7 }
  })
  t.match(answerTo(client4, packet(0xe0, 0)), { rule: 'trailing-bytes' })
})

t.test('a DISCONNECT with a reason code that its sender does not have is refused [MQTT-3.14.2-1]', async t => {
  for (const reasonCode of [0x01, 0x05, 0x8b, 0x8e, 0xff]) {
    t.match(answerTo(client5, packet(0xe0, reasonCode)), { reasonCode: 0x82, clause: 'MQTT-3.14.2-1' })
  }
  t.match(answerTo(server5, packet(0xe0, 0x04)), { clause: 'MQTT-3.14.2-1' })
  t.match(answerTo(server5, packet(0xe0, 0x8b)), { type: 'DISCONNECT', reasonCode: 0x8b })
})

t.test('a server that sends a Session Expiry Interval in DISCONNECT is refused [MQTT-3.14.2-2]', async t => {
  t.match(answerTo(server5, packet(0xe0, 0, properties(0x11, [0, 0, 0, 7]))), { reasonCode: 0x82, clause: 'MQTT-3.14.2-2' })
})

t.test('an AUTH has the reason codes of its sender and an Authentication Method [MQTT-3.15.2-1]', async t => {
  const method = properties(0x15, 'SCRAM', 0x16, 'data')
  t.same(answerTo(client5, packet(0xf0, 0x19, method)), {
    type: 'AUTH', reasonCode: 0x19, properties: { authenticationMethod: 'SCRAM', authenticationData: Buffer.from('data') }
  })
  for (const reasonCode of [0x00, 0x01, 0x87]) {
    t.match(answerTo(client5, packet(0xf0, reasonCode, method)), { reasonCode: 0x82, clause: 'MQTT-3.15.2-1' })
  }
  t.match(answerTo(client5, packet(0xf0)), { clause: 'MQTT-3.15.2-1' }, 'success is told by the server')
  t.match(answerTo(server5, packet(0xf0, 0x19, method)), { clause: 'MQTT-3.15.2-1' })
  t.same(answerTo(server5, packet(0xf0)), { type: 'AUTH', reasonCode: 0, properties: {} })
  t.match(answerTo(client5, packet(0xf0, 0x18, properties())), { rule: 'authentication-method', reasonCode: 0x82 })
  t.match(answerTo(client5, packet(0xf0, 0x18)), { rule: 'truncated' })
})

t.test('a CONNACK has what its fields say', async t => {
  t.same(firstOf(packet(0x20, 1, 0), 'server', 4), { type: 'CONNACK', sessionPresent: true, reasonCode: 0, properties: {} })
  t.same(firstOf(packet(0x20, 0, 5), 'server', 4), { type: 'CONNACK', sessionPresent: false, reasonCode: 5, properties: {} })
  t.same(firstOf(packet(0x20, 0, 0, properties(0x21, [0, 9], 0x24, 1)), 'server', 5), {
    type: 'CONNACK', sessionPresent: false, reasonCode: 0, properties: { receiveMaximum: 9, maximumQos: 1 }
  })
})

t.test('the reserved bits of the Connect Acknowledge Flags have to be 0 [MQTT-3.2.2-1]', async t => {
  t.match(firstOf(packet(0x20, 2, 0), 'server', 4), { rule: 'connack-flags', reasonCode: 0x81 })
  t.match(firstOf(packet(0x20, 0x81, 0, 0), 'server', 5), { reasonCode: 0x81, clause: 'MQTT-3.2.2-1' })
})

t.test('a CONNACK that refuses and has Session Present is refused [MQTT-3.2.2-4] [MQTT-3.2.2-6]', async t => {
  t.match(firstOf(packet(0x20, 1, 3), 'server', 4), { reasonCode: 0x82, clause: 'MQTT-3.2.2-4' })
  t.match(firstOf(packet(0x20, 1, 0x88, 0), 'server', 5), { reasonCode: 0x82, clause: 'MQTT-3.2.2-6' })
})

t.test('a CONNACK with a code that is in no table is refused [MQTT-3.2.2-6] [MQTT-3.2.2-8]', async t => {
  for (const code of [6, 0x80]) t.match(firstOf(packet(0x20, 0, code), 'server', 4), { clause: 'MQTT-3.2.2-6' })
  for (const code of [1, 0x8b, 0x91]) t.match(firstOf(packet(0x20, 0, code, 0), 'server', 5), { clause: 'MQTT-3.2.2-8' })
})

t.test('the first packet of a server is CONNACK, or in 5 AUTH, and there is one CONNACK [MQTT-3.2.0-1] [MQTT-3.2.0-2]', async t => {
  for (const version of [4, 5] as const) {
    t.match(firstOf(Buffer.from('d000', 'hex'), 'server', version), { reasonCode: 0x82, clause: 'MQTT-3.2.0-1' })
    const reader = new PacketReader({ from: 'server', version, packetBytesMax: 1_000, limits: codecLimits })
    const connack = packet(0x20, 0, 0, version === 5 ? [0] : [])
    if (version === 5) reader.push(packet(0xf0, 0x18, properties(0x15, 'SCRAM')))
    reader.push(Buffer.concat([connack, connack]))
    if (version === 5) t.match(reader.next(), { type: 'AUTH', reasonCode: 0x18 })
    t.match(reader.next(), { type: 'CONNACK' })
    t.match(reader.next(), { clause: version === 5 ? 'MQTT-3.2.0-2' : 'MQTT-3.2.0-1' })
  }
})

t.test('PINGREQ and PINGRESP have nothing but their header', async t => {
  for (const kind of [client4, client5]) {
    t.same(answerTo(kind, packet(0xc0)), { type: 'PINGREQ' })
    t.match(answerTo(kind, packet(0xc0, 0)), { rule: 'trailing-bytes', reasonCode: 0x81 })
  }
  t.same(answerTo(server4, packet(0xd0)), { type: 'PINGRESP' })
})
