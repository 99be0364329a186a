// Pseudo random numbers from a seed: the same seed gives the same schedule on every machine.

export class Random {
  #state: number

  constructor (seed: number) {
    this.#state = seed | 0
  }

  /** From 0 to below 1 (mulberry32). */
  next = (): number => {
    this.#state = this.#state + 0x6d2b79f5 | 0
    let mixed = Math.imul(this.#state ^ this.#state >>> 15, 1 | this.#state)
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 to below `count`. */
  below (count: number): number {
    return Math.floor(this.next() * count)
  }

  /** A whole number, both ends included. */
  between (least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  chance (share: number): boolean {
    return this.next() < share
  }

  /** One of several; throws where there is none. */
  pick<One> (from: readonly One[]): One {
    const picked = from[this.below(from.length)]
    if (picked === undefined) throw new Error('nothing to pick from')
    return picked
  }

  /** Numbers of their own, which do not depend on how many others are drawn. */
  fork (): Random {
    return new Random(this.next() * 2 ** 32)
  }
}
