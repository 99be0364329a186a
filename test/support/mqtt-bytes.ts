// MQTT packets by hand, byte for byte, also wrong ones; and what the codec's reader says to them.

import type { Packet, Side } from '../../protocols/mqtt/codec/packet.ts'
import { PacketReader } from '../../protocols/mqtt/codec/packet-reader.ts'
import type { ProtocolVersion } from '../../protocols/mqtt/codec/rules.ts'
import type { Violation } from '../../protocols/mqtt/codec/violation.ts'
import { codecLimits } from './mqtt-packets.ts'
import type { PacketKind } from './mqtt-packets.ts'

export type Part = string | Buffer | number | readonly number[]

function bytesOf (part: Part): Buffer {
  if (typeof part === 'string') return field(part)
  if (typeof part === 'number') return Buffer.from([part])
  return Buffer.from(part)
}

/** A field with its two bytes of length. */
export function field (value: string | Buffer | readonly number[]): Buffer {
  const octets = Buffer.from(value as string)
  return Buffer.concat([Buffer.from([octets.length >> 8, octets.length & 0xff]), octets])
}

/** Parts one after the other: a text as a field with its length, numbers as bytes. */
export function body (...parts: readonly Part[]): Buffer {
  return Buffer.concat(parts.map(bytesOf))
}

/** A packet of this first byte, with the Remaining Length that its parts have. */
export function packet (first: number, ...parts: readonly Part[]): Buffer {
  const content = body(...parts)
  const lengthBytes: number[] = []
  let left = content.length
  do {
    lengthBytes.push((left & 0x7f) | (left > 0x7f ? 0x80 : 0))
    left >>>= 7
  } while (left > 0)
  return Buffer.concat([Buffer.from([first, ...lengthBytes]), content])
}

/** Properties with their length: a text or bytes after each identifier. */
export function properties (...parts: readonly Part[]): Buffer {
  const content = body(...parts)
  return packet(0, content).subarray(1)
}

/** A CONNECT of these flags: Keep Alive 60, and the payload as it is given, the client identifier first. */
export function connect (version: ProtocolVersion, flags: number, ...payload: readonly Part[]): Buffer {
  return packet(0x10, 'MQTT', version, flags, [0, 60], version === 5 ? [0] : [], ...payload)
}

function readerOf ({ from, version }: PacketKind): PacketReader {
  return new PacketReader({
    from, packetBytesMax: 1_048_576, limits: codecLimits, ...(from === 'server' ? { version } : {})
  })
}

/** What a reader says to the first bytes of a connection. */
export function firstOf (bytes: Buffer, from: Side = 'client', version: ProtocolVersion = 5): Packet | Violation | undefined {
  const reader = readerOf({ from, version })
  reader.push(bytes)
  return reader.next()
}

/** All that a reader says to bytes after the greeting of such a connection, up to and with a violation. */
export function answersTo (kind: PacketKind, bytes: Buffer): (Packet | Violation)[] {
  const reader = readerOf(kind)
  const isNew = kind.version === 5
  reader.push(kind.from === 'client' ? connect(kind.version, 2, 'dev') : packet(0x20, 0, 0, isNew ? [0] : []))
  const greeted = reader.next()
  if (greeted?.type === 'violation') throw new Error(`the greeting was refused: ${greeted.rule}`)
  reader.push(bytes)
  const answers: (Packet | Violation)[] = []
  for (let one = reader.next(); one !== undefined; one = reader.next()) {
    answers.push(one)
    if (one.type === 'violation') break
  }
  return answers
}

/** The first of them. */
export function answerTo (kind: PacketKind, bytes: Buffer): Packet | Violation | undefined {
  return answersTo(kind, bytes)[0]
}

export const client4: PacketKind = { from: 'client', version: 4 }
export const client5: PacketKind = { from: 'client', version: 5 }
export const server4: PacketKind = { from: 'server', version: 4 }
export const server5: PacketKind = { from: 'server', version: 5 }
