// What all connections of a worker were told and have not read yet, and how much of it one of them may leave.

export class Unread {
  readonly #bytesMax: number
  bytes = 0
  /** Connections that have left something unread. */
  #holdersCount = 0

  constructor (bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** One connection leaves `after` bytes unread in place of `before`. */
  change (before: number, after: number): void {
    this.bytes += after - before
    this.#holdersCount += (after > 0 ? 1 : 0) - (before > 0 ? 1 : 0)
  }

  /** Where there is too much of it, what each of those may leave; else there is no such bound. */
  get shareBytes (): number {
    return this.bytes <= this.#bytesMax ? Infinity : this.#bytesMax / Math.max(1, this.#holdersCount)
  }
}
