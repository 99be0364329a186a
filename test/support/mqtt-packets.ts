// Valid MQTT packets of both versions from a seed, and mutations of their bytes: for the codec's tests and for fuzzing.

import type { CodecLimits } from '../../protocols/mqtt/codec/cursor.ts'
import {
  encodeAuth, encodeConnack, encodeConnect, encodeDisconnect, encodePublish, encodeSuback, encodeSubscribe,
  encodeUnsubscribe, pingreqBytes, pingrespBytes, writeAcknowledgement
} from '../../protocols/mqtt/codec/encode.ts'
import { packetTypes } from '../../protocols/mqtt/codec/packet.ts'
import type { ConnectPacket, Packet, PacketType, Qos, Side, Subscription, Will } from '../../protocols/mqtt/codec/packet.ts'
import { noProperties, propertyShapes } from '../../protocols/mqtt/codec/properties.ts'
import type {
  Properties, PropertyForm, PropertyName, PropertyPlace, UserProperty
} from '../../protocols/mqtt/codec/properties.ts'
import { reasonCodesOf, returnCodesOf } from '../../protocols/mqtt/codec/reason-codes.ts'
import type { ProtocolVersion } from '../../protocols/mqtt/codec/rules.ts'
import type { RuleName } from '../../protocols/mqtt/codec/violation.ts'
import type { Random } from '../simulation/random.ts'

/** Limits that no packet of this module reaches. */
export const codecLimits: CodecLimits = {
  userPropertiesCountMax: 1_000, topicFiltersCountMax: 1_000, disallowedCharacters: 'refuse'
}

/** Who sends what in which version. */
export interface PacketKind { readonly version: ProtocolVersion, readonly from: Side }

/** Any packet to bytes; only what the packet's type needs is asked of it. */
export function encodePacket (packet: Packet, version: ProtocolVersion): Buffer {
  const receiver = { version, packetBytesMax: 268_435_460 }
  switch (packet.type) {
    case 'CONNECT': return encodeConnect(packet)
    case 'CONNACK': return encodeConnack(packet, receiver)
    case 'PUBLISH': return encodePublish(packet, version)
    case 'SUBSCRIBE': return encodeSubscribe(packet, version)
    case 'UNSUBSCRIBE': return encodeUnsubscribe(packet, version)
    case 'SUBACK': case 'UNSUBACK': return encodeSuback(packet, receiver)
    case 'DISCONNECT': return encodeDisconnect(packet, receiver)
    case 'AUTH': return encodeAuth(packet, receiver)
    case 'PINGREQ': return pingreqBytes
    case 'PINGRESP': return pingrespBytes
    case 'PUBACK': case 'PUBREC': case 'PUBREL': case 'PUBCOMP': {
      const room = Buffer.alloc(200_000)
      return room.subarray(0, writeAcknowledgement(room, 0, packet, receiver))
    }
  }
}

const letters = ['a', 'Z', '7', '-', '.', ' ', '$', '\u00e9', '\u20ac', '\ufeff', '\u{1f98a}']

function text (random: Random, least: number): string {
  return Array.from({ length: random.between(least, 12) }, () => random.pick(letters)).join('')
}

function topic (random: Random): string {
  return Array.from({ length: random.between(1, 4) }, () => text(random, 1)).join('/')
}

/** Valid filters: wildcards where they may stand, and now and then a shared one. */
function topicFilter (random: Random): string {
  const levels = Array.from({ length: random.between(1, 4) }, () => random.chance(0.3) ? '+' : text(random, 1))
  if (random.chance(0.3)) levels.push('#')
  return (random.chance(0.2) ? '$share/group/' : '') + levels.join('/')
}

function octets (random: Random, most: number): Buffer {
  return Buffer.from(Array.from({ length: random.between(0, most) }, () => random.below(256)))
}

function setOf (codes: ReadonlySet<number>): readonly number[] {
  return [...codes]
}

function valueOf (random: Random, form: PropertyForm): unknown {
  switch (form) {
    case 'flag': return random.below(2)
    case 'two-byte': return random.between(1, 0xffff)
    case 'four-byte': return random.between(1, 0xffff_ffff)
    case 'variable': return [random.between(1, random.pick([0x7f, 0x3fff, 0xf_ffff, 0xfff_ffff]))]
    case 'text': return text(random, 0)
    case 'topic': return topic(random)
    case 'binary': return octets(random, 20)
    case 'pair':
      return Array.from({ length: random.between(1, 4) }, (): UserProperty => [text(random, 0), text(random, 0)])
  }
}

