// Follows the frames in a connection's bytes (RFC 6455 5.2), only to know how much of them is no whole message yet.

const controlBit = 0x08
const opcodeBits = 0x0f
const close = 0x08
const finBit = 0x80
const maskBytes = 4
const fragmentBytesMax = 64

/** Sees every byte before the library does. What is wrong with a frame is not its affair. */
export class FrameMeter {
  /** Pings, pongs and closes that came. */
  controlCount = 0
  /** Small frames that ended no message: what they cost is far more than what they carry. */
  fragmentCount = 0
  /** True once a close has come. */
  isClosed = false
  /** Messages that are whole and were not delivered yet, in bytes; only where that takes its time. */
  wholeBytes = 0
  readonly #whole: number[] = []
  readonly #isDelayed: boolean
  /** Frames of the message that has begun, as far as they are whole. */
  #messageBytes = 0
  /** Of the frame that has begun, its head included. */
  #frameBytes = 0
  /** Payload of it that is still to come. */
  #leftBytes = 0
  /** Bytes of its head that have come, where that is not whole; 0: between frames, or within a payload. */
  #headBytes = 0
  #first = 0
  #second = 0
  #length = 0

  /** `isDelayed`: messages are inflated before they are delivered. */
  constructor (isDelayed = false) {
    this.#isDelayed = isDelayed
  }

  /** The library has told of the next message. */
  delivered (): void { this.wholeBytes -= this.#whole.shift() ?? 0 }

  /** What has come of the message that is not whole, in bytes. */
  get openBytes (): number { return this.#messageBytes + this.#frameBytes }

  /** True where all that came was whole messages, which have been delivered, and more of them may come. */
  get isBetweenMessages (): boolean { return !this.#isDelayed && !this.isClosed && this.openBytes === 0 }

  push (chunk: Buffer): void {
    const end = chunk.length
    let at = 0
    while (at < end) {
      if (this.#leftBytes === 0) {
        at = this.#readHead(chunk, at)
        if (this.#headBytes > 0) return
        if (this.#leftBytes > 0) continue
      } else {
        const part = Math.min(this.#leftBytes, end - at)
        this.#leftBytes -= part
        this.#frameBytes += part
        at += part
      }
      if (this.#leftBytes === 0) this.#endFrame()
    }
  }

  /** Most heads stand whole in one chunk and are short. */
  #readHead (chunk: Buffer, at: number): number {
    if (this.#headBytes === 0 && at + 2 <= chunk.length) {
      const second = chunk[at + 1] ?? 0
      const short = second & 0x7f
      const size = 2 + (second & 0x80) / 0x80 * maskBytes
      if (short < 126 && at + size <= chunk.length) {
        this.#first = chunk[at] ?? 0
        this.#leftBytes = short
        this.#frameBytes = size
        return at + size
      }
    }
    return this.#readSlowly(chunk, at)
  }

  #readSlowly (chunk: Buffer, start: number): number {
    for (let at = start; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      const place = this.#headBytes++
      if (place === 0) this.#first = byte
      else if (place === 1) {
        this.#second = byte
        this.#length = (byte & 0x7f) < 126 ? byte & 0x7f : 0
      } else if (place < 2 + this.#lengthBytes()) this.#length = this.#length * 256 + byte
      this.#frameBytes = this.#headBytes
      if (place === 0 || this.#headBytes < this.#headSize()) continue
      this.#headBytes = 0
      this.#leftBytes = this.#length
      return at + 1
    }
    return chunk.length
  }

  #lengthBytes (): number {
    const short = this.#second & 0x7f
    return short < 126 ? 0 : short === 126 ? 2 : 8
  }

  #headSize (): number {
    return 2 + this.#lengthBytes() + ((this.#second & 0x80) === 0 ? 0 : maskBytes)
  }

  #endFrame (): void {
    if ((this.#first & controlBit) !== 0) {
      this.controlCount += 1
      this.isClosed ||= (this.#first & opcodeBits) === close
    } else {
      this.#messageBytes += this.#frameBytes
      if ((this.#first & finBit) !== 0) this.#endMessage()
      else if (this.#frameBytes < fragmentBytesMax) this.fragmentCount += 1
    }
    this.#frameBytes = 0
  }

  #endMessage (): void {
    if (this.#isDelayed) {
      this.#whole.push(this.#messageBytes)
      this.wholeBytes += this.#messageBytes
    }
    this.#messageBytes = 0
  }
}
