// How many events are between receiving and answering, and when none is any more.

/** A count with a bound. */
export class InFlight {
  readonly #eventsMax: number
  #count = 0
  #waiting: (() => void)[] = []

  constructor (eventsMax: number) {
    this.#eventsMax = eventsMax
  }

  get count (): number { return this.#count }

  /** Room for so many events, or for as many of them as there is: that many are in flight from now on. */
  take (eventsCount: number): number {
    const taken = Math.min(eventsCount, this.#eventsMax - this.#count)
    this.#count += taken
    return taken
  }

  /** One of them ends. Before its door is told, which may begin the next one. */
  end (): void { this.#count -= 1 }

  /** The door of the one that ended has been told. */
  told (): void {
    if (this.#count > 0 || this.#waiting.length === 0) return
    const listeners = this.#waiting
    this.#waiting = []
    for (const listener of listeners) listener()
  }

  /** Calls `listener` once when nothing is in flight. */
  whenEmpty (listener: () => void): void {
    if (this.#count === 0) listener()
    else this.#waiting.push(listener)
  }
}
