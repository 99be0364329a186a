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
  /** Since when nothing is read of it: nothing can be heard, and nothing that has begun goes on. Infinity: it is. */
  #deafSinceMs = Infinity
  /** When a packet that has begun must be whole. */
  #packetEndsMs = Infinity
  /** The same of a frame, where it sends in such. */
  #frameEndsMs = Infinity
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

  /** A packet is whole. */
  packetWhole (): void { this.#packetEndsMs = Infinity }

  /** A packet is not whole yet. Its time runs from the first call. */
  packetBegun (): void {
    if (this.#packetEndsMs !== Infinity) return
    this.#packetEndsMs = this.#wholeByMs()
    this.schedule()
  }

  /** A frame has begun, or is whole. */
  frame (isBegun: boolean): void {
    if (isBegun && this.#frameEndsMs !== Infinity) return
    this.#frameEndsMs = isBegun ? this.#wholeByMs() : Infinity
    if (isBegun) this.schedule()
  }

  #wholeByMs (): number { return Math.min(this.#door.nowMs(), this.#deafSinceMs) + this.#door.config.packetTimeoutMs }

  /** Nothing is read of it from now on. */
  pause (): void { this.#deafSinceMs = this.#door.nowMs() }

  /** It is read again: it has as much time left as it had. */
  resume (): void {
    this.heard()
    const deafMs = this.#lastHeardMs - this.#deafSinceMs
    this.#deafSinceMs = Infinity
    this.#packetEndsMs += deafMs
    this.#frameEndsMs += deafMs
    this.schedule()
  }

  /** It has left: nothing counts but when its connection is cut. */
  leave (endsMs: number): void {
    this.keepAliveMs = 0
    this.wakeAtMs = this.#packetEndsMs = this.#frameEndsMs = Infinity
    this.phaseEndsMs = endsMs
    this.schedule()
  }

  get #isDeaf (): boolean { return this.#deafSinceMs !== Infinity }

  #silentAtMs (): number {
    return this.keepAliveMs > 0 && !this.#isDeaf ? this.#lastHeardMs + patience * this.keepAliveMs : Infinity
  }

  #slowAtMs (): number { return this.#isDeaf ? Infinity : Math.min(this.#packetEndsMs, this.#frameEndsMs) }

  isSilent (nowMs: number): boolean { return nowMs >= this.#silentAtMs() }

  /** What has begun should have been whole by now. */
  isSlow (nowMs: number): boolean { return nowMs >= this.#slowAtMs() }

  /** Comes up when the next of them is due. */
  schedule (): void {
    const dueMs = Math.min(this.#silentAtMs(), this.#slowAtMs(), this.wakeAtMs, this.phaseEndsMs, this.outputMs)
    this.#door.wheel.schedule(this.#owner, dueMs)
  }

  cancel (): void { this.#door.wheel.cancel(this.#owner) }
}
