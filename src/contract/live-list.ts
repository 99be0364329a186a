// What is under way at a door, in no order: joined and left in a few steps, visited, and told when nothing is left.

/** A round goes in steps of this length, of so many visits at least, and is over well before the next one is due. */
const stepMs = 5
const visitsMin = 10
const roundShare = 0.75

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
  #isRound = false

  /** Changes with every `begin` and `end`. */
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

  /** Visits all that are here now, at once. A visit may end any member. */
  each (visit: (one: One) => void): void {
    for (const one of [...this.#all]) visit(one)
  }

  /**
   * Visits all that are here now, evenly over most of `ms`: to end a member is work, most of which comes after the
   * visit, and those that began together are late together. So a step takes one here, one there. Does nothing while the
   * last round is under way.
   */
  round (ms: number, visit: (one: One) => void): void {
    if (this.#isRound || this.#all.length === 0) return
    this.#isRound = true
    const members = [...this.#all]
    const steps = Math.ceil(Math.min(ms * roundShare / stepMs, members.length / visitsMin))
    const step = (first: number): void => {
      for (let at = first; at < members.length; at += steps) {
        const one = members[at]
        if (one !== undefined && one.liveAt >= 0) visit(one)
      }
      this.#isRound = first + 1 < steps
      if (this.#isRound) setTimeout(step, stepMs, first + 1).unref()
    }
    step(0)
  }

  /** Resolves when nothing is listed. */
  async idle (): Promise<void> {
    if (this.#all.length > 0) await new Promise<void>(resolve => { this.#whenIdle.push(resolve) })
  }
}
