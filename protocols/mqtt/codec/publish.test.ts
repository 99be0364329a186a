// Tests of PUBLISH: its flags, topic name, packet identifier and properties, and what a payload promises.

import t from 'tap'
import { answersTo, answerTo, client4, client5, packet, properties, server4, server5 } from '../../../test/support/mqtt-bytes.ts'
import type { Part } from '../../../test/support/mqtt-bytes.ts'
import type { PublishPacket } from './packet.ts'
import { payloadViolation } from './publish.ts'

const everyone = [client4, client5, server4, server5]
const none = properties()

/** A QoS 1 PUBLISH of MQTT 5 with these properties. */
function publishWith (...parts: readonly Part[]): Buffer {
  return packet(0x32, 'a', [0, 1], properties(...parts), Buffer.from('x'))
}

t.test('a PUBLISH has what its fields say', async t => {
  t.same(answerTo(client4, packet(0x3b, 'orders/eu', [1, 2], Buffer.from('{}'))), {
    type: 'PUBLISH', dup: true, qos: 1, retain: true, topicName: 'orders/eu', packetId: 258, properties: {},
    payload: Buffer.from('{}')
  })
  t.same(answerTo(client5, packet(0x30, 'a', none)), {
    type: 'PUBLISH', dup: false, qos: 0, retain: false, topicName: 'a', packetId: 0, properties: {}, payload: Buffer.alloc(0)
  })
})

t.test('a PUBLISH of QoS 0 has no packet identifier: what stands there is payload [MQTT-2.3.1-5] [MQTT-2.2.1-2]', async t => {
  t.match(answerTo(client4, packet(0x30, 'a', [0, 1])), { packetId: 0, payload: Buffer.from([0, 1]) })
  t.match(answerTo(client5, packet(0x30, 'a', none, [0, 1])), { packetId: 0, payload: Buffer.from([0, 1]) })
})

t.test('a PUBLISH with both QoS bits set is refused [MQTT-3.3.1-4]', async t => {
  for (const kind of everyone) {
    for (const first of [0x36, 0x37, 0x3e, 0x3f]) {
      t.match(answerTo(kind, Buffer.from([first])), { reasonCode: 0x81, clause: 'MQTT-3.3.1-4' }, 'at its first byte')
    }
  }
})

t.test('a PUBLISH of QoS 0 with DUP is refused [MQTT-3.3.1-2]', async t => {
  for (const kind of everyone) {
    t.match(answerTo(kind, packet(0x38, 'a')), { reasonCode: 0x81, clause: 'MQTT-3.3.1-2' })
    t.match(answerTo(kind, packet(0x39, 'a')), { reasonCode: 0x81, clause: 'MQTT-3.3.1-2' })
  }
})

t.test('a PUBLISH of QoS 1 or 2 whose packet identifier is 0 is refused [MQTT-2.3.1-1] [MQTT-2.2.1-3]', async t => {
  for (const first of [0x32, 0x34]) {
    t.match(answerTo(client4, packet(first, 'a', [0, 0])), { reasonCode: 0x82, clause: 'MQTT-2.3.1-1' })
    t.match(answerTo(client5, packet(first, 'a', [0, 0], none)), { reasonCode: 0x82, clause: 'MQTT-2.2.1-3' })
  }
})

t.test('a PUBLISH whose topic name is missing, cut or not UTF-8 is refused [MQTT-3.3.2-1]', async t => {
  for (const [kind, general, utf8] of [
    [client4, 'MQTT-4.8.0-1', 'MQTT-1.5.3-1'], [client5, 'MQTT-4.13.1-1', 'MQTT-1.5.4-1']
  ] as const) {
    t.match(answerTo(kind, packet(0x30)), { reasonCode: 0x81, clause: general })
    t.match(answerTo(kind, packet(0x30, 0)), { reasonCode: 0x81, clause: general })
    t.match(answerTo(kind, packet(0x30, [0, 4], Buffer.from('abc'))), { reasonCode: 0x81, clause: general })
    t.match(answerTo(kind, packet(0x30, [0, 2, 0xc3, 0x28], none)), { reasonCode: 0x81, clause: utf8 })
  }
})

t.test('a PUBLISH without the packet identifier that its QoS needs is refused and does not end the process', async t => {
  t.match(answerTo(client4, packet(0x32, 'topic')), { reasonCode: 0x81, clause: 'MQTT-4.8.0-1' })
  t.match(answerTo(client5, packet(0x34, 'topic', 1)), { reasonCode: 0x81, clause: 'MQTT-4.13.1-1' })
})

t.test('a topic name with a wildcard is refused [MQTT-3.3.2-2] [MQTT-4.7.1-1] [MQTT-4.7.0-1]', async t => {
  for (const topic of ['#', '+', 'a/#', 'a/+/b', 'a+', 'caf\u00e9/#']) {
    for (const kind of everyone) {
      t.match(answerTo(kind, packet(0x30, topic, none)), { reasonCode: 0x90, clause: 'MQTT-3.3.2-2' }, topic)
    }
  }
})

