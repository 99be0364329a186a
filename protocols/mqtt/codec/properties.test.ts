// Tests of the properties of MQTT 5: every one in every packet, once and twice, at the ends of its range and beyond.

import t from 'tap'
import { answerTo, client5, firstOf, packet, properties, server5 } from '../../../test/support/mqtt-bytes.ts'
import type { Part } from '../../../test/support/mqtt-bytes.ts'
import { codecLimits } from '../../../test/support/mqtt-packets.ts'
import type { Packet } from './packet.ts'
import { PacketReader } from './packet-reader.ts'
import { propertyShapes } from './properties.ts'
import type { PropertyForm, PropertyName, PropertyPlace } from './properties.ts'
import { writeProperties } from './property-writer.ts'
import type { Violation } from './violation.ts'

/** A packet of each place with these properties, in what it needs besides. */
const holders: Readonly<Record<PropertyPlace, (list: Buffer) => Packet | Violation | undefined>> = {
  CONNECT: list => firstOf(packet(0x10, 'MQTT', 5, 2, [0, 60], list, 'dev')),
  will: list => firstOf(packet(0x10, 'MQTT', 5, 6, [0, 60], [0], 'dev', list, 'w', 'x')),
  CONNACK: list => firstOf(packet(0x20, 0, 0, list), 'server'),
  PUBLISH: list => answerTo(server5, packet(0x32, 'a', [0, 1], list)),
  PUBACK: list => answerTo(client5, packet(0x40, [0, 1, 0], list)),
  PUBREC: list => answerTo(client5, packet(0x50, [0, 1, 0], list)),
  PUBREL: list => answerTo(client5, packet(0x62, [0, 1, 0], list)),
  PUBCOMP: list => answerTo(client5, packet(0x70, [0, 1, 0], list)),
  SUBSCRIBE: list => answerTo(client5, packet(0x82, [0, 1], list, 'a', 0)),
  SUBACK: list => answerTo(server5, packet(0x90, [0, 1], list, 0)),
  UNSUBSCRIBE: list => answerTo(client5, packet(0xa2, [0, 1], list, 'a')),
  UNSUBACK: list => answerTo(server5, packet(0xb0, [0, 1], list, 0)),
  DISCONNECT: list => answerTo(client5, packet(0xe0, 0, list)),
  AUTH: list => answerTo(client5, packet(0xf0, 0x18, list))
}

const samples: Readonly<Record<PropertyForm, Buffer>> = {
  'flag': Buffer.from([1]), 'two-byte': Buffer.from([0, 5]), 'four-byte': Buffer.from([0, 0, 0, 5]),
  'variable': Buffer.from([5]), 'text': Buffer.from([0, 1, 0x61]), 'topic': Buffer.from([0, 1, 0x61]),
  'binary': Buffer.from([0, 1, 0xff]), 'pair': Buffer.from([0, 1, 0x61, 0, 1, 0x62])
}
const names = Object.keys(propertyShapes) as PropertyName[]
const places = Object.keys(holders) as PropertyPlace[]

/** A property once, with the method that Authentication Data and AUTH need. */
function once (name: PropertyName, place: PropertyPlace): Part[] {
  const { id, form } = propertyShapes[name]
  const needsMethod = name === 'authenticationData' || (place === 'AUTH' && name !== 'authenticationMethod')
  return [...(needsMethod ? [0x15, 'm'] : []), id, samples[form]]
}

t.test('a property is taken in the packets that have it, and refused in all others', async t => {
  for (const place of places) {
    for (const name of names) {
      const answer = holders[place](properties(...once(name, place)))
      const isAllowed = propertyShapes[name].places.includes(place)
      const hint = `${name} in ${place}`
      if (!isAllowed) t.match(answer, { rule: 'property-misplaced', reasonCode: 0x81 }, hint)
      else t.not(answer?.type, 'violation', hint)
    }
  }
})

t.test('a property that may stand once is refused when it stands twice', async t => {
  for (const name of names.filter(one => one !== 'userProperties')) {
    const place = name === 'subscriptionIdentifiers' ? 'SUBSCRIBE' : propertyShapes[name].places[0]
    if (place === undefined) throw new Error(`${name} stands nowhere`)
    const twice = properties(...once(name, place), propertyShapes[name].id, samples[propertyShapes[name].form])
    t.match(holders[place](twice), { rule: 'property-repeated', reasonCode: 0x82 }, name)
  }
  t.match(holders.AUTH(properties(0x15, 'm', 0x15, 'm')), { rule: 'property-repeated' })
})

