// Tests of CONNECT: protocol name and version, flags, the order of the payload, the will, what 3.1.1 does not allow.

import t from 'tap'
import { connect, field, firstOf, packet, properties } from '../../../test/support/mqtt-bytes.ts'
import type { Part } from '../../../test/support/mqtt-bytes.ts'
import { codecLimits } from '../../../test/support/mqtt-packets.ts'
import { PacketReader } from './packet-reader.ts'

const versions = [4, 5] as const
const none = properties()

/** A CONNECT of MQTT 5 with these properties. */
function connectWith (...parts: readonly Part[]): Buffer {
  return packet(0x10, 'MQTT', 5, 2, [0, 60], properties(...parts), 'dev')
}

/** What a will adds to the payload, with its properties in MQTT 5. */
function will (version: 4 | 5, topic: Part, payload: Part, willProperties = none): Part[] {
  return version === 5 ? [willProperties, topic, payload] : [topic, payload]
}

t.test('a CONNECT has what its fields say [MQTT-3.1.3-1] [MQTT-3.1.3-3]', async t => {
  t.same(firstOf(packet(0x10, 'MQTT', 4, 0xf6, [1, 2], 'dev', 'w/t', 'bye', 'user', 'pass')), {
    type: 'CONNECT', version: 4, cleanStart: true, keepAlive: 258, properties: {}, clientId: 'dev', userName: 'user',
    password: Buffer.from('pass'),
    will: { qos: 2, retain: true, properties: {}, topicName: 'w/t', payload: Buffer.from('bye') }
  })
  const all = packet(0x10, 'MQTT', 5, 0xcc, [0, 0], properties(0x11, [0, 0, 0, 9], 0x21, [0, 20]), 'dev',
    properties(0x18, [0, 0, 0, 5]), 'w/t', 'bye', 'user', 'pass')
  t.same(firstOf(all), {
    type: 'CONNECT', version: 5, cleanStart: false, keepAlive: 0, clientId: 'dev', userName: 'user',
    password: Buffer.from('pass'), properties: { sessionExpiryInterval: 9, receiveMaximum: 20 },
    will: { qos: 1, retain: false, properties: { willDelayInterval: 5 }, topicName: 'w/t', payload: Buffer.from('bye') }
  })
})

t.test('a protocol name that is not MQTT is refused [MQTT-3.1.2-1]', async t => {
  for (const name of ['', 'mqtt', 'MQTT2', 'MQT', 'MQIsdp']) {
    t.match(firstOf(packet(0x10, name, 4, 2, [0, 0], 'dev')), { reasonCode: 0x84, clause: 'MQTT-3.1.2-1' }, name)
  }
})

t.test('a version that is not served is refused, in the form that such a client reads [MQTT-3.1.2-2]', async t => {
  for (const [name, level, form] of [
    ['MQTT', 0, 4], ['MQTT', 3, 4], ['MQTT', 6, 5], ['MQTT', 0x84, 4], ['MQTT', 0x85, 5], ['MQIsdp', 3, 4], ['HTTP', 4, undefined]
  ] as const) {
    const reader = new PacketReader({ from: 'client', packetBytesMax: 1_000, limits: codecLimits })
    reader.push(packet(0x10, name, level, 2, [0, 0], 'dev'))
    t.match(reader.next(), { reasonCode: 0x84, clause: name === 'MQTT' ? 'MQTT-3.1.2-2' : 'MQTT-3.1.2-1' })
    t.equal(reader.version, form, `${name} ${level}`)
  }
})

t.test('a CONNECT with the reserved flag is refused [MQTT-3.1.2-3]', async t => {
  for (const version of versions) {
    t.match(firstOf(connect(version, 3, 'dev')), { reasonCode: 0x81, clause: 'MQTT-3.1.2-3' })
  }
})

t.test('Will QoS without a will is refused [MQTT-3.1.2-11] [MQTT-3.1.2-13]', async t => {
  for (const flags of [0x0a, 0x12, 0x1a]) {
    t.match(firstOf(connect(4, flags, 'dev')), { reasonCode: 0x81, clause: 'MQTT-3.1.2-13' })
    t.match(firstOf(connect(5, flags, 'dev')), { reasonCode: 0x81, clause: 'MQTT-3.1.2-11' })
  }
})

