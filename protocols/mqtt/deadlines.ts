// The time limits of one connection: what is heard of it, what it waits for, and when the next of them is due.

import type { Door } from './door.ts'
import type { Timed } from './wheel.ts'

/** A client is given up after one and a half times its keep alive (MQTT-3.1.2-22 of version 5, -24 of 3.1.1). */
const patience = 1.5

/** All times are the door's, in milliseconds; Infinity is never. */
export class Deadlines {
  readonly #door: Door
  readonly #owner: Timed
  #lastHeardMs: number
  /** 0: there is none. */
  keepAliveMs = 0
  /** True while nothing is read of it: then nothing can be heard. */
  isDeaf = false
  /** When what waits comes back. */
  wakeAtMs = Infinity
  /** When this phase is over. */
  phaseEndsMs = Infinity
  /** When it must have taken what it was told. */
  outputMs = Infinity

  constructor (door: Door, owner: Timed) {
    this.#door = door
    this.#owner = owner
    this.#lastHeardMs = door.nowMs()
  }

  /** Something was heard, or may be from now on. */
  heard (): void { this.#lastHeardMs = this.#door.nowMs() }

  #silentAtMs (): number {
    return this.keepAliveMs > 0 && !this.isDeaf ? this.#lastHeardMs + patience * this.keepAliveMs : Infinity
  }

  isSilent (nowMs: number): boolean { return nowMs >= this.#silentAtMs() }

  /** Comes up when the next of them is due. */
  schedule (): void {
    const dueMs = Math.min(this.#silentAtMs(), this.wakeAtMs, this.phaseEndsMs, this.outputMs)
    this.#door.wheel.schedule(this.#owner, dueMs)
  }

  cancel (): void { this.#door.wheel.cancel(this.#owner) }
}