t.test('a property without its value, or with a part of it, is refused', async t => {
  for (const name of names) {
    const { id, form, places: [place = 'CONNECT'] } = propertyShapes[name]
    for (let bytes = 0; bytes < samples[form].length; bytes++) {
      t.match(holders[place](properties(id, samples[form].subarray(0, bytes))), { reasonCode: 0x81 }, `${bytes} of ${name}`)
    }
  }
})

t.test('a flag is 0 or 1', async t => {
  for (const name of names.filter(one => propertyShapes[one].form === 'flag')) {
    const { id, places: [place = 'CONNECT'] } = propertyShapes[name]
    t.not(holders[place](properties(id, 0))?.type, 'violation', name)
    for (const value of [2, 255]) {
      t.match(holders[place](properties(id, value)), { rule: 'property-value', reasonCode: 0x82 }, name)
    }
  }
})

t.test('what counts something that cannot be none is never 0', async t => {
  for (const [name, zero] of [
    ['receiveMaximum', [0, 0]], ['maximumPacketSize', [0, 0, 0, 0]], ['subscriptionIdentifiers', [0]]
  ] as const) {
    const { id, places: [place = 'CONNECT'] } = propertyShapes[name]
    t.match(holders[place](properties(id, zero)), { rule: 'property-value', reasonCode: 0x82 }, name)
  }
  t.match(holders.CONNECT(properties(0x22, [0, 0])), { properties: { topicAliasMaximum: 0 } })
  const forever = holders.CONNECT(properties(0x11, [0xff, 0xff, 0xff, 0xff]))
  t.match(forever, { properties: { sessionExpiryInterval: 4_294_967_295 } })
})

t.test('identifiers that nobody knows are refused', async t => {
  for (const id of [[0], [4], [0x0a], [0x10], [0x2b], [0x7f], [0x80, 1]]) {
    t.match(holders.PUBLISH(properties(id, 0)), { rule: 'property-unknown', reasonCode: 0x81 }, String(id))
  }
  t.match(holders.PUBLISH(properties([0xa6, 0], 'a', 'b')), { rule: 'not-minimal', reasonCode: 0x81 })
})

t.test('a Property Length that goes past the packet, or cuts a property, is refused', async t => {
  t.match(answerTo(client5, packet(0x30, 'a', [6, 0x26, 0, 1, 0x61, 0])), { rule: 'property-length', reasonCode: 0x81 })
  t.match(answerTo(client5, packet(0x30, 'a', [4, 0x26, 0, 1, 0x61, 0, 1, 0x62])), { rule: 'truncated', reasonCode: 0x81 })
  t.match(answerTo(client5, packet(0x30, 'a', [0x80, 0])), { rule: 'not-minimal' })
  t.match(answerTo(client5, packet(0x30, 'a')), { rule: 'truncated' }, 'there is none')
})

t.test('a packet without properties says so by a Property Length of 0 [MQTT-2.2.2-1]', async t => {
  t.same(writeProperties({}), Buffer.from([0]))
  t.match(answerTo(client5, packet(0x82, [0, 1], [0], 'a', 0)), { properties: {} })
  t.match(answerTo(client5, packet(0x82, [0, 1], 'a', 0)), { type: 'violation' })
})

t.test('more user properties than the limit are refused', async t => {
  const reader = new PacketReader({
    from: 'client', packetBytesMax: 10_000, limits: { ...codecLimits, userPropertiesCountMax: 3 }
  })
  const list = (count: number): Part[] => Array.from({ length: count }, () => [0x26, 0, 1, 0x61, 0, 1, 0x62])
  reader.push(packet(0x10, 'MQTT', 5, 2, [0, 60], properties(...list(3)), 'dev'))
  t.match(reader.next(), { type: 'CONNECT' })
  reader.push(packet(0x30, 'a', properties(...list(4))))
  t.match(reader.next(), { rule: 'property-too-many', reasonCode: 0x97 })
})

t.test('many texts, long ones and those of other alphabets come out as they went in', async t => {
  const pairs = Array.from({ length: 40 }, (_, index): [string, string] => [`name-${index}`, index % 3 === 0 ? `\u00e9${index}` : `value ${index}`])
  for (const extra of ['', 'x'.repeat(5_000)]) {
    const list = properties(0x03, 'text/plain', ...pairs.flatMap(([name, value]) => [0x26, name, value]), 0x1f, 'never')
    t.match(holders.PUBLISH(list), { rule: 'property-misplaced' })
    const right = properties(0x03, `type${extra}`, ...pairs.flatMap(([name, value]) => [0x26, name, value]))
    t.match(holders.PUBLISH(right), { properties: { contentType: `type${extra}`, userProperties: pairs } })
  }
})