t.test('a topic name of no character is refused unless an alias stands for it [MQTT-4.7.3-1]', async t => {
  t.match(answerTo(client4, packet(0x30, '')), { reasonCode: 0x82, clause: 'MQTT-4.7.3-1' })
  t.match(answerTo(client5, packet(0x30, '', none)), { reasonCode: 0x82, clause: 'MQTT-4.7.3-1' })
  t.match(answerTo(client5, packet(0x30, '', properties(0x23, [0, 3]))), { topicName: '', properties: { topicAlias: 3 } })
})

t.test('a topic name with U+0000 is refused [MQTT-4.7.3-2]', async t => {
  for (const topic of ['\0', 'a\0b', 'caf\u00e9\0']) {
    t.match(answerTo(client4, packet(0x30, topic)), { reasonCode: 0x81, clause: 'MQTT-1.5.3-2' })
    t.match(answerTo(client5, packet(0x30, topic, none)), { reasonCode: 0x81, clause: 'MQTT-1.5.4-2' })
  }
})

t.test('a topic name may have 65,535 bytes and cannot have more [MQTT-4.7.3-3]', async t => {
  const longest = 'x'.repeat(65_535)
  t.match(answerTo(client4, packet(0x30, longest)), { topicName: longest })
})

t.test('a topic name stays as it was sent, without normalization [MQTT-4.7.3-4]', async t => {
  for (const topic of ['cafe\u0301', 'caf\u00e9', '\ufeffa', '\u1e9b\u0323', 'A', 'a']) {
    t.match(answerTo(client5, packet(0x30, topic, none)), { topicName: topic })
  }
})

t.test('topics that follow each other do not get mixed up, whatever was remembered of the one before', async t => {
  const topics = ['abc', 'abc', 'abd', 'ab', 'abc', 'caf\u00e9', 'caf\u00e8', 'x'.repeat(300), 'x'.repeat(300), 'abc']
  const read = answersTo(client5, Buffer.concat(topics.map(topic => packet(0x30, topic, none))))
  t.same(read.map(one => one.type === 'PUBLISH' ? one.topicName : one.type), topics)
  for (const wrong of [[0, 3, 0x61, 0x62, 0x23], [0, 3, 0x61, 0x62], [0, 3, 0x61, 0x62, 0]]) {
    t.equal(answersTo(client4, Buffer.concat([packet(0x30, 'abc'), packet(0x30, wrong)]))[1]?.type, 'violation')
  }
})

t.test('a Topic Alias of 0 is refused [MQTT-3.3.2-8]', async t => {
  t.match(answerTo(client5, publishWith(0x23, [0, 0])), { reasonCode: 0x94, clause: 'MQTT-3.3.2-8' })
})

t.test('a Response Topic that is no UTF-8 is refused [MQTT-3.3.2-13]', async t => {
  t.match(answerTo(client5, publishWith(0x08, [0, 1, 0xff])), { reasonCode: 0x81, clause: 'MQTT-1.5.4-1' })
  t.match(answerTo(client5, publishWith(0x08, 'answers/1')), { properties: { responseTopic: 'answers/1' } })
})

t.test('a Response Topic with a wildcard or of no character is refused [MQTT-3.3.2-14]', async t => {
  t.match(answerTo(client5, publishWith(0x08, 'a/#')), { reasonCode: 0x90, clause: 'MQTT-3.3.2-14' })
  t.match(answerTo(client5, publishWith(0x08, '')), { reasonCode: 0x82, clause: 'MQTT-4.7.3-1' })
})

t.test('a Content Type that is no UTF-8 is refused [MQTT-3.3.2-19]', async t => {
  t.match(answerTo(client5, publishWith(0x03, [0, 1, 0xff])), { reasonCode: 0x81, clause: 'MQTT-1.5.4-1' })
  t.match(answerTo(client5, publishWith(0x03, 'text/plain')), { properties: { contentType: 'text/plain' } })
})

t.test('a client that sends a Subscription Identifier in PUBLISH is refused [MQTT-3.3.4-6]', async t => {
  t.match(answerTo(client5, publishWith(0x0b, 1)), { reasonCode: 0x82, clause: 'MQTT-3.3.4-6' })
  const fromServer = answerTo(server5, publishWith(0x0b, 1, 0x0b, [0x80, 1]))
  t.match(fromServer, { properties: { subscriptionIdentifiers: [1, 128] } })
})

t.test('user properties keep their order, and their names may repeat [MQTT-3.3.2-18]', async t => {
  t.match(answerTo(client5, publishWith(0x26, 'b', '1', 0x26, 'a', '2', 0x26, 'b', '3')), {
    properties: { userProperties: [['b', '1'], ['a', '2'], ['b', '3']] }
  })
})

t.test('a payload that is not the UTF-8 it promises breaks a rule of its own, which need not end the connection', async t => {
  const publish = (indicator: number, payload: number[]): PublishPacket => {
    const read = answerTo(client5, packet(0x32, 'a', [0, 1], properties(0x01, indicator), payload))
    if (read?.type !== 'PUBLISH') throw new Error('it should be read')
    return read
  }
  t.equal(payloadViolation(publish(1, [0x61]), 5), undefined)
  t.equal(payloadViolation(publish(0, [0xff]), 5), undefined)
  t.equal(payloadViolation(publish(1, []), 5), undefined)
  t.match(payloadViolation(publish(1, [0xc0, 0x80]), 5), { rule: 'payload-format', reasonCode: 0x99 })
})
