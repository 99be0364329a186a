// What is under way at a door, in no order: joined and left in a few steps, and told when nothing is left.

/** A member. */
export interface Listed {
  /** Where the list keeps it; -1: nowhere. Only the list sets it. */
  liveAt: number
}

// Not a Set: one that gains and loses members makes itself anew all the time, and each old table keeps everything
// it held, and the next table, from the quick collector of new objects. Those are whole requests.
export class LiveList<One extends Listed> {
  readonly #all: One[] = []
  #whenIdle: (() => void)[] = []

  /** Changes with every `begin` and `end`: who calls members that may end takes a copy. */
  get all (): readonly One[] { return this.#all }

  begin (one: One): void { one.liveAt = this.#all.push(one) - 1 }

  /** Does nothing for one that is not listed. */
  end (one: One): void {
    const { liveAt } = one
    if (liveAt < 0) return
    const last = this.#all.pop()
    if (last !== undefined && last !== one) {
      this.#all[liveAt] = last
      last.liveAt = liveAt
    }
    one.liveAt = -1
    if (this.#all.length > 0 || this.#whenIdle.length === 0) return
    const waiting = this.#whenIdle
    this.#whenIdle = []
    for (const resolve of waiting) resolve()
  }

  /** Resolves when nothing is listed. */
  async idle (): Promise<void> {
    if (this.#all.length > 0) await new Promise<void>(resolve => { this.#whenIdle.push(resolve) })
  }
}
