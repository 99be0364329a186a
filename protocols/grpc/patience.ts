// Reserves the bytes of a stream's messages in the order in which they are announced; where there is no room, it waits.

import type { Refusal } from '../../src/contract/outcome.ts'

/** Where the bytes come from, and how reading stops. */
export interface PatienceParts {
  take (bytes: number): Refusal | undefined
  give (bytes: number): void
  /** Stops the flow: what has been announced may not come in. */
  pause (): void
  resume (): void
}

/**
 * While a message waits for its bytes, at most what had been read of it already is held without them: one frame of
 * HTTP/2, since the flow is paused then.
 */
export class Patience {
  readonly #parts: PatienceParts
  /** Reserved bytes of the messages that are announced and not delivered yet. */
  readonly #reserved: number[] = []
  /** Bytes of those behind them that wait. */
  readonly #waiting: number[] = []
  #sinceTick = 0
  #refusal: Refusal | undefined
  /** A message that was delivered before its bytes were reserved. */
  #parked: Buffer | undefined

  constructor (parts: PatienceParts) {
    this.#parts = parts
  }

  /** True where the next message may be asked for. */
  get ready (): boolean {
    return this.#parked === undefined && (this.#waiting.length === 0 || this.#reserved.length > 0)
  }

  /** True where the next message to be delivered has its bytes. */
  get isPaid (): boolean { return this.#reserved.length > 0 }

  /** True where nothing is announced that has not been delivered. */
  get empty (): boolean { return this.#reserved.length + this.#waiting.length === 0 && this.#parked === undefined }

  /** True while there is no room for what is announced. */
  get waits (): boolean { return this.#waiting.length > 0 }

  announce (bytes: number, tick: number): void {
    if (this.#waiting.length === 0) {
      this.#refusal = this.#parts.take(bytes)
      if (this.#refusal === undefined) {
        this.#reserved.push(bytes)
        return
      }
      this.#sinceTick = tick
      this.#parts.pause()
    }
    this.#waiting.push(bytes)
  }

  /** The bytes reserved for the message that is delivered; undefined: none yet, and it is kept until there are. */
  next (message: Buffer): number | undefined {
    const bytes = this.#reserved.shift()
    if (bytes === undefined) this.#parked = message
    return bytes
  }

  /** Tries again. The message that waited here, where it need not any more. */
  retry (): Buffer | undefined {
    if (this.#waiting.length === 0) return undefined
    for (const bytes of [...this.#waiting]) {
      this.#refusal = this.#parts.take(bytes)
      if (this.#refusal !== undefined) break
      this.#waiting.shift()
      this.#reserved.push(bytes)
    }
    if (this.#waiting.length === 0) this.#parts.resume()
    if (this.#reserved.length === 0) return undefined
    const parked = this.#parked
    this.#parked = undefined
    return parked
  }

  /** Why there is no room, where that has lasted too long. */
  late (tick: number, ticks: number): Refusal | undefined {
    return this.#waiting.length > 0 && tick - this.#sinceTick > ticks ? this.#refusal : undefined
  }

  /** Gives back what no message will take. */
  drop (): void {
    let bytes = 0
    for (const one of this.#reserved) bytes += one
    this.#reserved.length = 0
    this.#waiting.length = 0
    this.#parked = undefined
    this.#parts.give(bytes)
  }
}
