// Packets to bytes: what a server answers with, and what a client sends.

import { packetTypes } from './packet.ts'
import type {
  AcknowledgementPacket, AuthPacket, ConnackPacket, ConnectPacket, DisconnectPacket, PacketType, PublishPacket,
  SubackPacket, SubscribePacket, UnsubscribePacket, Will
} from './packet.ts'
import { noProperties } from './properties.ts'
import type { Properties } from './properties.ts'
import { fieldOf, fittingProperties, variableByteInteger, writeProperties } from './property-writer.ts'
import type { ProtocolVersion } from './rules.ts'

/** What the other side reads. */
export interface Receiver {
  readonly version: ProtocolVersion
  /** Its Maximum Packet Size. Texts that only explain are left out above it; a caller must not send what is larger. */
  readonly packetBytesMax: number
}

/** Fixed header, packet identifier, reason code and Property Length at their longest. */
const overheadBytes = 12

/** Larger than any acknowledgement that has neither a Reason String nor user properties. */
export const acknowledgementBytesMax = 5

export const pingreqBytes: Buffer = Buffer.from([packetTypes.PINGREQ.code << 4, 0])
export const pingrespBytes: Buffer = Buffer.from([packetTypes.PINGRESP.code << 4, 0])

function firstByte (type: PacketType): number {
  return (packetTypes[type].code << 4) | packetTypes[type].flags
}

function framed (first: number, parts: readonly Buffer[]): Buffer {
  let bytesCount = 0
  for (const part of parts) bytesCount += part.length
  return Buffer.concat([Buffer.from([first]), variableByteInteger(bytesCount), ...parts])
}

function twoBytes (value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff])
}

function hasAny (properties: Properties): boolean {
  return properties !== noProperties && Object.values(properties).some(value => value !== undefined)
}

/**
 * Writes PUBACK, PUBREC, PUBREL or PUBCOMP at a place of a buffer, so that many of them leave in one write. Returns
 * where the next one goes; that is `at` again where there is no room, and nothing was written.
 */
export function writeAcknowledgement (
  target: Buffer, at: number, packet: AcknowledgementPacket, receiver: Receiver
): number {
  const { type, packetId, reasonCode, properties } = packet
  const hasReason = receiver.version === 5 && (reasonCode !== 0 || hasAny(properties))
  if (hasReason && hasAny(properties)) return writeLong(target, at, packet, receiver)
  const end = at + (hasReason ? 5 : 4)
  if (end > target.length) return at
  target[at] = firstByte(type)
  target[at + 1] = hasReason ? 3 : 2
  target[at + 2] = packetId >> 8
  target[at + 3] = packetId & 0xff
  if (hasReason) target[at + 4] = reasonCode
  return end
}

function writeLong (target: Buffer, at: number, packet: AcknowledgementPacket, receiver: Receiver): number {
  const { type, packetId, reasonCode, properties } = packet
  const fitting = fittingProperties(properties, receiver.packetBytesMax - overheadBytes)
  const parts = [twoBytes(packetId), Buffer.from([reasonCode])]
  const whole = framed(firstByte(type), fitting.length > 1 ? [...parts, fitting] : parts)
  return at + whole.length > target.length ? at : at + whole.copy(target, at)
}

/** Session Present goes with success only (MQTT-3.2.2-6, in 3.1.1 MQTT-3.2.2-4). */
export function encodeConnack (connack: ConnackPacket, receiver: Receiver): Buffer {
  const { sessionPresent, reasonCode, properties } = connack
  const head = Buffer.from([sessionPresent && reasonCode === 0 ? 1 : 0, reasonCode])
  if (receiver.version === 4) return framed(firstByte('CONNACK'), [head])
  return framed(firstByte('CONNACK'), [head, fittingProperties(properties, receiver.packetBytesMax - overheadBytes)])
}

