// Reads the fields of one packet in order; the first broken rule is kept, and everything after it reads as nothing.

import { isUtf8 } from 'node:buffer'
import type { ProtocolVersion } from './rules.ts'
import { violationOf } from './violation.ts'
import type { RuleName, Violation } from './violation.ts'

/** What a packet may hold at most, and how strict its texts are read. One object serves many connections. */
export interface CodecLimits {
  /** User properties of one packet, and of a will. */
  readonly userPropertiesCountMax: number
  /** Topic filters of one SUBSCRIBE or UNSUBSCRIBE, and reason codes of their answers. */
  readonly topicFiltersCountMax: number
  /** Refuses control characters and non-characters, which a receiver may but need not (section 1.5.4, 5.4.9). */
  readonly disallowedCharacters: 'refuse' | 'accept'
}

const empty = Buffer.alloc(0)

/** One bit per kind of octet, so that one pass over a text finds all that is in it. */
const kinds = { null: 1, control: 2, notAscii: 4, wildcard: 8 }
const kindOf = Uint8Array.from({ length: 256 }, (_, octet) => {
  if (octet === 0) return kinds.null
  if (octet < 0x20 || octet === 0x7f) return kinds.control
  if (octet >= 0x80) return kinds.notAscii
  return octet === 0x23 || octet === 0x2b ? kinds.wildcard : 0
})

/** U+0001 to U+001F, U+007F to U+009F and the code points that Unicode keeps from being characters. */
const disallowed = /[\u0001-\u001f\u007f-\u009f]|\p{Noncharacter_Code_Point}/u

/** A topic up to this size is remembered, since a device mostly publishes to the one it published to before. */
const rememberedBytesMax = 255

/** Texts that stand close together are cut from one text of all of them, which is made by one call instead of many. */
export const blockBytesMax = 4_096

/** The end of a packet stands in `end`. Where a field goes past it, the packet is malformed. */
export class Cursor {
  readonly limits: CodecLimits
  bytes: Buffer = empty
  at = 0
  end = 0
  version: ProtocolVersion = 4
  violation: Violation | undefined
  /** The topic name of the last PUBLISH, with its bytes: making the text again costs more than comparing. */
  #topicOctets = new Uint8Array(0)
  #topicName = ''
  /** The properties that are being read: where they stand, and all of them as one text once it was needed. */
  #blockFrom = 0
  #blockTo = 0
  #block = ''

  constructor (limits: CodecLimits) {
    this.limits = limits
  }

  /** Begins with a packet whose body is `bytes` from `at` up to `end`. */
  begin (bytes: Buffer, at: number, end: number): void {
    this.bytes = bytes
    this.at = at
    this.end = end
    this.violation = undefined
    this.#blockTo = 0
  }

  /** Says that many texts may stand from here on up to `end`. */
  expectTexts (end: number): void {
    if (end - this.at > blockBytesMax) return
    this.#blockFrom = this.at
    this.#blockTo = end
    this.#block = ''
  }

  /** Lets go of the bytes, which may be a large chunk. */
  release (): void {
    this.bytes = empty
    this.at = 0
    this.end = 0
    this.#block = ''
  }

  violate (rule: RuleName): void {
    this.violation ??= violationOf(rule, this.version)
    this.at = this.end
  }

  byte (): number {
    if (this.at < this.end) return this.bytes[this.at++] ?? 0
    this.violate('truncated')
    return 0
  }

  twoByteInteger (): number {
    const { bytes, at } = this
    if (at + 2 > this.end) {
      this.violate('truncated')
      return 0
    }
    this.at = at + 2
    return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  }

  fourByteInteger (): number {
    return this.twoByteInteger() * 0x1_0000 + this.twoByteInteger()
  }

