// Reads the protobuf wire format in one pass over a buffer, without copies: tags, varints, spans of bytes, texts.

import { isUtf8 } from 'node:buffer'

/** Groups may stand in groups this often in what is skipped. */
const depthMax = 64

/** The wire types (protobuf encoding, "Message Structure"). */
const wire = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const

/** A tag as it stands on the wire: the field's number and how its value is written. */
export const varintTag = (field: number): number => field << 3 | wire.varint
export const bytesTag = (field: number): number => field << 3 | wire.bytes

/** After any mistake `broken` is true and every further reading ends at once; the caller looks once, at the end. */
export class WireReader {
  bytes: Buffer = Buffer.alloc(0)
  at = 0
  broken = false
  /** The span that `span` has found. */
  start = 0
  end = 0

  begin (bytes: Buffer): void {
    this.bytes = bytes
    this.at = 0
    this.broken = false
  }

  /** The next tag before `limit`; 0 at the end or after a mistake. */
  tag (limit: number): number {
    if (this.broken || this.at >= limit) return 0
    const first = this.bytes[this.at] ?? 0
    if (first < 0x80) {
      this.at += 1
      if (first >> 3 === 0) this.broken = true
      return this.broken ? 0 : first
    }
    const tag = this.varint(limit)
    // Field numbers have 29 bits, and 0 is none.
    if (tag > 0xffffffff || tag < 8) this.broken = true
    return this.broken ? 0 : tag
  }

  /** An unsigned varint; exact up to 2^53, beyond that near enough to be recognised as too large. */
  varint (limit: number): number {
    let value = 0
    let scale = 1
    for (let count = 0; count < 10; count++) {
      if (this.at >= limit) return this.#fail()
      const byte = this.bytes[this.at] ?? 0
      this.at += 1
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
    return this.#fail()
  }

  /** A varint of 32 bits with sign, as int32 is written: the lower half of 64 bits. */
  int32 (limit: number): number {
    let value = 0
    for (let count = 0; count < 10; count++) {
      if (this.at >= limit) return this.#fail()
      const byte = this.bytes[this.at] ?? 0
      this.at += 1
      if (count < 5) value |= (byte & 0x7f) << (count * 7)
      if (byte < 0x80) return value
    }
    return this.#fail()
  }

  /** Finds the bytes of a field with a length, and steps over them. False: it reaches beyond `limit`. */
  span (limit: number): boolean {
    const length = this.varint(limit)
    if (this.broken || length > limit - this.at) {
      this.broken = true
      return false
    }
    this.start = this.at
    this.end = this.at + length
    this.at = this.end
    return true
  }

  /** The text of a field with a length. */
  text (limit: number): string {
    if (!this.span(limit) || this.start === this.end) return ''
    const text = this.bytes.toString('utf8', this.start, this.end)
    if (text.includes('\ufffd') && !isUtf8(this.bytes.subarray(this.start, this.end))) this.broken = true
    return text
  }

  /** `text` where it is most often one that has been read before: then nothing is made. */
  textLike (known: string, limit: number): string {
    const from = this.at
    if (known === '' || !this.span(limit) || this.end - this.start !== known.length) return this.#again(from, limit)
    for (let index = 0; index < known.length; index++) {
      const byte = this.bytes[this.start + index] ?? 0
      if (byte > 0x7f || byte !== known.charCodeAt(index)) return this.#again(from, limit)
    }
    return known
  }

  #again (from: number, limit: number): string {
    this.at = from
    return this.text(limit)
  }

  /** Steps over a field that is not known. */
  skip (tag: number, limit: number, depth = 0): void {
    switch (tag & 7) {
      case wire.varint: this.varint(limit); break
      case wire.fixed64: this.#step(8, limit); break
      case wire.bytes: this.span(limit); break
      case wire.fixed32: this.#step(4, limit); break
      case wire.startGroup: this.#skipGroup(tag, limit, depth); break
      default: this.broken = true
    }
  }

  #skipGroup (tag: number, limit: number, depth: number): void {
    const ending = tag - wire.startGroup + wire.endGroup
    if (depth >= depthMax) this.broken = true
    for (;;) {
      const inner = this.tag(limit)
      // A group that does not end.
      if (inner === 0) this.broken = true
      if (this.broken || inner === ending) return
      this.skip(inner, limit, depth + 1)
    }
  }

  #step (count: number, limit: number): void {
    if (limit - this.at < count) this.broken = true
    this.at += count
  }

  #fail (): number {
    this.broken = true
    return 0
  }
}
