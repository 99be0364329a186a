// Bytes to packets: an incremental, strict reader of one connection, for a server and for a client.

import { readAcknowledgement, readAuth, readConnack, readDisconnect } from './answers.ts'
import { readConnect, readProtocol } from './connect.ts'
import { Cursor } from './cursor.ts'
import type { CodecLimits } from './cursor.ts'
import { packetTypes } from './packet.ts'
import type { Packet, PacketType, PingPacket, Side } from './packet.ts'
import { publishFlagsRule, readPublish } from './publish.ts'
import type { ProtocolVersion } from './rules.ts'
import { readSuback, readSubscribe, readUnsubscribe } from './subscribe.ts'
import { violationOf } from './violation.ts'
import type { RuleName, Violation } from './violation.ts'

export interface ReaderOptions {
  /** Who sends the packets that are read. */
  readonly from: Side
  /** The version, where it is known from the start: that of the CONNECT which this side has sent. */
  readonly version?: ProtocolVersion
  /** The largest packet, with its fixed header. It may be changed between packets. */
  readonly packetBytesMax: number
  readonly limits: CodecLimits
}

/** So many bytes of a body tell the protocol's name and version, also those of MQTT 3.1. */
const protocolBytesMax = 9
/** A packet up to this size gets its memory at once when its first part comes; a larger one as its bytes come. */
const atOnceBytesMax = 16_384

const empty = Buffer.alloc(0)
const pingreq: PingPacket = { type: 'PINGREQ' }
const pingresp: PingPacket = { type: 'PINGRESP' }

const typeOf: readonly (PacketType | undefined)[] = ((): (PacketType | undefined)[] => {
  const types: (PacketType | undefined)[] = Array.from({ length: 16 })
  for (const type of Object.keys(packetTypes) as PacketType[]) types[packetTypes[type].code] = type
  return types
})()

const flagRules: Partial<Record<PacketType, RuleName>> = {
  PUBREL: 'flags-pubrel', SUBSCRIBE: 'flags-subscribe', UNSUBSCRIBE: 'flags-unsubscribe', DISCONNECT: 'flags-disconnect',
  AUTH: 'flags-auth'
}

/**
 * Chunks go in, packets come out one by one, so that whoever reads can stop between two of them. The first violation is
 * the end: it is given for ever, and nothing is held any more. Each byte is looked at once as framing and copied at
 * most twice; at most one packet that is not complete is held, besides the chunks that nobody asked about yet.
 */
export class PacketReader {
  readonly #from: Side
  readonly #cursor: Cursor
  packetBytesMax: number
  #version: ProtocolVersion | undefined
  #greeted = false
  #violation: Violation | undefined

  #chunk: Buffer = empty
  #at = 0
  /** Chunks that came while the one before was not read to its end. */
  #waiting: Buffer[] = []

  /** The fixed header as far as it has come: -1 is nothing, `#shift` counts the bits of the Remaining Length. */
  #firstByte = -1
  #shift = 0
  #remaining = 0
  #isHeaderWhole = false
  #isMinimal = true
  /** A CONNECT above the limit: no more of it is read than which version its sender speaks. */
  #isTooLarge = false

  /** The body of a packet that did not come whole. */
  #partial: Buffer | undefined
  #partialBytes = 0

  constructor ({ from, version, packetBytesMax, limits }: ReaderOptions) {
    this.#from = from
    this.#cursor = new Cursor(limits)
    this.packetBytesMax = packetBytesMax
    this.#version = version
    if (version !== undefined) this.#cursor.version = version
  }

