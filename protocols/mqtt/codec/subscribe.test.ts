// Tests of SUBSCRIBE, UNSUBSCRIBE and their answers, and of where wildcards may stand in topic filters.

import t from 'tap'
import { answerTo, client4, client5, field, packet, server4, server5 } from '../../../test/support/mqtt-bytes.ts'
import { codecLimits } from '../../../test/support/mqtt-packets.ts'
import { PacketReader } from './packet-reader.ts'
import { topicFilterRule } from './topic-filter.ts'

/** No properties, where the version has them. */
const gap = { 4: [], 5: [0] } as const

t.test('a SUBSCRIBE has what its fields say', async t => {
  t.same(answerTo(client4, packet(0x82, [1, 2], 'a/+', 1, '#', 2)), {
    type: 'SUBSCRIBE', packetId: 258, properties: {}, subscriptions: [
      { topicFilter: 'a/+', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 },
      { topicFilter: '#', qos: 2, noLocal: false, retainAsPublished: false, retainHandling: 0 }
    ]
  })
  t.same(answerTo(client5, packet(0x82, [0, 1], [2, 0x0b, 7], 'a', 0x2d)), {
    type: 'SUBSCRIBE', packetId: 1, properties: { subscriptionIdentifiers: [7] },
    subscriptions: [{ topicFilter: 'a', qos: 1, noLocal: true, retainAsPublished: true, retainHandling: 2 }]
  })
})

t.test('an UNSUBSCRIBE has what its fields say', async t => {
  t.same(answerTo(client4, packet(0xa2, [0, 1], 'a', 'b/#')), {
    type: 'UNSUBSCRIBE', packetId: 1, properties: {}, topicFilters: ['a', 'b/#']
  })
})

t.test('the reserved flags of SUBSCRIBE have to be 0010 [MQTT-3.8.1-1]', async t => {
  for (const first of [0x80, 0x81, 0x8a]) {
    for (const kind of [client4, client5]) t.match(answerTo(kind, Buffer.from([first])), { reasonCode: 0x81, clause: 'MQTT-3.8.1-1' })
  }
})

t.test('the reserved flags of UNSUBSCRIBE have to be 0010 [MQTT-3.10.1-1]', async t => {
  for (const first of [0xa0, 0xa3, 0xaf]) {
    for (const kind of [client4, client5]) t.match(answerTo(kind, Buffer.from([first])), { reasonCode: 0x81, clause: 'MQTT-3.10.1-1' })
  }
})

t.test('SUBSCRIBE and UNSUBSCRIBE have a packet identifier that is not 0 [MQTT-2.3.1-1] [MQTT-2.2.1-3]', async t => {
  for (const first of [0x82, 0xa2]) {
    t.match(answerTo(client4, packet(first, [0, 0], 'a', 0)), { reasonCode: 0x82, clause: 'MQTT-2.3.1-1' })
    t.match(answerTo(client5, packet(first, [0, 0], [0], 'a', 0)), { reasonCode: 0x82, clause: 'MQTT-2.2.1-3' })
  }
})

t.test('a topic filter that is no UTF-8 is refused [MQTT-3.8.3-1] [MQTT-3.10.3-1]', async t => {
  for (const kind of [client4, client5]) {
    const clause = kind.version === 4 ? 'MQTT-1.5.3-1' : 'MQTT-1.5.4-1'
    t.match(answerTo(kind, packet(0x82, [0, 1], gap[kind.version], field([0xff]), 0)), { reasonCode: 0x81, clause })
    t.match(answerTo(kind, packet(0xa2, [0, 1], gap[kind.version], field([0xff]))), { reasonCode: 0x81, clause })
  }
})

