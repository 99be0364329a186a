// A cap on the CPU that this process uses: says when it has to wait, from what it has used so far.

const burstMs = 20

export class Pace {
  readonly #share: number
  #sinceMs = performance.now()
  #used = process.cpuUsage()

  /** `share` of one core. */
  constructor (share: number) {
    this.#share = share
  }

  /** CPU used since the beginning, in milliseconds. */
  get usedMs (): number {
    const { user, system } = process.cpuUsage(this.#used)
    return (user + system) / 1_000
  }

  get elapsedMs (): number { return performance.now() - this.#sinceMs }

  /** From now on; what was used for a start does not count. */
  begin (): void {
    this.#sinceMs = performance.now()
    this.#used = process.cpuUsage()
  }

  /** True where nothing more may be done for a while. */
  get isAbove (): boolean { return this.usedMs > this.elapsedMs * this.#share + burstMs }
}
