// How long the messages of a connection wait before they are tried again: as they were told, else longer each time.

const firstMs = 100
const longestMs = 5_000
/** Nobody waits longer than this without looking: limits may have changed. */
const toldMsMax = 60_000
/** Connections that wait for the same thing come back spread over so much of their wait. */
const jitterRatio = 0.25

export class Stall {
  readonly #nowMs: () => number
  #triesCount = 0
  untilMs = 0

  constructor (nowMs: () => number) {
    this.#nowMs = nowMs
  }

  get isOn (): boolean { return this.untilMs > 0 && this.#nowMs() < this.untilMs }

  begin (retryAfterMs: number | undefined): void {
    const nowMs = this.#nowMs()
    // Several messages that are refused at once are one reason to wait.
    if (nowMs >= this.untilMs) this.#triesCount += 1
    const ownMs = Math.min(longestMs, firstMs * 2 ** Math.min(this.#triesCount - 1, 10))
    const waitMs = retryAfterMs === undefined ? ownMs : Math.min(retryAfterMs, toldMsMax)
    this.untilMs = Math.max(this.untilMs, nowMs + Math.max(1, waitMs) * (1 + Math.random() * jitterRatio))
  }

  /** Something went on. */
  end (): void { this.#triesCount = 0 }

  /** What was waited for is there. */
  cut (): void { this.untilMs = 0 }
}