t.test('a SUBSCRIBE without a topic filter is refused [MQTT-3.8.3-3] [MQTT-3.8.3-2]', async t => {
  t.match(answerTo(client4, packet(0x82, [0, 1])), { reasonCode: 0x82, clause: 'MQTT-3.8.3-3' })
  t.match(answerTo(client5, packet(0x82, [0, 1], [0])), { reasonCode: 0x82, clause: 'MQTT-3.8.3-2' })
  t.match(answerTo(client5, packet(0x82, [0, 1], [0], 'a')), { rule: 'truncated' }, 'without its options')
})

t.test('an UNSUBSCRIBE without a topic filter is refused [MQTT-3.10.3-2]', async t => {
  for (const kind of [client4, client5]) {
    t.match(answerTo(kind, packet(0xa2, [0, 1], gap[kind.version])), { reasonCode: 0x82, clause: 'MQTT-3.10.3-2' })
  }
})

t.test('reserved bits and QoS 3 in what is asked for are refused [MQTT-3.8.3-4] [MQTT-3.8.3-5]', async t => {
  for (const options of [0x03, 0x04, 0x80, 0xff]) {
    t.match(answerTo(client4, packet(0x82, [0, 1], 'a', options)), { clause: 'MQTT-3.8.3-4' })
  }
  for (const options of [0x40, 0x80]) {
    t.match(answerTo(client5, packet(0x82, [0, 1], [0], 'a', options)), { reasonCode: 0x81, clause: 'MQTT-3.8.3-5' })
  }
  t.match(answerTo(client5, packet(0x82, [0, 1], [0], 'a', 0x03)), { rule: 'subscribe-qos', reasonCode: 0x82 })
  t.match(answerTo(client5, packet(0x82, [0, 1], [0], 'a', 0x30)), { rule: 'retain-handling', reasonCode: 0x82 })
})

t.test('No Local on a shared subscription is refused [MQTT-3.8.3-4]', async t => {
  t.match(answerTo(client5, packet(0x82, [0, 1], [0], '$share/g/a', 0x04)), { reasonCode: 0x82, clause: 'MQTT-3.8.3-4' })
  t.match(answerTo(client5, packet(0x82, [0, 1], [0], '$share/g/a', 0x01)), { type: 'SUBSCRIBE' })
})

t.test('# stands alone or after /, and at the end [MQTT-4.7.1-2] [MQTT-4.7.1-1]', async t => {
  for (const filter of ['#', '/#', 'a/#', 'a//#', '+/#']) t.equal(topicFilterRule(filter, 5), undefined, filter)
  for (const filter of ['a#', '#/a', 'a/#/b', '##', 'a/b#', '#a']) {
    t.equal(topicFilterRule(filter, 5), 'filter-multi-level', filter)
    t.match(answerTo(client4, packet(0x82, [0, 1], filter, 0)), { reasonCode: 0x8f, clause: 'MQTT-4.7.1-2' })
    t.match(answerTo(client5, packet(0x82, [0, 1], [0], filter, 0)), { reasonCode: 0x8f, clause: 'MQTT-4.7.1-1' })
  }
})

t.test('+ takes a whole level [MQTT-4.7.1-3] [MQTT-4.7.1-2]', async t => {
  for (const filter of ['+', '+/+', '/+', 'a/+/b', '+/a/#']) t.equal(topicFilterRule(filter, 5), undefined, filter)
  for (const filter of ['a+', '+a', 'a/+b', '++', 'a/b+/c']) {
    t.match(answerTo(client4, packet(0x82, [0, 1], filter, 0)), { reasonCode: 0x8f, clause: 'MQTT-4.7.1-3' }, filter)
    t.match(answerTo(client5, packet(0xa2, [0, 1], [0], filter)), { reasonCode: 0x8f, clause: 'MQTT-4.7.1-2' }, filter)
  }
})