  /** Undefined until a CONNECT has named it. Of a version that is not served: the one whose CONNACK it can read. */
  get version (): ProtocolVersion | undefined { return this.#version ?? this.#versionBegun() }

  /** What a CONNECT has named of which more is to come. */
  #versionBegun (): ProtocolVersion | undefined {
    if (this.#partial === undefined) return undefined
    const cursor = new Cursor(this.#cursor.limits)
    cursor.begin(this.#partial, 0, this.#partialBytes)
    return readProtocol(cursor).named && cursor.violation?.rule !== 'truncated' ? cursor.version : undefined
  }

  /** Bytes that are held here: chunks that are not read to their end, and a packet that is not complete. */
  get heldBytes (): number {
    let bytes = this.#chunk.length + (this.#partial?.length ?? 0)
    for (const chunk of this.#waiting) bytes += chunk.length
    return bytes
  }

  /** True while a packet is there of which more is to come. */
  get isBegun (): boolean { return this.#firstByte >= 0 }

  /** What the packet that is not complete will have, with its fixed header; 0 between packets. */
  get announcedBytes (): number {
    return this.#isHeaderWhole ? this.#headerBytes() + this.#remaining : 0
  }

  /** Takes bytes. Those of a reader that has found a violation are dropped. */
  push (chunk: Buffer): void {
    if (this.#violation !== undefined || chunk.length === 0) return
    if (this.#at < this.#chunk.length) {
      this.#waiting.push(chunk)
      return
    }
    this.#chunk = chunk
    this.#at = 0
  }

  /** The next packet; undefined where more bytes are needed for it. */
  next (): Packet | Violation | undefined {
    if (this.#violation !== undefined) return this.#violation
    while (this.#at < this.#chunk.length || this.#advance()) {
      if (!this.#isHeaderWhole && !this.#readHeader()) {
        if (this.#violation !== undefined) return this.#violation
      } else if (this.#gather()) {
        return this.#decode()
      }
    }
    return undefined
  }

  /** Goes on to the next chunk; false where there is none. */
  #advance (): boolean {
    const chunk = this.#waiting.shift()
    this.#chunk = chunk ?? empty
    this.#at = 0
    return chunk !== undefined
  }

  #headerBytes (): number { return 1 + this.#shift / 7 }

  /** True once the fixed header is there and nothing is wrong with it. Stops at the end of the chunk. */
  #readHeader (): boolean {
    const chunk = this.#chunk
    if (this.#firstByte < 0) {
      this.#firstByte = chunk[this.#at++] ?? 0
      const rule = this.#firstByteRule()
      if (rule !== undefined) return this.#refuse(rule)
    }
    while (this.#at < chunk.length) {
      const octet = chunk[this.#at++] ?? 0
      this.#remaining += (octet & 0x7f) << this.#shift
      this.#shift += 7
      if (octet < 0x80) {
        this.#isMinimal = octet !== 0 || this.#shift === 7
        if (!this.#isMinimal && this.#version === 5) return this.#refuse('not-minimal')
        if (this.#headerBytes() + this.#remaining > this.packetBytesMax && !this.#isCurtailed()) {
          return this.#refuse('packet-too-large')
        }
        this.#isHeaderWhole = true
        return true
      }
      if (this.#shift === 28) return this.#refuse('remaining-length')
    }
    return false
  }

  /** True of a CONNECT, whose sender reads an answer once its version is known. */
  #isCurtailed (): boolean {
    this.#isTooLarge = typeOf[this.#firstByte >> 4] === 'CONNECT'
    this.#remaining = Math.min(this.#remaining, protocolBytesMax)
    return this.#isTooLarge
  }

  /** What the first byte alone can break: the type, its flags, and which packet may come when. */
  #firstByteRule (): RuleName | undefined {
    const type = typeOf[this.#firstByte >> 4]
    const flags = this.#firstByte & 0x0f
    if (type === 'PUBLISH' && this.#greeted) return publishFlagsRule(flags)
    if (type === undefined || (type === 'AUTH' && this.#version === 4)) return 'packet-type'
    const { from } = packetTypes[type]
    if (!(from as readonly Side[]).includes(this.#from)) return 'packet-direction'
    if (type === 'DISCONNECT' && this.#from === 'server' && this.#version === 4) return 'packet-direction'
    if (!this.#greeted && type !== 'CONNECT' && type !== 'CONNACK' && !(type === 'AUTH' && this.#from === 'server')) {
      return this.#from === 'client' ? 'first-packet' : 'first-answer'
    }
    if (this.#greeted && type === 'CONNECT') return 'second-connect'
    if (this.#greeted && type === 'CONNACK') return 'second-connack'
    return flags === packetTypes[type].flags ? undefined : flagRules[type] ?? 'header-flags'
  }

  #refuse (rule: RuleName): false {
    this.#end(violationOf(rule, this.#version ?? 5))
    return false
  }

  #end (violation: Violation): Violation {
    this.#violation = violation
    this.#chunk = empty
    this.#at = 0
    this.#waiting = []
    this.#partial = undefined
    this.#isHeaderWhole = false
    this.#cursor.release()
    return violation
  }

  /** True once the body is there: set up in the cursor, from the chunk itself or from a copy. */
  #gather (): boolean {
    const availableBytes = this.#chunk.length - this.#at
    const remaining = this.#remaining
    if (this.#partial === undefined && availableBytes >= remaining) {
      this.#cursor.begin(this.#chunk, this.#at, this.#at + remaining)
      this.#at += remaining
      return true
    }
    if (availableBytes === 0) return false
    const missingBytes = remaining - this.#partialBytes
    const takenBytes = Math.min(availableBytes, missingBytes)
    const partial = this.#roomFor(this.#partialBytes + takenBytes)
    this.#chunk.copy(partial, this.#partialBytes, this.#at, this.#at + takenBytes)
    this.#at += takenBytes
    this.#partialBytes += takenBytes
    if (takenBytes < missingBytes) return false
    this.#cursor.begin(partial, 0, remaining)
    return true
  }

  /** The memory of the partial packet. It doubles, so that announcing a large packet costs its sender as many bytes. */
  #roomFor (bytes: number): Buffer {
    const held = this.#partial
    if (held !== undefined && bytes <= held.length) return held
    const wanted = Math.max(bytes, held === undefined ? atOnceBytesMax : 2 * held.length)
    const grown = Buffer.allocUnsafeSlow(Math.min(this.#remaining, wanted))
    held?.copy(grown, 0, 0, this.#partialBytes)
    this.#partial = grown
    return grown
  }

  #decode (): Packet | Violation {
    const cursor = this.#cursor
    const packet = this.#read()
    if (cursor.violation !== undefined) return this.#end(cursor.violation)
    this.#firstByte = -1
    this.#shift = 0
    this.#remaining = 0
    this.#isHeaderWhole = false
    if (this.#partial !== undefined) {
      this.#partial = undefined
      this.#partialBytes = 0
    }
    if (this.#at === this.#chunk.length) {
      cursor.release()
      this.#chunk = empty
      this.#at = 0
    }
    return packet
  }

  #read (): Packet {
    const cursor = this.#cursor
    const type = typeOf[this.#firstByte >> 4]
    switch (type) {
      case 'PUBLISH': return readPublish(cursor, this.#firstByte & 0x0f, this.#from)
      case 'PUBACK': case 'PUBREC': case 'PUBREL': case 'PUBCOMP': return readAcknowledgement(cursor, type)
      case 'CONNECT': return this.#readConnect()
      case 'CONNACK': {
        const connack = readConnack(cursor)
        this.#greeted = true
        return connack
      }
      case 'SUBSCRIBE': return readSubscribe(cursor)
      case 'UNSUBSCRIBE': return readUnsubscribe(cursor)
      case 'SUBACK': case 'UNSUBACK': return readSuback(cursor, type)
      case 'DISCONNECT': return readDisconnect(cursor, this.#from)
      case 'AUTH': return readAuth(cursor, this.#from)
      case 'PINGREQ': case 'PINGRESP': case undefined:
        cursor.finish()
        return type === 'PINGRESP' ? pingresp : pingreq
    }
  }

  #readConnect (): Packet {
    const cursor = this.#cursor
    const { named } = readProtocol(cursor)
    if (named) this.#version = cursor.version
    if (this.#isTooLarge) cursor.violate('packet-too-large')
    if (cursor.version === 5 && !this.#isMinimal) cursor.violate('not-minimal')
    const connect = readConnect(cursor)
    this.#greeted = true
    return connect
  }
}
