// Writes the primitives of Kafka's protocol into a buffer that grows.

export class Writer {
  #bytes: Buffer
  #at = 0

  constructor (sizeBytes = 256) {
    this.#bytes = Buffer.allocUnsafe(sizeBytes)
  }

  /** How many bytes were written: where the next one goes. */
  get length (): number { return this.#at }

  /** What was written between two positions, as a view. */
  slice (from = 0, to = this.#at): Buffer {
    return this.#bytes.subarray(from, to)
  }

  int8 (value: number): this {
    const at = this.#room(1)
    this.#bytes.writeInt8(value, at)
    return this
  }

  int16 (value: number): this {
    const at = this.#room(2)
    this.#bytes.writeInt16BE(value, at)
    return this
  }

  int32 (value: number): this {
    const at = this.#room(4)
    this.#bytes.writeInt32BE(value, at)
    return this
  }

  int64 (value: bigint): this {
    const at = this.#room(8)
    this.#bytes.writeBigInt64BE(value, at)
    return this
  }

  /** Writes over what stands at a position already. */
  int32At (at: number, value: number): void {
    this.#bytes.writeInt32BE(value, at)
  }

  uvarint (value: number): this {
    let rest = value
    while (rest > 0x7f) {
      this.#byte((rest & 0x7f) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    return this.#byte(rest)
  }

  /** A text with a length of 16 bits. */
  text (value: string): this {
    this.int16(Buffer.byteLength(value))
    return this.#utf8(value)
  }

  /** A text of the flexible versions (KIP-482). */
  compactText (value: string): this {
    this.uvarint(Buffer.byteLength(value) + 1)
    return this.#utf8(value)
  }

  compactBytes (value: Buffer): this {
    this.uvarint(value.length + 1)
    const at = this.#room(value.length)
    value.copy(this.#bytes, at)
    return this
  }

  /** Null of any type of the flexible versions, and of tagged fields: none. */
  zero (): this {
    return this.#byte(0)
  }

  #utf8 (value: string): this {
    const length = Buffer.byteLength(value)
    const at = this.#room(length)
    this.#bytes.write(value, at, length)
    return this
  }

  #byte (value: number): this {
    const at = this.#room(1)
    this.#bytes[at] = value
    return this
  }

  /** The position for so many more bytes; the buffer may be another one after it. */
  #room (bytes: number): number {
    const at = this.#at
    this.#at = at + bytes
    if (this.#at > this.#bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at))
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    return at
  }
}
