// What a client leaves behind from one connection to the next: packet ids of QoS 2, and a will that waits.

import type { Session, SessionOwner } from '../../src/contract/session.ts'
import type { Sender } from './decode.ts'
import { heldWill } from './held-will.ts'
import type { HeldWill } from './held-will.ts'
import { readState, writeState } from './session-state.ts'
import type { Timed } from './wheel.ts'

/** The connection that a session has. */
export interface Occupant {
  /** Another connection claims the session: ends this one, which leaves the session before it returns. */
  takenOver (): void
}

/** How a connection leaves its session. */
export interface Leaving {
  /** How long the session outlives it; 0: it is over. */
  readonly expiryMs: number
  /** Undefined where there is none or its client took leave. */
  readonly will: HeldWill | undefined
}

/** Who keeps the sessions of a worker, as each of them sees it. */
export interface Keeper {
  nowMs (): number
  /** A session has lost its connection. */
  detached (session: ClientSession, wakeAtMs: number): void
  /** Calls `onDue` of the session at that time. */
  wakeAt (session: ClientSession, atMs: number): void
  /** It has a connection again, or is over. */
  forget (session: ClientSession): void
  publishWill (will: HeldWill): void
  /** Publishes one that another worker has held. */
  adoptWill (will: HeldWill): void
  dropWill (will: HeldWill): void
}

/** One per client id and worker that has it. It is the owner that the node's table of sessions knows. */
export class ClientSession implements SessionOwner, Timed {
  dueMs = Infinity
  wheelTick = -1
  readonly #sessions: Keeper
  /** False: its event has no outcome yet. True: it has, and PUBREC stands for it until PUBREL comes (section 4.3.3). */
  readonly #received = new Map<number, boolean>()
  #pendingCount = 0
  #occupant: Occupant | undefined
  #lease: Session | undefined
  #will: HeldWill | undefined
  #willAtMs = Infinity
  #endsAtMs = Infinity
  #isOver = false
  #whenSettled: (() => void) | undefined

  constructor (sessions: Keeper) {
    this.#sessions = sessions
  }

  get idsCount (): number { return this.#received.size }

  /** A connection has it now, by a claim. Returns whether it goes on from one that was there before. */
  begin (occupant: Occupant, lease: Session, clean: { readonly start: boolean, readonly sender: Sender }): boolean {
    this.#occupant = occupant
    // Its state is read here, and must not be kept as long as the session.
    this.#lease = { ...lease, state: undefined }
    const state = lease.state === undefined ? undefined : readState(lease.state)
    if (state === undefined) return false
    if (clean.start) {
      const { will: left } = state
      // That session ends now, and so the delay of its will (MQTT-3.1.3-9 of version 5).
      if (left !== undefined) this.#sessions.adoptWill(heldWill(left.will, left.channel, clean.sender))
      return false
    }
    for (const packetId of state.packetIds) this.#received.set(packetId, true)
    return true
  }

  /** What is known of a packet id of QoS 2: undefined is nothing, false that its event has no outcome yet. */
  known (packetId: number): boolean | undefined { return this.#received.get(packetId) }

  /** A message of QoS 2 has come. */
  open (packetId: number): void {
    this.#received.set(packetId, false)
    this.#pendingCount += 1
  }

  /** Its event was taken: the same id is the same message until PUBREL. */
  keep (packetId: number): void {
    if (this.#received.get(packetId) !== false) return
    this.#received.set(packetId, true)
    this.#settled()
  }

  /** Its event was refused, or given up before anybody had it: the id is free. */
  drop (packetId: number): void {
    if (this.#received.get(packetId) !== false) return
    this.#received.delete(packetId)
    this.#settled()
  }

  /** PUBREL has come. */
  release (packetId: number): void { this.#received.delete(packetId) }

  #settled (): void {
    this.#pendingCount -= 1
    if (this.#pendingCount > 0) return
    this.#whenSettled?.()
    this.#whenSettled = undefined
  }

  /** Its connection is gone. */
  leave ({ expiryMs, will }: Leaving): void {
    this.#occupant = undefined
    const nowMs = this.#sessions.nowMs()
    const delayMs = will === undefined ? 0 : (will.will.properties.willDelayInterval ?? 0) * 1_000
    if (will !== undefined && delayMs > 0 && expiryMs > 0) {
      this.#will = will
      this.#willAtMs = nowMs + delayMs
    } else if (will !== undefined) {
      this.#sessions.publishWill(will)
    }
    if (expiryMs === 0) return this.end()
    this.#endsAtMs = nowMs + expiryMs
    this.#sessions.detached(this, Math.min(this.#endsAtMs, this.#willAtMs))
  }

  onDue (nowMs: number): void {
    if (this.#isOver || this.#occupant !== undefined) return
    if (nowMs >= this.#endsAtMs) return this.end()
    if (nowMs >= this.#willAtMs) this.#publishWill()
    this.#sessions.wakeAt(this, Math.min(this.#endsAtMs, this.#willAtMs))
  }

  #publishWill (): void {
    const will = this.#will
    this.#will = undefined
    this.#willAtMs = Infinity
    if (will !== undefined) this.#sessions.publishWill(will)
  }

  /** The session is over, and its client id free. What is under way goes on. */
  end (): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#sessions.forget(this)
    this.#publishWill()
    this.#lease?.release()
  }

  /** The gateway stops: nothing is published any more, and nobody hears of it. */
  abandon (): void {
    if (this.#will !== undefined) this.#sessions.dropWill(this.#will)
    this.#will = undefined
    this.end()
  }

  async handOver (): Promise<Uint8Array | undefined> {
    this.#occupant?.takenOver()
    if (this.#isOver) return undefined
    this.#isOver = true
    this.#sessions.forget(this)
    // A message without an outcome must be neither sent twice nor told to be taken.
    if (this.#pendingCount > 0) await new Promise<void>(resolve => { this.#whenSettled = resolve })
    return writeState({ packetIds: this.#received.keys(), will: this.#will })
  }

  handedOver (isTaken: boolean): void {
    if (isTaken) {
      if (this.#will !== undefined) this.#sessions.dropWill(this.#will)
      this.#will = undefined
      return
    }
    this.#isOver = false
    this.#sessions.detached(this, Math.min(this.#endsAtMs, this.#willAtMs))
  }
}