t.test('Will Retain without a will is refused [MQTT-3.1.2-15] [MQTT-3.1.2-13]', async t => {
  t.match(firstOf(connect(4, 0x22, 'dev')), { reasonCode: 0x81, clause: 'MQTT-3.1.2-15' })
  t.match(firstOf(connect(5, 0x22, 'dev')), { reasonCode: 0x81, clause: 'MQTT-3.1.2-13' })
})

t.test('Will QoS 3 is refused [MQTT-3.1.2-14] [MQTT-3.1.2-12]', async t => {
  t.match(firstOf(connect(4, 0x1e, 'dev', ...will(4, 'w', 'x'))), { reasonCode: 0x81, clause: 'MQTT-3.1.2-14' })
  t.match(firstOf(connect(5, 0x1e, 'dev', ...will(5, 'w', 'x'))), { reasonCode: 0x81, clause: 'MQTT-3.1.2-12' })
})

t.test('a will that the flags announce has to be there [MQTT-3.1.2-9]', async t => {
  for (const version of versions) {
    t.match(firstOf(connect(version, 6, 'dev')), { rule: 'truncated', reasonCode: 0x81 })
    t.match(firstOf(connect(version, 6, 'dev', ...will(version, 'w', [0]))), { rule: 'truncated', reasonCode: 0x81 })
  }
})

t.test('a will that no flag announces is refused [MQTT-3.1.2-11]', async t => {
  for (const version of versions) {
    t.match(firstOf(connect(version, 2, 'dev', ...will(version, 'w', 'x'))), { rule: 'trailing-bytes', reasonCode: 0x81 })
  }
})

t.test('a user name is there exactly where its flag is [MQTT-3.1.2-18] [MQTT-3.1.2-19] [MQTT-3.1.2-16] [MQTT-3.1.2-17]', async t => {
  for (const version of versions) {
    t.match(firstOf(connect(version, 0x82, 'dev')), { rule: 'truncated', reasonCode: 0x81 })
    t.match(firstOf(connect(version, 0x02, 'dev', 'user')), { rule: 'trailing-bytes', reasonCode: 0x81 })
    t.match(firstOf(connect(version, 0x82, 'dev', 'user')), { userName: 'user', password: undefined })
  }
})

t.test('a password is there exactly where its flag is [MQTT-3.1.2-20] [MQTT-3.1.2-21] [MQTT-3.1.2-18] [MQTT-3.1.2-19]', async t => {
  for (const version of versions) {
    t.match(firstOf(connect(version, 0xc2, 'dev', 'user')), { rule: 'truncated', reasonCode: 0x81 })
    t.match(firstOf(connect(version, 0x82, 'dev', 'user', 'pass')), { rule: 'trailing-bytes', reasonCode: 0x81 })
    t.match(firstOf(connect(version, 0xc2, 'dev', 'user', field([0, 0xff]))), { password: Buffer.from([0, 0xff]) })
  }
})

t.test('a password without a user name is refused in 3.1.1, and not in 5 [MQTT-3.1.2-22]', async t => {
  t.match(firstOf(connect(4, 0x42, 'dev', 'token')), { reasonCode: 0x81, clause: 'MQTT-3.1.2-22' })
  t.match(firstOf(connect(5, 0x42, 'dev', 'token')), { userName: undefined, password: Buffer.from('token') })
})

t.test('a CONNECT without a client identifier is refused [MQTT-3.1.3-3]', async t => {
  for (const version of versions) t.match(firstOf(connect(version, 2)), { rule: 'truncated', reasonCode: 0x81 })
})

t.test('a client identifier that is no UTF-8 is refused [MQTT-3.1.3-4]', async t => {
  t.match(firstOf(connect(4, 2, field([0xff]))), { reasonCode: 0x81, clause: 'MQTT-1.5.3-1' })
  t.match(firstOf(connect(5, 2, field([0xff]))), { reasonCode: 0x81, clause: 'MQTT-1.5.4-1' })
})

t.test('every client identifier of 1 to 23 letters and digits is read [MQTT-3.1.3-5]', async t => {
  const characters = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
  for (const version of versions) {
    for (let at = 0; at < characters.length; at++) {
      const clientId = (characters + characters).slice(at, at + 1 + at % 23)
      t.match(firstOf(connect(version, 2, clientId)), { clientId })
    }
  }
})

