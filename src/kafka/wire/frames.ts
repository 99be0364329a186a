// Splits what a broker sends into messages, each behind its size; copies only those that come in several pieces.

/** No answer that is asked for here comes near it; a size above it is not believed. */
export const frameBytesMax = 64 * 1024 * 1024
const sizeBytes = 4

/** Holds at most one message that is not complete. */
export class Frames {
  readonly #onFrame: (frame: Buffer) => void
  #pieces: Buffer[] = []
  #heldBytes = 0
  /** What is held is looked at from this size on. */
  #neededBytes = sizeBytes

  /** `onFrame` is told of every message, without its size. */
  constructor (onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame
  }

  /** Takes bytes as they come. A text says what is wrong with them: nothing after it can be read. */
  push (chunk: Buffer): string | undefined {
    this.#pieces.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes < this.#neededBytes) return undefined
    let rest = this.#pieces.length === 1 ? chunk : Buffer.concat(this.#pieces, this.#heldBytes)
    this.#pieces = []
    this.#neededBytes = sizeBytes
    while (rest.length >= sizeBytes) {
      const size = rest.readInt32BE(0)
      if (size < sizeBytes || size > frameBytesMax) return wordsOfSize(size)
      this.#neededBytes = sizeBytes + size
      if (rest.length < this.#neededBytes) break
      this.#onFrame(rest.subarray(sizeBytes, this.#neededBytes))
      rest = rest.subarray(this.#neededBytes)
      this.#neededBytes = sizeBytes
    }
    this.#heldBytes = rest.length
    if (rest.length > 0) this.#pieces.push(rest)
    return undefined
  }
}

/** What the first two bytes of an alert of TLS are: its type, and the major version (RFC 8446 section 5.1). */
const tlsAlert = 0x1503

function wordsOfSize (size: number): string {
  if (size >> 16 === tlsAlert) return 'the broker wants a secure TLS connection, and kafka.tls is not set'
  return `the broker sent a message of ${size} bytes`
}
