// Reserves the bytes of a stream's messages in the order in which they are announced; where there is no room, it waits.

import type { Refusal } from '../../src/contract/outcome.ts'

/** Where the bytes come from. */
export interface PatienceParts {
  take (bytes: number): Refusal | undefined
  give (bytes: number): void
}

/** While a message waits for its bytes nothing more is to be read: one chunk of it may have come without them. */
export class Patience {
  readonly #parts: PatienceParts
  /** Reserved bytes of the messages that are announced and not delivered yet. */
  readonly #reserved: number[] = []
  /** Bytes of those behind them that wait. */
  readonly #waiting: number[] = []
  #sinceTick = 0
  #refusal: Refusal | undefined

  constructor (parts: PatienceParts) {
    this.#parts = parts
  }

  /** True where the next message to be delivered has its bytes. */
  get isPaid (): boolean { return this.#reserved.length > 0 }

  /** True where nothing is announced that has not been delivered. */
  get empty (): boolean { return this.#reserved.length + this.#waiting.length === 0 }

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
    }
    this.#waiting.push(bytes)
  }

  /** The bytes reserved for the message that is delivered now. */
  next (): number { return this.#reserved.shift() ?? 0 }

  /** Tries again. */
  retry (): void {
    while (this.#waiting[0] !== undefined) {
      this.#refusal = this.#parts.take(this.#waiting[0])
      if (this.#refusal !== undefined) return
      this.#reserved.push(this.#waiting.shift() ?? 0)
    }
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
    this.#parts.give(bytes)
  }
}
