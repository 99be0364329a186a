// The sessions of a worker that have no connection, and the wills it holds: how many there are, and when they end.

import { ClientSession } from './session.ts'
import type { HeldWill } from './held-will.ts'
import type { Keeper } from './session.ts'
import type { Wheel } from './wheel.ts'

export interface SessionsOptions {
  readonly detachedMax: number
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
  /** In the order in which they lost their connection. */
  readonly #detached = new Set<ClientSession>()

  constructor (options: SessionsOptions) {
    this.#options = options
    this.nowMs = options.nowMs
    this.publishWill = options.publishWill
    this.adoptWill = options.adoptWill
    this.dropWill = options.dropWill
  }

  get detachedCount (): number { return this.#detached.size }

  create (): ClientSession { return new ClientSession(this) }

  /** A session has lost its connection. Where there are too many, the one that lost it longest ago ends. */
  detached (session: ClientSession, wakeAtMs: number): void {
    this.#detached.add(session)
    this.wakeAt(session, wakeAtMs)
    if (this.#detached.size <= this.#options.detachedMax) return
    const [oldest] = this.#detached
    oldest?.end()
  }

  wakeAt (session: ClientSession, atMs: number): void { this.#options.wheel.schedule(session, atMs) }

  forget (session: ClientSession): void {
    this.#detached.delete(session)
    this.#options.wheel.cancel(session)
  }

  /** The gateway stops. */
  abandonAll (): void { for (const session of [...this.#detached]) session.abandon() }
}
