// Pauses that may double from one attempt to the next, up to a limit, and are shortened by chance.

export interface BackoffOptions { readonly firstMs: number, readonly longestMs: number }

export class Backoff {
  readonly #options: BackoffOptions
  #attemptCount = 0

  constructor (options: BackoffOptions) {
    this.#options = options
  }

  /** The next pause: anything up to the longest of this attempt, so that many who wait do not come at once. */
  nextMs (): number {
    const { firstMs, longestMs } = this.#options
    const capMs = Math.min(longestMs, firstMs * 2 ** this.#attemptCount)
    // 30 doublings of anything are above any limit.
    this.#attemptCount = Math.min(this.#attemptCount + 1, 30)
    return Math.random() * capMs
  }

  reset (): void {
    this.#attemptCount = 0
  }
}
