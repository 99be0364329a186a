// MQTT packets as a load generator needs them, in plain bytes: for the bench, the load, and k6, which has no Buffer.

export type ProtocolVersion = 4 | 5
export type Qos = 0 | 1 | 2

/** First bytes, with the flags that a packet must have. */
export const firstBytes = {
  connect: 0x10, connack: 0x20, publish: 0x30, puback: 0x40, pubrec: 0x50, pubrel: 0x62, pubcomp: 0x70, disconnect: 0xe0
} as const

/** The bit of PUBLISH that marks what is sent again. */
export const dupFlag = 0x08
export const packetIdMax = 65_535
/** Reason codes from here on say no. */
export const refusedFrom = 0x80

/** Two bytes, the higher one first. */
export function twoBytes (value: number): number[] {
  return [value >> 8, value & 0xff]
}

/** @param value ASCII */
export function bytesOf (value: string): number[] {
  return Array.from(value, letter => letter.charCodeAt(0))
}

/** A text with its length. */
export function text (value: string): number[] {
  return [...twoBytes(value.length), ...bytesOf(value)]
}

/** A Variable Byte Integer. */
export function variableByteInteger (value: number): number[] {
  return value < 128 ? [value] : [value % 128 | 0x80, ...variableByteInteger(value >> 7)]
}

export function packet (first: number, content: readonly number[]): number[] {
  return [first, ...variableByteInteger(content.length), ...content]
}

export interface Greeting {
  readonly version: ProtocolVersion
  readonly clientId: string
  /** The password, with an empty user name. Absent: nothing is shown. */
  readonly apiKey?: string | undefined
  /** The session goes on where the last connection left it, and outlives this one. */
  readonly keepsSession: boolean
}

const sessionExpiry = [0x11, 0, 0, 0x01, 0x2c]

/** CONNECT without a keep alive. */
export function connectPacket ({ version, clientId, apiKey, keepsSession }: Greeting): number[] {
  const flags = (keepsSession ? 0 : 0x02) | (apiKey === undefined ? 0 : 0xc0)
  const properties = keepsSession ? sessionExpiry : []
  return packet(firstBytes.connect, [
    ...text('MQTT'), version, flags, 0, 0, ...(version === 5 ? [properties.length, ...properties] : []), ...text(clientId),
    ...(apiKey === undefined ? [] : [...text(''), ...text(apiKey)])
  ])
}

export interface Message {
  readonly version: ProtocolVersion
  readonly qos: Qos
  readonly channel: string
  /** As they stand on the wire, without their length: MQTT 5 only. */
  readonly properties?: readonly number[]
  readonly data: readonly number[]
}

/** A PUBLISH whose packet id is 0, and where its id and its data are. */
export interface PublishTemplate {
  readonly bytes: readonly number[]
  readonly idAt: number
  readonly dataAt: number
}

export function publishTemplate ({ version, qos, channel, properties = [], data }: Message): PublishTemplate {
  const ahead = version === 5 ? [...variableByteInteger(properties.length), ...properties] : []
  const idBytes = qos === 0 ? [] : [0, 0]
  const bytes = packet(firstBytes.publish | qos << 1, [...text(channel), ...idBytes, ...ahead, ...data])
  const dataAt = bytes.length - data.length
  return { bytes, idAt: dataAt - ahead.length - idBytes.length, dataAt }
}

/** Of MQTT 5: a user property. */
export function userProperty (name: string, value: string): number[] {
  return [0x26, ...text(name), ...text(value)]
}

/** Of MQTT 5: the media type of the data. */
export function contentType (value: string): number[] {
  return [0x03, ...text(value)]
}

export function joined (first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length)
  both.set(first)
  both.set(second, first.length)
  return both
}

/** Where the content of the packet at `at` begins and ends; undefined while not all of it is there. */
function frameAt (bytes: Uint8Array, at: number): { contentAt: number, end: number } | undefined {
  let length = 0
  for (let factor = 1, byteAt = at + 1; byteAt < bytes.length; factor *= 128, byteAt++) {
    const byte = bytes[byteAt] ?? 0
    length += (byte & 0x7f) * factor
    if (byte >= 0x80) continue
    const end = byteAt + 1 + length
    return end > bytes.length ? undefined : { contentAt: byteAt + 1, end }
  }
  return undefined
}

/** Tells each packet of a connection by its first byte and what is behind its length. */
export function createPacketReader (hear: (first: number, content: Uint8Array) => void): (chunk: Uint8Array) => void {
  let held: Uint8Array = new Uint8Array(0)
  return chunk => {
    const bytes = held.length === 0 ? chunk : joined(held, chunk)
    let at = 0
    for (let frame = frameAt(bytes, at); frame !== undefined; frame = frameAt(bytes, at)) {
      hear(bytes[at] ?? 0, bytes.subarray(frame.contentAt, frame.end))
      at = frame.end
    }
    held = bytes.subarray(at)
  }
}

/** An acknowledgement, or any packet that begins with an id and a reason code. */
export function answerOf (content: Uint8Array): { packetId: number, reasonCode: number } {
  return { packetId: (content[0] ?? 0) << 8 | (content[1] ?? 0), reasonCode: content[2] ?? 0 }
}

/** Bytes of the properties that CONNACK may have and that have a fixed length. */
const fixedBytes: Readonly<Record<number, number>> = {
  0x11: 4, 0x13: 2, 0x21: 2, 0x22: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2a: 1
}

export interface Connack {
  readonly sessionPresent: boolean
  readonly reasonCode: number
  /** 65535 where the server does not say. */
  readonly receiveMaximum: number
}

/** Reads a CONNACK whose properties are shorter than 16 KiB. */
export function connackOf (content: Uint8Array, version: ProtocolVersion): Connack {
  const lengthBytes = (content[2] ?? 0) < 128 ? 1 : 2
  let receiveMaximum = packetIdMax
  for (let at = version === 5 ? 2 + lengthBytes : content.length; at < content.length;) {
    const name = content[at] ?? 0
    const lengthAt = (place: number): number => 2 + ((content[place] ?? 0) << 8 | (content[place + 1] ?? 0))
    if (name === 0x21) receiveMaximum = lengthAt(at + 1) - 2
    const textBytes = (): number => lengthAt(at + 1)
    const pairBytes = (): number => textBytes() + lengthAt(at + 1 + textBytes())
    at += 1 + (fixedBytes[name] ?? (name === 0x26 ? pairBytes() : textBytes()))
  }
  return { sessionPresent: content[0] === 1, reasonCode: content[1] ?? 0, receiveMaximum }
}
