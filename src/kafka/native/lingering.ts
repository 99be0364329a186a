// When filling batches go: at the end of the turn where nothing of their lane is under way, else a little later.

import type { Clock } from '../clock.ts'
import type { Lane } from './lane.ts'

/** One timer for all lanes, and one callback per turn of the event loop. */
export class Lingering {
  readonly #clock: Clock
  readonly #lingerMs: number
  readonly #drain: () => void
  #thisTurn: Lane[] = []
  /** In the order of their times. */
  #later: { readonly lane: Lane, readonly atMs: number }[] = []
  #timed = false
  #planned = false

  /** `drain` sends what is ready. */
  constructor (clock: Clock, lingerMs: number, drain: () => void) {
    this.#clock = clock
    this.#lingerMs = lingerMs
    this.#drain = drain
  }

  /** A lane has begun a batch. */
  add (lane: Lane): void {
    this.#thisTurn.push(lane)
    this.drainSoon()
  }

  /** Sends what is ready when this turn of the event loop is over. */
  drainSoon (): void {
    if (this.#planned) return
    this.#planned = true
    this.#clock.soon(() => {
      this.#planned = false
      this.#endTurn()
      this.#drain()
    })
  }

  /** Everybody goes now: there is no more room, or no more time. */
  flush (): void {
    const lanes = [...this.#thisTurn, ...this.#later.map(({ lane }) => lane)]
    this.#thisTurn = []
    this.#later = []
    for (const lane of lanes) lane.flush()
  }

  #endTurn (): void {
    const lanes = this.#thisTurn
    this.#thisTurn = []
    for (const lane of lanes) {
      // What is under way will end, and then the batch goes; until then it may fill. Not longer than this, though.
      if (this.#lingerMs === 0 || lane.underWayCount === 0) lane.flush()
      else this.#later.push({ lane, atMs: this.#clock.nowMs() + this.#lingerMs })
    }
    this.#time()
  }

  #time (): void {
    const first = this.#later[0]
    if (this.#timed || first === undefined) return
    this.#timed = true
    this.#clock.after(first.atMs - this.#clock.nowMs(), () => {
      this.#timed = false
      const nowMs = this.#clock.nowMs()
      while (this.#later[0] !== undefined && this.#later[0].atMs <= nowMs) this.#later.shift()?.lane.flush()
      this.#drain()
      this.#time()
    })
  }
}
