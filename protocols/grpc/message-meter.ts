// Watches the bytes of a call for the sizes of its messages, so that a message is known before it has arrived.

/** Told of all messages that begin in one chunk: how many bytes each announces. */
export interface Announced {
  /** `true` of a message that is compressed: its size on the wire says nothing. */
  announced (bytes: number, compressed: boolean): void
}

const prefixBytes = 5

/** Follows the framing of gRPC (PROTOCOL-HTTP2, "Length-Prefixed-Message"): a flag, four bytes of length, a message. */
export class MessageMeter {
  readonly #listener: Announced | undefined
  /** Of the prefix that has begun. */
  #prefixCount = 0
  #compressed = false
  #length = 0
  /** Of the message that has begun. */
  #leftBytes = 0

  constructor (listener?: Announced) {
    this.#listener = listener
  }

  /** True where no message has begun that is not complete. */
  get between (): boolean { return this.#prefixCount === 0 && this.#leftBytes === 0 }

  /** False: the chunk neither began a message nor ended one. */
  take (chunk: Buffer): boolean {
    const isWithin = this.#leftBytes > chunk.length ||
      (this.#prefixCount > 0 && this.#prefixCount + chunk.length < prefixBytes)
    this.#read(chunk)
    return !isWithin
  }

  #read (chunk: Buffer): void {
    let at = 0
    while (at < chunk.length) {
      if (this.#leftBytes > 0) {
        const taken = Math.min(this.#leftBytes, chunk.length - at)
        this.#leftBytes -= taken
        at += taken
        continue
      }
      const byte = chunk[at] ?? 0
      at += 1
      if (this.#prefixCount === 0) {
        this.#compressed = byte !== 0
        this.#length = 0
      } else this.#length = this.#length * 256 + byte
      this.#prefixCount += 1
      if (this.#prefixCount < prefixBytes) continue
      this.#prefixCount = 0
      this.#leftBytes = this.#length
      this.#listener?.announced(this.#length, this.#compressed)
    }
  }
}