t.test('a topic filter has at least one character and no U+0000 [MQTT-4.7.3-1] [MQTT-4.7.3-2]', async t => {
  for (const kind of [client4, client5]) {
    const before = gap[kind.version]
    t.match(answerTo(kind, packet(0x82, [0, 1], before, '', 0)), { reasonCode: 0x82, clause: 'MQTT-4.7.3-1' })
    t.match(answerTo(kind, packet(0x82, [0, 1], before, 'a\0', 0)), { rule: 'text-null', reasonCode: 0x81 })
  }
})

t.test('a shared subscription has a name of at least one character [MQTT-4.8.2-1]', async t => {
  for (const filter of ['$share/', '$share//', '$share//a']) {
    t.match(answerTo(client5, packet(0x82, [0, 1], [0], filter, 0)), { reasonCode: 0x8f, clause: 'MQTT-4.8.2-1' }, filter)
    t.equal(topicFilterRule(filter, 4), undefined, '3.1.1 has none')
  }
  for (const filter of ['$share', '$share/g/a', '$share/g/+/#', '$share/g//', '$shared/a']) {
    t.equal(topicFilterRule(filter, 5), undefined, filter)
  }
})

t.test('a share name has no wildcard, and a topic filter follows it [MQTT-4.8.2-2]', async t => {
  for (const filter of ['$share/g', '$share/g/', '$share/+/a', '$share/g#/a']) {
    t.match(answerTo(client5, packet(0x82, [0, 1], [0], filter, 0)), { reasonCode: 0x8f, clause: 'MQTT-4.8.2-2' }, filter)
  }
  t.equal(topicFilterRule('$share/g/a#', 5), 'filter-multi-level')
})

t.test('more topic filters than the limit are refused', async t => {
  for (const [first, ...options] of [[0x82, 0], [0xa2]] as const) {
    const reader = new PacketReader({ from: 'client', packetBytesMax: 10_000, limits: { ...codecLimits, topicFiltersCountMax: 2 } })
    reader.push(packet(0x10, 'MQTT', 4, 2, [0, 60], 'dev'))
    reader.push(packet(first, [0, 1], 'a', options, 'b', options))
    t.match(reader.next(), { type: 'CONNECT' })
    t.not(reader.next()?.type, 'violation')
    reader.push(packet(first, [0, 1], 'a', options, 'b', options, 'c', options))
    t.match(reader.next(), { rule: 'filters-too-many', reasonCode: 0x97 })
  }
})

t.test('a SUBACK has one of its reason codes for each topic filter [MQTT-3.9.3-2]', async t => {
  t.same(answerTo(server4, packet(0x90, [0, 1], [0, 1, 2, 0x80])), {
    type: 'SUBACK', packetId: 1, properties: {}, reasonCodes: [0, 1, 2, 0x80]
  })
  t.match(answerTo(server5, packet(0x90, [0, 1], [0], [0x87])), { reasonCodes: [0x87] })
  for (const code of [3, 0x81, 0x87]) t.match(answerTo(server4, packet(0x90, [0, 1], code)), { clause: 'MQTT-3.9.3-2' })
  for (const code of [3, 0x11, 0x81]) t.match(answerTo(server5, packet(0x90, [0, 1], [0], code)), { clause: 'MQTT-3.9.3-2' })
  t.match(answerTo(server4, packet(0x90, [0, 1])), { rule: 'truncated' })
})

t.test('an UNSUBACK has its reason codes in 5, and none in 3.1.1 [MQTT-3.11.3-2]', async t => {
  t.same(answerTo(server4, packet(0xb0, [0, 1])), { type: 'UNSUBACK', packetId: 1, properties: {}, reasonCodes: [] })
  t.match(answerTo(server4, packet(0xb0, [0, 1], 0)), { rule: 'trailing-bytes' })
  t.match(answerTo(server5, packet(0xb0, [0, 1], [0], [0, 0x11])), { reasonCodes: [0, 0x11] })
  t.match(answerTo(server5, packet(0xb0, [0, 1], [0], 1)), { reasonCode: 0x82, clause: 'MQTT-3.11.3-2' })
})
