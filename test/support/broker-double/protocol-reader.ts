// Reads the primitives of Kafka's protocol from a request, strictly: whatever is not as it must be is thrown.

/** What a broker answers by closing the connection. */
export class Malformed extends Error {}

const sequenceBytesMax = 100 * 1024 * 1024

export class ProtocolReader {
  readonly #bytes: Buffer
  readonly #flexible: boolean
  #at = 0

  /** `flexible`: lengths are varints that are one higher, and structures end with tagged fields (KIP-482). */
  constructor (bytes: Buffer, flexible: boolean) {
    this.#bytes = bytes
    this.#flexible = flexible
  }

  /** What was not read yet, for a reader of another kind. */
  rest (): Buffer { return this.#bytes.subarray(this.#at) }

  int8 (): number { return this.#take(1).readInt8() }
  int16 (): number { return this.#take(2).readInt16BE() }
  int32 (): number { return this.#take(4).readInt32BE() }
  int64 (): bigint { return this.#take(8).readBigInt64BE() }
  uuid (): string { return this.#take(16).toString('hex') }

  boolean (): boolean {
    const value = this.int8()
    if (value !== 0 && value !== 1) throw new Malformed(`a boolean of ${value}`)
    return value === 1
  }

  uvarint (): number {
    let value = 0
    for (let place = 0; place < 5; place++) {
      const byte = this.#take(1).readUInt8()
      value += (byte & 0x7f) * 2 ** (7 * place)
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break
        return value
      }
    }
    throw new Malformed('a varint of more than 32 bits')
  }

  text (): string {
    const value = this.nullableText()
    if (value === null) throw new Malformed('null in place of a text')
    return value
  }

  nullableText (): string | null {
    const length = this.#flexible ? this.uvarint() - 1 : this.int16()
    return length === -1 ? null : this.#take(length).toString('utf8')
  }

  /** In the layout of old versions wherever it stands: the client's id in the header. */
  plainNullableText (): string | null {
    const length = this.int16()
    return length === -1 ? null : this.#take(length).toString('utf8')
  }

  nullableBytes (): Buffer | null {
    const length = this.#flexible ? this.uvarint() - 1 : this.int32()
    return length === -1 ? null : this.#take(length)
  }

  array<Member> (read: () => Member): Member[] {
    const members = this.nullableArray(read)
    if (members === null) throw new Malformed('null in place of an array')
    return members
  }

  nullableArray<Member> (read: () => Member): Member[] | null {
    const count = this.#flexible ? this.uvarint() - 1 : this.int32()
    if (count === -1) return null
    // Every member has at least one byte.
    if (count < 0 || count > this.#bytes.length - this.#at) throw new Malformed(`an array of ${count} members`)
    const members: Member[] = []
    for (let i = 0; i < count; i++) members.push(read())
    return members
  }

  /** The end of a structure: its tagged fields, in rising order; none of them changes an answer here. */
  tags (): void {
    if (!this.#flexible) return
    const count = this.uvarint()
    let last = -1
    for (let i = 0; i < count; i++) {
      const tag = this.uvarint()
      if (tag <= last) throw new Malformed(`tag ${tag} behind tag ${last}`)
      last = tag
      this.#take(this.uvarint())
    }
  }

  /** Nothing may be left over. */
  end (): void {
    if (this.#at !== this.#bytes.length) throw new Malformed(`${this.#bytes.length - this.#at} bytes too many`)
  }

  #take (length: number): Buffer {
    if (length < 0 || length > sequenceBytesMax || length > this.#bytes.length - this.#at) {
      throw new Malformed(`${length} bytes at ${this.#at} of ${this.#bytes.length}`)
    }
    this.#at += length
    return this.#bytes.subarray(this.#at - length, this.#at)
  }
}