export function encodeSuback (suback: SubackPacket, receiver: Receiver): Buffer {
  const { type, packetId, properties, reasonCodes } = suback
  const head = twoBytes(packetId)
  if (receiver.version === 4) return framed(firstByte(type), type === 'SUBACK' ? [head, Buffer.from(reasonCodes)] : [head])
  const bytesMax = receiver.packetBytesMax - overheadBytes - reasonCodes.length
  return framed(firstByte(type), [head, fittingProperties(properties, bytesMax), Buffer.from(reasonCodes)])
}

export function encodeDisconnect ({ reasonCode, properties }: DisconnectPacket, receiver: Receiver): Buffer {
  if (receiver.version === 4 || (reasonCode === 0 && !hasAny(properties))) return framed(firstByte('DISCONNECT'), [])
  const parts: Buffer[] = [Buffer.from([reasonCode])]
  if (hasAny(properties)) parts.push(fittingProperties(properties, receiver.packetBytesMax - overheadBytes))
  return framed(firstByte('DISCONNECT'), parts)
}

/** Only in MQTT 5. */
export function encodeAuth ({ reasonCode, properties }: AuthPacket, receiver: Receiver): Buffer {
  const fitting = fittingProperties(properties, receiver.packetBytesMax - overheadBytes)
  return framed(firstByte('AUTH'), reasonCode === 0 && !hasAny(properties) ? [] : [Buffer.from([reasonCode]), fitting])
}

export function encodeConnect (connect: ConnectPacket): Buffer {
  const { version, cleanStart, keepAlive, properties, clientId, will, userName, password } = connect
  const flags = (cleanStart ? 0x02 : 0) | (will === undefined ? 0 : 0x04 | (will.qos << 3) | (will.retain ? 0x20 : 0)) |
    (password === undefined ? 0 : 0x40) | (userName === undefined ? 0 : 0x80)
  const parts: Buffer[] = [fieldOf('MQTT'), Buffer.from([version, flags]), twoBytes(keepAlive)]
  if (version === 5) parts.push(writeProperties(properties))
  parts.push(fieldOf(clientId))
  if (will !== undefined) parts.push(...willParts(will, version))
  if (userName !== undefined) parts.push(fieldOf(userName))
  if (password !== undefined) parts.push(fieldOf(password))
  return framed(firstByte('CONNECT'), parts)
}

function willParts ({ properties, topicName, payload }: Will, version: ProtocolVersion): Buffer[] {
  const fields = [fieldOf(topicName), fieldOf(payload)]
  return version === 5 ? [writeProperties(properties), ...fields] : fields
}

/** The payload is copied once. */
export function encodePublish (publish: PublishPacket, version: ProtocolVersion): Buffer {
  const { dup, qos, retain, topicName, packetId, properties, payload } = publish
  const parts: Buffer[] = [fieldOf(topicName)]
  if (qos > 0) parts.push(twoBytes(packetId))
  if (version === 5) parts.push(writeProperties(properties))
  parts.push(payload)
  return framed(firstByte('PUBLISH') | (dup ? 8 : 0) | (qos << 1) | (retain ? 1 : 0), parts)
}

export function encodeSubscribe (subscribe: SubscribePacket, version: ProtocolVersion): Buffer {
  const { packetId, properties, subscriptions } = subscribe
  const parts = [twoBytes(packetId)]
  if (version === 5) parts.push(writeProperties(properties))
  for (const { topicFilter, qos, noLocal, retainAsPublished, retainHandling } of subscriptions) {
    const options = qos | (noLocal ? 4 : 0) | (retainAsPublished ? 8 : 0) | (retainHandling << 4)
    parts.push(fieldOf(topicFilter), Buffer.from([version === 5 ? options : qos]))
  }
  return framed(firstByte('SUBSCRIBE'), parts)
}

export function encodeUnsubscribe (unsubscribe: UnsubscribePacket, version: ProtocolVersion): Buffer {
  const { packetId, properties, topicFilters } = unsubscribe
  const parts = [twoBytes(packetId)]
  if (version === 5) parts.push(writeProperties(properties))
  return framed(firstByte('UNSUBSCRIBE'), [...parts, ...topicFilters.map(fieldOf)])
}
