// What a request's body goes into while it arrives, chunk by chunk; and the simplest such thing, a bounded collector.

import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'

/** Takes the body of one request. Exactly one of `end` and `abort` is the last call. */
export interface Intake {
  take (bytes: Buffer): void
  end (): void
  /** The rest will not come, or is not wanted. */
  abort (): void
  /** Only streams: the door's clock, and the beginning of the gateway's end. */
  sweep? (tick: number): void
  drain? (): void
  /** Only streams: the rest cannot be read. They tell it in a last line; for the others the request is refused. */
  fail? (refusal: Refusal): void
}

/** What an intake may do with the request it belongs to. */
export interface Holder {
  reserve (bytes: number): Refusal | undefined
  /** Ends the request with a refusal. */
  refuse (refusal: Refusal): void
  /** The whole body; null where it has no bytes. */
  complete (body: Buffer | null): void
}

/** Where reading can be held back: the request, what inflates it, or what was read of it before. */
export interface Flow { pause (): void, resume (): void }

/** For bodies that nobody wants. */
export const discard: Intake = { take () {}, end () {}, abort () {} }

/** The refusal of a body that is above a limit. */
export function bodyTooLarge (bytesMax: number): Refusal {
  return refuse('too-large', `the body is above ${bytesMax} bytes; send less at once, or a stream of lines`)
}

/** Collects a body of at most `bytesMax`. With a Content-Length it does not wait for the end of the message. */
export class Collector implements Intake {
  readonly #holder: Holder
  readonly #bytesMax: number
  /** -1 where no length was announced: then bytes are reserved as they come. */
  readonly #announcedBytes: number
  #bytes = 0
  #first: Buffer | undefined
  #others: Buffer[] | undefined
  #over = false

  constructor (holder: Holder, bytesMax: number, announcedBytes: number) {
    this.#holder = holder
    this.#bytesMax = bytesMax
    this.#announcedBytes = announcedBytes
  }

  take (bytes: Buffer): void {
    if (this.#over) return
    this.#bytes += bytes.length
    if (this.#announcedBytes < 0 && !this.#granted(bytes.length)) return
    if (this.#first === undefined) this.#first = bytes
    else (this.#others ??= [this.#first]).push(bytes)
    if (this.#bytes === this.#announcedBytes) this.#finish()
  }

  #granted (bytes: number): boolean {
    const refusal = this.#bytes > this.#bytesMax ? bodyTooLarge(this.#bytesMax) : this.#holder.reserve(bytes)
    if (refusal === undefined) return true
    this.abort()
    this.#holder.refuse(refusal)
    return false
  }

  end (): void {
    if (!this.#over) this.#finish()
  }

  #finish (): void {
    const body = this.#others === undefined ? this.#first ?? null : Buffer.concat(this.#others, this.#bytes)
    this.abort()
    this.#holder.complete(body)
  }

  abort (): void {
    this.#over = true
    this.#first = undefined
    this.#others = undefined
  }
}
