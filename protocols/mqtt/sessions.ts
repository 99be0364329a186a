// The sessions of a worker: how many have no connection, what packet ids they hold, and which of them end early.

import { ClientSession } from './session.ts'
import type { Keeper } from './session.ts'
import type { HeldWill } from './held-will.ts'
import { Shares } from './shares.ts'
import type { Stake } from './shares.ts'
import type { Wheel } from './wheel.ts'

export interface SessionsOptions {
  readonly detachedMax: number
  readonly packetIdsBytesMax: number
  readonly wheel: Wheel
  readonly nowMs: () => number
  readonly publishWill: (will: HeldWill) => void
  /** Publishes one that another worker has held. */
  readonly adoptWill: (will: HeldWill) => void
  readonly dropWill: (will: HeldWill) => void
}

/** One per door. */
export class Sessions implements Keeper {
  readonly nowMs: () => number
  readonly publishWill: (will: HeldWill) => void
  readonly adoptWill: (will: HeldWill) => void
  readonly dropWill: (will: HeldWill) => void
  readonly #options: SessionsOptions
  /** Of sessions without a connection, and of others that hold many packet ids. */
  readonly #shares = new Shares<ClientSession>()
  #isMakingRoom = false

  constructor (options: SessionsOptions) {
    this.#options = options
    this.nowMs = options.nowMs
    this.publishWill = options.publishWill
    this.adoptWill = options.adoptWill
    this.dropWill = options.dropWill
  }

  get detachedCount (): number { return this.#shares.count }
  get packetIdsBytes (): number { return this.#shares.bytes }

  create (): ClientSession { return new ClientSession(this) }

  note (session: ClientSession, stake: Stake): void {
    if (stake.endsAtMs === Infinity && stake.bytes === 0) this.#shares.delete(session)
    else this.#shares.put(session, stake)
    this.#evict('count', this.#options.detachedMax)
    if (this.#isMakingRoom || this.#shares.bytes <= this.#options.packetIdsBytesMax) return
    this.#isMakingRoom = true
    // Not now: to end a connection while a message of its is settled would be to end it from within.
    setImmediate(() => { this.#makeRoom() })
  }

  #makeRoom (): void {
    this.#isMakingRoom = false
    this.#evict('bytes', this.#options.packetIdsBytesMax)
  }

  #evict (held: 'count' | 'bytes', max: number): void {
    while (this.#shares[held] > max) {
      const session = this.#shares.next(held)
      if (session === undefined) return
      session.evict()
    }
  }

  wakeAt (session: ClientSession, atMs: number): void { this.#options.wheel.schedule(session, atMs) }

  forget (session: ClientSession): void {
    this.#shares.delete(session)
    this.#options.wheel.cancel(session)
  }

  /** The gateway stops. */
  abandonAll (): void { for (const session of this.#shares.sessions()) session.abandon() }
}