function properties (random: Random, place: PropertyPlace, { version, from }: PacketKind): Properties {
  if (version === 4) return noProperties
  const found: Record<string, unknown> = {}
  for (const name of Object.keys(propertyShapes) as PropertyName[]) {
    const { form, places } = propertyShapes[name]
    if (places.includes(place) && random.chance(0.3)) found[name] = valueOf(random, form)
  }
  if (place === 'AUTH') found.authenticationMethod = 'method'
  if (found.authenticationMethod === undefined) delete found.authenticationData
  if (place === 'PUBLISH' && from === 'client') delete found.subscriptionIdentifiers
  if (place === 'DISCONNECT' && from === 'server') delete found.sessionExpiryInterval
  // A payload of any bytes is not the text that this would promise.
  if (place === 'will') delete found.payloadFormatIndicator
  return Object.keys(found).length === 0 ? noProperties : found
}

function will (random: Random, kind: PacketKind): Will {
  return {
    qos: random.below(3) as Qos, retain: random.chance(0.5), properties: properties(random, 'will', kind),
    topicName: topic(random), payload: octets(random, 30)
  }
}

export function validConnect (random: Random, version: ProtocolVersion): ConnectPacket {
  const kind: PacketKind = { version, from: 'client' }
  const userName = random.chance(0.5) ? text(random, 0) : undefined
  const cleanStart = random.chance(0.5)
  return {
    type: 'CONNECT', version, cleanStart, keepAlive: random.below(0x1_0000), properties: properties(random, 'CONNECT', kind),
    clientId: text(random, version === 4 && !cleanStart ? 1 : 0),
    will: random.chance(0.5) ? will(random, kind) : undefined, userName,
    password: (userName !== undefined || version === 5) && random.chance(0.5) ? octets(random, 20) : undefined
  }
}

function subscription (random: Random, version: ProtocolVersion): Subscription {
  const filter = topicFilter(random)
  const has = (): boolean => version === 5 && random.chance(0.5)
  return {
    topicFilter: filter, qos: random.below(3) as Qos, noLocal: has() && !filter.startsWith('$share/'),
    retainAsPublished: has(), retainHandling: has() ? random.below(3) as 0 | 1 | 2 : 0
  }
}

/** A packet of this type that its reader accepts. */
export function validPacket (random: Random, type: PacketType, kind: PacketKind): Packet {
  const { version, from } = kind
  const packetId = random.between(1, 0xffff)
  const reason = (codes: ReadonlySet<number>): number => version === 5 ? random.pick(setOf(codes)) : 0
  switch (type) {
    case 'CONNECT': return validConnect(random, version)
    case 'CONNACK': {
      const reasonCode = random.pick(setOf(version === 5 ? reasonCodesOf.CONNACK : returnCodesOf.CONNACK))
      const sessionPresent = reasonCode === 0 && random.chance(0.5)
      return { type, sessionPresent, reasonCode, properties: properties(random, type, kind) }
    }
    case 'PUBLISH': {
      const qos = random.below(3) as Qos
      return {
        type, dup: qos > 0 && random.chance(0.3), qos, retain: random.chance(0.2), topicName: topic(random),
        packetId: qos === 0 ? 0 : packetId, properties: properties(random, type, kind), payload: octets(random, 300)
      }
    }
    case 'PUBACK': case 'PUBREC': case 'PUBREL': case 'PUBCOMP':
      return { type, packetId, reasonCode: reason(reasonCodesOf[type]), properties: properties(random, type, kind) }
    case 'SUBSCRIBE': {
      const subscriptions = Array.from({ length: random.between(1, 4) }, () => subscription(random, version))
      return { type, packetId, properties: properties(random, type, kind), subscriptions }
    }
    case 'UNSUBSCRIBE': {
      const topicFilters = Array.from({ length: random.between(1, 4) }, () => topicFilter(random))
      return { type, packetId, properties: properties(random, type, kind), topicFilters }
    }
    case 'SUBACK': case 'UNSUBACK': {
      const codes = setOf(version === 5 ? reasonCodesOf[type] : returnCodesOf.SUBACK)
      const count = type === 'UNSUBACK' && version === 4 ? 0 : random.between(1, 5)
      const reasons = Array.from({ length: count }, () => random.pick(codes))
      return { type, packetId, properties: properties(random, type, kind), reasonCodes: reasons }
    }
    case 'DISCONNECT':
      return { type, reasonCode: reason(reasonCodesOf.DISCONNECT[from]), properties: properties(random, type, kind) }
    case 'AUTH':
      return { type, reasonCode: reason(reasonCodesOf.AUTH[from]), properties: properties(random, type, kind) }
    case 'PINGREQ': case 'PINGRESP': return { type }
  }
}

