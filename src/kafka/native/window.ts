// How many bytes a broker's connection may carry without an answer: no more than the broker answers in good time.

/** Before anything is known of the broker. */
const startBytes = 1_048_576
/** Even the slowest broker gets so much: else answers that are late for another reason would cost all throughput. */
const leastBytes = 262_144
/** What five full requests hold. */
const mostBytes = 5 * 1_048_576
/** Answers in less than this part of the target say nothing of what a broker cannot take. */
const quickShare = 0.1

/**
 * More than a slow broker (or line) can take only makes requests run out of time, which ends their connection and sends
 * all of it again. Every answer tells a pace: what was under way when its request was sent, by the time it took
 * (Little's law). The window is what that pace brings in the target time.
 */
export class Window {
  readonly #targetMs: number
  #sizeBytes = startBytes
  #usedBytes = 0

  /** `targetMs`: how long an answer should take at most. */
  constructor (targetMs: number) {
    this.#targetMs = targetMs
  }

  get sizeBytes (): number { return this.#sizeBytes }
  get usedBytes (): number { return this.#usedBytes }
  /** True where another request may go; one may always, whatever its size. */
  get open (): boolean { return this.#usedBytes < this.#sizeBytes }

  /** Gives what is under way with it. */
  sent (bytes: number): number {
    this.#usedBytes += bytes
    return this.#usedBytes
  }

  /** `underWayBytes`: as `sent` gave it. */
  answered (bytes: number, underWayBytes: number, tookMs: number): void {
    this.#usedBytes -= bytes
    const fitting = underWayBytes * this.#targetMs / Math.max(1, tookMs)
    const isQuick = tookMs < this.#targetMs * quickShare
    if (!isQuick || fitting > this.#sizeBytes) this.#resize(fitting)
  }

  /** The connection ended before the answer: the next one begins with less. */
  unanswered (bytes: number): void {
    this.#usedBytes -= bytes
    this.#resize(this.#sizeBytes / 2)
  }

  #resize (bytes: number): void {
    this.#sizeBytes = Math.max(leastBytes, Math.min(mostBytes, Math.floor(bytes)))
  }
}