t.test('an empty client identifier needs a clean session in 3.1.1, and nothing in 5 [MQTT-3.1.3-7] [MQTT-3.1.3-8]', async t => {
  t.match(firstOf(connect(4, 0, '')), { reasonCode: 0x85, clause: 'MQTT-3.1.3-8' })
  t.match(firstOf(connect(4, 2, '')), { type: 'CONNECT', clientId: '' })
  t.match(firstOf(connect(5, 0, '')), { type: 'CONNECT', clientId: '' })
})

t.test('a Will Topic that is no UTF-8, has a wildcard or no character is refused [MQTT-3.1.3-10] [MQTT-3.1.3-11]', async t => {
  for (const version of versions) {
    t.match(firstOf(connect(version, 6, 'dev', ...will(version, field([0xc0, 0x80]), 'x'))), { rule: 'text-not-utf8' })
    t.match(firstOf(connect(version, 6, 'dev', ...will(version, 'a/+', 'x'))), { rule: 'will-topic', reasonCode: 0x90 })
    t.match(firstOf(connect(version, 6, 'dev', ...will(version, '', 'x'))), { rule: 'topic-empty', reasonCode: 0x82 })
  }
})

t.test('a user name that is no UTF-8 is refused [MQTT-3.1.3-11] [MQTT-3.1.3-12]', async t => {
  for (const version of versions) {
    t.match(firstOf(connect(version, 0x82, 'dev', field([0xed, 0xa0, 0x80]))), { rule: 'text-not-utf8', reasonCode: 0x81 })
  }
})

t.test('the user properties of a will keep their order [MQTT-3.1.3-10]', async t => {
  const list = properties(0x26, 'b', '1', 0x26, 'a', '2')
  t.match(firstOf(connect(5, 6, 'dev', ...will(5, 'w', 'x', list))), { will: { properties: { userProperties: [['b', '1'], ['a', '2']] } } })
})

t.test('a Will Payload that is not the UTF-8 it promises is refused', async t => {
  const promise = properties(0x01, 1)
  t.match(firstOf(connect(5, 6, 'dev', ...will(5, 'w', field([0xff]), promise))), { rule: 'will-payload-format', reasonCode: 0x99 })
  t.match(firstOf(connect(5, 6, 'dev', ...will(5, 'w', 'caf\u00e9', promise))), { type: 'CONNECT' })
})

t.test('a CONNECT that is cut anywhere is refused [MQTT-3.1.4-1]', async t => {
  for (const version of versions) {
    const whole = connect(version, 0xce, 'dev', ...will(version, 'w', 'x'), 'user', 'pass')
    t.match(firstOf(whole), { type: 'CONNECT' })
    for (let bytes = 2; bytes < whole.length; bytes++) {
      const cut = Buffer.from(whole.subarray(0, bytes))
      cut[1] = bytes - 2
      t.equal(firstOf(cut)?.type, 'violation', `${bytes} bytes`)
    }
  }
})

t.test('Authentication Data without an Authentication Method is refused', async t => {
  t.match(firstOf(connectWith(0x16, 'data')), { rule: 'authentication-data', reasonCode: 0x82 })
  t.match(firstOf(connectWith(0x15, 'SCRAM', 0x16, 'data')), { properties: { authenticationMethod: 'SCRAM' } })
})

t.test('the first packet of a client has to be CONNECT [MQTT-3.1.0-1]', async t => {
  for (const bytes of ['c000', '300300016178', '820600010001610100', 'e000', 'f000', '40020001']) {
    t.match(firstOf(Buffer.from(bytes, 'hex')), { reasonCode: 0x82, clause: 'MQTT-3.1.0-1' }, bytes)
  }
  t.match(firstOf(Buffer.from('GET / HTTP/1.1\r\n\r\n')), { type: 'violation' })
  t.match(firstOf(Buffer.from('16030100', 'hex')), { type: 'violation' }, 'TLS on a port without it')
})

t.test('a second CONNECT is refused [MQTT-3.1.0-2]', async t => {
  for (const version of versions) {
    const reader = new PacketReader({ from: 'client', packetBytesMax: 1_000, limits: codecLimits })
    reader.push(Buffer.concat([connect(version, 2, 'dev'), connect(version, 2, 'dev')]))
    t.equal(reader.next()?.type, 'CONNECT')
    t.match(reader.next(), { reasonCode: 0x82, clause: 'MQTT-3.1.0-2' })
  }
})
