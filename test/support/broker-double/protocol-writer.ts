// Writes the primitives of Kafka's protocol for an answer, as pieces that are joined at the end.

export class ProtocolWriter {
  readonly #pieces: Buffer[] = []
  readonly #flexible: boolean

  /** `flexible`: lengths are varints that are one higher, and structures end with tagged fields (KIP-482). */
  constructor (flexible: boolean) {
    this.#flexible = flexible
  }

  finish (): Buffer { return Buffer.concat(this.#pieces) }

  int8 (value: number): this {
    const piece = Buffer.alloc(1)
    piece.writeInt8(value)
    return this.#add(piece)
  }

  int16 (value: number): this {
    const piece = Buffer.alloc(2)
    piece.writeInt16BE(value)
    return this.#add(piece)
  }

  int32 (value: number): this {
    const piece = Buffer.alloc(4)
    piece.writeInt32BE(value)
    return this.#add(piece)
  }

  int64 (value: number | bigint): this {
    const piece = Buffer.alloc(8)
    piece.writeBigInt64BE(BigInt(value))
    return this.#add(piece)
  }

  boolean (value: boolean): this { return this.int8(value ? 1 : 0) }
  uuid (value: string): this { return this.#add(Buffer.from(value, 'hex')) }

  uvarint (value: number): this {
    const bytes: number[] = []
    let left = value
    while (left >= 0x80) {
      bytes.push(left % 0x80 + 0x80)
      left = Math.floor(left / 0x80)
    }
    return this.#add(Buffer.from([...bytes, left]))
  }

  text (value: string | null): this {
    const bytes = value === null ? undefined : Buffer.from(value)
    const length = bytes?.length ?? -1
    if (this.#flexible) this.uvarint(length + 1)
    else this.int16(length)
    return bytes === undefined ? this : this.#add(bytes)
  }

  bytes (value: Buffer): this {
    if (this.#flexible) this.uvarint(value.length + 1)
    else this.int32(value.length)
    return this.#add(value)
  }

  array<Member> (members: readonly Member[], write: (member: Member) => void): this {
    if (this.#flexible) this.uvarint(members.length + 1)
    else this.int32(members.length)
    for (const member of members) write(member)
    return this
  }

  /** The end of a structure: its tagged fields, given in rising order. */
  tags (fields: readonly (readonly [tag: number, field: Buffer])[] = []): this {
    if (!this.#flexible) return this
    this.uvarint(fields.length)
    for (const [tag, field] of fields) this.uvarint(tag).uvarint(field.length).#add(field)
    return this
  }

  #add (piece: Buffer): this {
    this.#pieces.push(piece)
    return this
  }
}
