// Follows the bytes of a call from message to message, so that each is known before it has arrived.

/** Told of messages in one chunk after the other. */
export interface Framed {
  /** A message begins, of so many bytes; `compressed`: that is its size on the wire, and says nothing of its own. */
  announced (bytes: number, compressed: boolean): void
  /** Bytes of the message that has begun, from `start` to `end`; `isLast`: it ends there. */
  piece (chunk: Buffer, start: number, end: number, isLast: boolean): void
}

const prefixBytes = 5

/** The framing of gRPC (PROTOCOL-HTTP2, "Length-Prefixed-Message"): a flag, four bytes of length, a message. */
export class Framing {
  readonly #listener: Framed | undefined
  /** Of the prefix that has begun. */
  #prefixCount = 0
  #compressed = false
  #length = 0
  /** Of the message that has begun. */
  #leftBytes = 0

  constructor (listener?: Framed) {
    this.#listener = listener
  }

  /** True where no message has begun that is not complete. */
  get between (): boolean { return this.#prefixCount === 0 && this.#leftBytes === 0 }

  /** False: the chunk neither began a message nor ended one. */
  take (chunk: Buffer): boolean {
    const isWithin = this.#leftBytes > chunk.length ||
      (this.#prefixCount > 0 && this.#prefixCount + chunk.length < prefixBytes)
    let at = 0
    while (at < chunk.length) {
      if (this.#leftBytes > 0) at = this.#follow(chunk, at)
      else if (this.#prefixCount === 0 && chunk.length - at >= prefixBytes) {
        this.#compressed = chunk[at] !== 0
        this.#length = chunk.readUInt32BE(at + 1)
        at += prefixBytes
        this.#begin(chunk, at)
      } else this.#prefix(chunk, at++)
    }
    return !isWithin
  }

  #follow (chunk: Buffer, at: number): number {
    const end = Math.min(chunk.length, at + this.#leftBytes)
    this.#leftBytes -= end - at
    this.#listener?.piece(chunk, at, end, this.#leftBytes === 0)
    return end
  }

  /** A byte of a prefix that comes in parts. */
  #prefix (chunk: Buffer, at: number): void {
    const byte = chunk[at] ?? 0
    if (this.#prefixCount === 0) {
      this.#compressed = byte !== 0
      this.#length = 0
    } else this.#length = this.#length * 256 + byte
    this.#prefixCount += 1
    if (this.#prefixCount < prefixBytes) return
    this.#prefixCount = 0
    this.#begin(chunk, at + 1)
  }

  #begin (chunk: Buffer, at: number): void {
    this.#leftBytes = this.#length
    this.#listener?.announced(this.#length, this.#compressed)
    if (this.#length === 0) this.#listener?.piece(chunk, at, at, true)
  }
}
