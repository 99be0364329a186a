// The messages of one call: cut from its bytes as these come, decompressed, passed on in order while they are wanted.

import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { Framing } from './framing.ts'
import type { Framed } from './framing.ts'
import { isEncoding } from './inflating.ts'
import type { Inflating, Payer } from './inflating.ts'

/** Who takes them. Once it is over nothing is passed on. */
export interface Recipient extends Payer {
  announced (bytes: number, compressed: boolean): void
  /** True where the next message may be passed on. */
  readonly takes: boolean
  /** True where more bytes may come in, if only to be passed over. */
  readonly reads: boolean
  message (bytes: Buffer): void
  /** The client sends no more, and all it sent has been passed on; `isWhole`: it did not stop within a message. */
  halfClosed (isWhole: boolean): void
  /** A message could not be decompressed. */
  unreadable (refusal: Refusal): void
  /** Messages are compressed in a way that is not known here. */
  unsupported (encoding: string): void
}

/** What the bytes come from; it stands still at first. */
interface Flow { pause (): void, resume (): void }

export interface MessagesParts {
  readonly recipient: Recipient
  readonly flow: Flow
  readonly inflating: Inflating
  /** The call's `grpc-encoding`. */
  readonly encoding: string
}

/** A message that has come; undefined while it is being decompressed. */
interface Arrived { content: Buffer | Refusal | 'unsupported' | undefined }

const nothing = Buffer.alloc(0)
/** What a call says that does not compress (PROTOCOL-HTTP2, "Message-Encoding"). */
export const uncompressed = 'identity'
const notSaid = refuse('malformed', 'a message says that it is compressed, and grpc-encoding does not say how')

/** Holds no more than the chunk in hand has beyond what is wanted: no other one comes in while messages wait here. */
export class Messages implements Framed {
  readonly #parts: MessagesParts
  readonly #framing = new Framing(this)
  /** Of the message that has begun. */
  #bytes = 0
  #compressed = false
  /** What has come of it, where it comes in more than one chunk: copied, for a chunk may hold little of it. */
  #partial = nothing
  #partialBytes = 0
  readonly #waiting: Arrived[] = []
  #flows = false
  #half: 'open' | 'closed' | 'told' = 'open'

  constructor (parts: MessagesParts) {
    this.#parts = parts
  }

  take (chunk: Buffer): void {
    if (!this.#parts.recipient.isOver) this.#framing.take(chunk)
    this.#flow()
  }

  /** No more bytes come. */
  end (): void {
    this.#half = 'closed'
    this.advance()
  }

  announced (bytes: number, compressed: boolean): void {
    this.#bytes = bytes
    this.#compressed = compressed
    this.#parts.recipient.announced(bytes, compressed)
  }

  piece (chunk: Buffer, start: number, end: number, isLast: boolean): void {
    if (this.#parts.recipient.isOver) return
    if (isLast && this.#partialBytes === 0) return this.#complete(chunk.subarray(start, end))
    this.#keep(chunk, start, end)
    if (!isLast) return
    const whole = this.#partial.subarray(0, this.#partialBytes)
    this.#partial = nothing
    this.#partialBytes = 0
    this.#complete(whole)
  }

  /** Grows as bytes come, and not for what is only announced. */
  #keep (chunk: Buffer, start: number, end: number): void {
    const neededBytes = this.#partialBytes + end - start
    if (neededBytes > this.#partial.length) {
      const larger = Buffer.allocUnsafe(Math.min(this.#bytes, Math.max(neededBytes, 2 * this.#partial.length)))
      this.#partial.copy(larger, 0, 0, this.#partialBytes)
      this.#partial = larger
    }
    chunk.copy(this.#partial, this.#partialBytes, start, end)
    this.#partialBytes = neededBytes
  }

  #complete (bytes: Buffer): void {
    const { recipient } = this.#parts
    if (this.#compressed) this.#inflate(bytes)
    else if (this.#waiting.length === 0 && recipient.takes) recipient.message(bytes)
    else this.#waiting.push({ content: bytes })
  }

  /** What fails keeps its place too: whatever came before it is passed on first. */
  #inflate (compressed: Buffer): void {
    const { inflating, encoding, recipient } = this.#parts
    const arrived: Arrived = { content: undefined }
    this.#waiting.push(arrived)
    if (isEncoding(encoding)) {
      void inflating.message(compressed, encoding, recipient).then(content => {
        arrived.content = content
        this.advance()
      })
    } else {
      arrived.content = encoding === uncompressed ? notSaid : 'unsupported'
      this.advance()
    }
  }

  /** Passes on what is wanted by now, and lets more come in where there is room for it. */
  advance (): void {
    while (this.#passOn());
    const { recipient } = this.#parts
    if (this.#half === 'closed' && this.#waiting.length === 0) {
      this.#half = 'told'
      recipient.halfClosed(this.#framing.between)
    }
    this.#flow()
  }

  /** False: the first that waits does so still. */
  #passOn (): boolean {
    const { recipient, encoding } = this.#parts
    const content = this.#waiting[0]?.content
    if (content === undefined || recipient.isOver || (Buffer.isBuffer(content) && !recipient.takes)) return false
    this.#waiting.shift()
    if (Buffer.isBuffer(content)) recipient.message(content)
    else if (content === 'unsupported') recipient.unsupported(encoding)
    else recipient.unreadable(content)
    return true
  }

  #flow (): void {
    const { recipient, flow } = this.#parts
    if (recipient.isOver) this.#waiting.length = 0
    const flows = this.#waiting.length === 0 && recipient.reads
    if (flows === this.#flows) return
    this.#flows = flows
    if (flows) flow.resume()
    else flow.pause()
  }
}