/** The types that this side sends in this version, after its first packet. */
export function typesAfterGreeting ({ version, from }: PacketKind): readonly PacketType[] {
  return (Object.keys(packetTypes) as PacketType[]).filter(type => {
    if (type === 'CONNECT' || type === 'CONNACK') return false
    if (version === 4 && (type === 'AUTH' || (type === 'DISCONNECT' && from === 'server'))) return false
    return (packetTypes[type].from as readonly Side[]).includes(from)
  })
}

/** What a connection begins with: CONNECT of a client, CONNACK of a server. */
export function greeting (random: Random, kind: PacketKind): Packet {
  return validPacket(random, kind.from === 'client' ? 'CONNECT' : 'CONNACK', kind)
}

/** A connection's packets in order, the greeting first. */
export function validConversation (random: Random, kind: PacketKind, count: number): readonly Packet[] {
  const types = typesAfterGreeting(kind)
  return [greeting(random, kind), ...Array.from({ length: count }, () => validPacket(random, random.pick(types), kind))]
}

const interesting = [0x00, 0x01, 0x02, 0x03, 0x7f, 0x80, 0x81, 0xc0, 0xc1, 0xed, 0xf4, 0xff]

/** Offset of the first byte after the fixed header. */
function bodyStart (bytes: Buffer): number {
  let at = 1
  while (at < 5 && ((bytes[at] ?? 0) & 0x80) !== 0) at++
  return at + 1
}

function framedAgain (first: number, body: Buffer): Buffer {
  const lengthBytes: number[] = []
  let left = body.length
  do {
    lengthBytes.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0))
    left >>>= 7
  } while (left > 0)
  return Buffer.concat([Buffer.from([first, ...lengthBytes]), body])
}

/**
 * Changes a packet in one of several ways. Four times of five the fixed header is made to fit again, so that the
 * reader goes on to what is in the packet.
 */
export function mutate (random: Random, bytes: Buffer): Buffer {
  const mutated = Buffer.from(bytes)
  if (random.chance(0.2)) {
    mutated[random.below(mutated.length)] = random.chance(0.5) ? random.below(256) : random.pick(interesting)
    return mutated
  }
  const start = bodyStart(mutated)
  const first = mutated[0] ?? 0
  return framedAgain(random.chance(0.05) ? random.below(256) : first, mutatedBody(random, mutated.subarray(start)))
}

function mutatedBody (random: Random, body: Buffer): Buffer {
  const at = random.below(body.length + 1)
  switch (random.below(6)) {
    case 0: return body.subarray(0, at)
    case 1: return Buffer.concat([body.subarray(0, at), octets(random, 8), body.subarray(at)])
    case 2: return Buffer.concat([body.subarray(0, at), body.subarray(at + random.between(1, 4))])
    case 3: return Buffer.concat([body.subarray(0, at), body.subarray(random.below(at + 1))])
    case 4:
      for (let count = random.between(1, 4); count > 0 && body.length > 0; count--) {
        body[random.below(body.length)] = random.pick(interesting)
      }
      return body
    default:
      if (at < body.length) body[at] = (body[at] ?? 0) ^ (1 << random.below(8))
      return body
  }
}

/** What a fuzzed connection sends: its greeting as it should be, and then something that is not. */
export interface FuzzCase { readonly greeting: Buffer, readonly bytes: Buffer }

/** A packet of any type, mutated up to three times. One in five is the greeting itself, with nothing before it. */
export function fuzzCase (random: Random, kind: PacketKind): FuzzCase {
  const first = encodePacket(greeting(random, kind), kind.version)
  const isGreeting = random.chance(0.2)
  const later = (): Packet => validPacket(random, random.pick(typesAfterGreeting(kind)), kind)
  let bytes = isGreeting ? first : encodePacket(later(), kind.version)
  for (let times = random.between(1, 3); times > 0; times--) bytes = mutate(random, bytes)
  return { greeting: isGreeting ? Buffer.alloc(0) : first, bytes }
}

/** Rules that are broken within the fixed header: of what breaks one of them, nothing else was read. */
export const headerRules: ReadonlySet<RuleName> = new Set([
  'packet-type', 'packet-direction', 'header-flags', 'flags-pubrel', 'flags-subscribe', 'flags-unsubscribe',
  'flags-disconnect', 'flags-auth', 'remaining-length', 'packet-too-large', 'publish-qos', 'publish-dup', 'first-packet',
  'first-answer', 'second-connect', 'second-connack'
])
