// Messages that came before they could be taken: what one read of the socket gives beyond the window, in order.

/** What a client that does not keep to its window can have waiting here beyond one message: what one read gives. */
export const overshootBytesMax = 131_072

export interface Waiting {
  readonly data: Buffer
  readonly isBinary: boolean
  /** The byte to go on at. */
  at: number
}

export class Backlog {
  #waiting: Waiting[] = []
  #next = 0
  bytes = 0

  get isEmpty (): boolean { return this.#next === this.#waiting.length }
  get first (): Waiting | undefined { return this.#waiting[this.#next] }

  push (waiting: Waiting): void {
    this.#waiting.push(waiting)
    this.bytes += waiting.data.length
  }

  /** The first one has been taken, all of it. */
  drop (): void {
    this.bytes -= this.first?.data.length ?? 0
    this.#next += 1
    if (this.isEmpty) this.clear()
  }

  clear (): void {
    if (this.#waiting.length > 0) this.#waiting = []
    this.#next = 0
    this.bytes = 0
  }
}