  /** Section 1.5.5 of MQTT 5: at most four bytes, and no more than are needed. */
  variableByteInteger (): number {
    let value = 0
    for (let shift = 0; shift <= 21; shift += 7) {
      const octet = this.byte()
      value += (octet & 0x7f) << shift
      if (octet < 0x80) {
        if (octet === 0 && shift > 0) this.violate('not-minimal')
        return value
      }
    }
    this.violate('variable-byte-integer')
    return 0
  }

  /** A packet identifier of a packet that has one: it is never 0. */
  packetId (): number {
    const packetId = this.twoByteInteger()
    if (packetId === 0) this.violate('packet-id-zero')
    return packetId
  }

  /** A view of the bytes, not a copy. */
  binaryData (): Buffer {
    const bytesCount = this.twoByteInteger()
    if (this.at + bytesCount > this.end) {
      this.violate('truncated')
      return empty
    }
    return this.bytes.subarray(this.at, this.at += bytesCount)
  }

  /** Whatever is left of the packet, as a view. */
  rest (): Buffer {
    return this.bytes.subarray(this.at, this.at = this.end)
  }

  /** A UTF-8 Encoded String. U+FEFF stays where it stands (MQTT-1.5.4-3). */
  text (): string {
    return this.#text(undefined)
  }

  /** A UTF-8 Encoded String that names a topic. It may be empty; `wildcard` is the rule that # or + break. */
  topicName (wildcard: RuleName): string {
    return this.#text(wildcard)
  }

  /** The topic name of PUBLISH. */
  publishTopic (): string {
    const { bytes, at } = this
    const octets = this.#topicOctets
    const bytesCount = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
    const from = at + 2
    if (bytesCount !== octets.length || bytesCount === 0 || from + bytesCount > this.end) return this.#newTopic()
    for (let place = 0; place < bytesCount; place++) {
      if (octets[place] !== bytes[from + place]) return this.#newTopic()
    }
    this.at = from + bytesCount
    return this.#topicName
  }

  #newTopic (): string {
    const from = this.at + 2
    const topicName = this.#text('topic-wildcard')
    if (this.violation !== undefined || this.at - from > rememberedBytesMax) return topicName
    this.#topicOctets = new Uint8Array(this.at - from)
    this.#topicOctets.set(this.bytes.subarray(from, this.at))
    this.#topicName = topicName
    return topicName
  }

  #text (wildcard: RuleName | undefined): string {
    const from = this.at + 2
    const to = from + this.twoByteInteger()
    if (to > this.end) {
      this.violate('truncated')
      return ''
    }
    const { bytes } = this
    let found = 0
    for (let place = from; place < to; place++) found |= kindOf[bytes[place] ?? 0] ?? 0
    this.at = to
    if (found === 0) return to > this.#blockTo ? bytes.toString('latin1', from, to) : this.#cut(from, to)
    return this.#unusual(bytes.subarray(from, to), found, wildcard)
  }

  #cut (from: number, to: number): string {
    if (this.#block === '') this.#block = this.bytes.toString('latin1', this.#blockFrom, this.#blockTo)
    return this.#block.slice(from - this.#blockFrom, to - this.#blockFrom)
  }

  /** A text that is not plain ASCII of printable characters, or that has a wildcard. */
  #unusual (octets: Buffer, found: number, wildcard: RuleName | undefined): string {
    if (!isUtf8(octets)) this.violate('text-not-utf8')
    else if ((found & kinds.null) !== 0) this.violate('text-null')
    else if ((found & kinds.wildcard) !== 0 && wildcard !== undefined) this.violate(wildcard)
    if (this.violation !== undefined) return ''
    const text = octets.toString('utf8')
    if (this.limits.disallowedCharacters === 'refuse' && (found & (kinds.control | kinds.notAscii)) !== 0 &&
      disallowed.test(text)) {
      this.violate('text-disallowed')
    }
    return text
  }

  /** Ends a packet: bytes that no field took are a violation. */
  finish (): void {
    if (this.at < this.end) this.violate('trailing-bytes')
  }
}
