// Reads the primitives of Kafka's protocol from a message. Foreign bytes never throw: after a mistake it is `broken`.

/** Reads within one message; after a mistake every read gives nothing. */
export class Reader {
  readonly #bytes: Buffer
  #at = 0
  broken = false

  constructor (bytes: Buffer) {
    this.#bytes = bytes
  }

  get leftBytes (): number { return this.#bytes.length - this.#at }

  int8 (): number { return this.#take(1) ? this.#bytes.readInt8(this.#at - 1) : 0 }
  int16 (): number { return this.#take(2) ? this.#bytes.readInt16BE(this.#at - 2) : 0 }
  int32 (): number { return this.#take(4) ? this.#bytes.readInt32BE(this.#at - 4) : 0 }
  bigint64 (): bigint { return this.#take(8) ? this.#bytes.readBigInt64BE(this.#at - 8) : 0n }

  /** A signed number of 64 bits; exact up to 2^53. */
  int64 (): number {
    if (!this.#take(8)) return 0
    return this.#bytes.readInt32BE(this.#at - 8) * 2 ** 32 + this.#bytes.readUInt32BE(this.#at - 4)
  }

  /** An unsigned varint of at most 32 bits. */
  uvarint (): number {
    let value = 0
    for (let shift = 0; shift < 35; shift += 7) {
      if (!this.#take(1)) return 0
      const byte = this.#bytes[this.#at - 1] ?? 0
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value > 0xffff_ffff ? this.#fail() : value
    }
    return this.#fail()
  }

  skip (bytes: number): void {
    this.#take(bytes)
  }

  /** A text with a length of 16 bits; '' for null. */
  text (): string {
    return this.#text(this.int16())
  }

  /** A text of the flexible versions (KIP-482); '' for null. */
  compactText (): string {
    return this.#text(this.uvarint() - 1)
  }

  /** Bytes of the flexible versions, as a view; empty for null. */
  compactBytes (): Buffer {
    const length = this.uvarint() - 1
    return length > 0 && this.#take(length) ? this.#bytes.subarray(this.#at - length, this.#at) : noBytes
  }

  /** The members of an array with a count of 32 bits, each at least `leastBytes` long. */
  array<Member> (leastBytes: number, read: () => Member): Member[] {
    return this.#members(this.int32(), leastBytes, read)
  }

  compactArray<Member> (leastBytes: number, read: () => Member): Member[] {
    return this.#members(this.uvarint() - 1, leastBytes, read)
  }

  /** Tagged fields; `read` is told of each, and reads it with a reader of its own. */
  tags (read?: (tag: number, field: Reader) => void): void {
    const count = this.uvarint()
    for (let i = 0; i < count && !this.broken; i++) {
      const tag = this.uvarint()
      const length = this.uvarint()
      if (!this.#take(length)) return
      read?.(tag, new Reader(this.#bytes.subarray(this.#at - length, this.#at)))
    }
  }

  #members<Member> (count: number, leastBytes: number, read: () => Member): Member[] {
    const members: Member[] = []
    // A count that cannot be true is not believed.
    if (count > 0 && count * leastBytes > this.leftBytes) this.#fail()
    for (let i = 0; i < count && !this.broken; i++) members.push(read())
    return members
  }

  #text (length: number): string {
    return length > 0 && this.#take(length) ? this.#bytes.toString('utf8', this.#at - length, this.#at) : ''
  }

  #take (bytes: number): boolean {
    if (this.broken || bytes < 0 || bytes > this.leftBytes) {
      this.#fail()
      return false
    }
    this.#at += bytes
    return true
  }

  #fail (): number {
    this.broken = true
    return 0
  }
}

const noBytes = Buffer.alloc(0)
