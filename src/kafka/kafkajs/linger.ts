// Lets the first record of a lane wait a moment for company: one timer for all lanes, none per record.

import type { Lane } from './lane.ts'

export class Linger {
  readonly #lingerMs: number
  #thisTurn: Lane[] = []
  #later: Lane[] = []
  #timer: NodeJS.Timeout | undefined

  constructor (lingerMs: number) {
    this.#lingerMs = lingerMs
  }

  /**
   * A lane whose latest batch was of one record waits only for this turn of the event loop: it has one sender, who
   * waits for the answer, and waiting longer would only make both slow.
   */
  add (lane: Lane): void {
    if (this.#lingerMs === 0 || lane.lastCount <= 1) {
      if (this.#thisTurn.push(lane) === 1) setImmediate(() => this.#flushThisTurn())
    } else if (this.#later.push(lane) === 1) {
      this.#timer = setTimeout(() => this.#flushLater(), this.#lingerMs)
    }
  }

  /** Everybody goes now. */
  flush (): void {
    this.#flushThisTurn()
    this.#flushLater()
  }

  #flushThisTurn (): void {
    const lanes = this.#thisTurn
    this.#thisTurn = []
    for (const lane of lanes) lane.lingered()
  }

  #flushLater (): void {
    clearTimeout(this.#timer)
    const lanes = this.#later
    this.#later = []
    for (const lane of lanes) lane.lingered()
  }
}
