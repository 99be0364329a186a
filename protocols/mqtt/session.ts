// What a client leaves behind from one connection to the next: packet ids of QoS 2, and a will that waits.

import type { Session, SessionOwner } from '../../src/contract/session.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { reasonCodes } from './codec/reason-codes.ts'
import type { Sender } from './decode.ts'
import { heldWill } from './held-will.ts'
import type { HeldWill } from './held-will.ts'
import { PacketIds } from './packet-ids.ts'
import { readState, writeState } from './session-state.ts'
import type { Stake } from './shares.ts'
import type { Timed } from './wheel.ts'

/** The connection that a session has. */
export interface Occupant {
  /** Another connection claims the session: ends this one, which leaves the session before it returns. */
  takenOver (): void
  /** Ends this one for another reason, which its client is told. */
  endFor (reasonCode: number, refusal: Refusal): void
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
  /** Notes what a session holds; there may be too many of them then, and one ends. */
  note (session: ClientSession, stake: Stake): void
  /** Calls `onDue` of the session at that time, which may be never. */
  wakeAt (session: ClientSession, atMs: number): void
  /** It is over, or another worker's. */
  forget (session: ClientSession): void
  publishWill (will: HeldWill): void
  /** Publishes one that another worker has held. */
  adoptWill (will: HeldWill): void
  dropWill (will: HeldWill): void
}

const noRoomForIds = refuse('overloaded', 'too many messages of QoS 2 wait for PUBREL here; send it before others')

/** One per client id and worker that has it. It is the owner that the node's table of sessions knows. */
export class ClientSession implements SessionOwner, Timed {
  dueMs = Infinity
  wheelTick = -1
  readonly #sessions: Keeper
  readonly #ids = new PacketIds()
  #principal = ''
  #occupant: Occupant | undefined
  #lease: Session | undefined
  #will: HeldWill | undefined
  #willAtMs = Infinity
  #endsAtMs = Infinity
  #isOver = false
  #isLeaving = false
  #whenSettled: (() => void) | undefined

  constructor (sessions: Keeper) {
    this.#sessions = sessions
  }

  get idsCount (): number { return this.#ids.count }

  /** A connection has it now, by a claim. Returns whether it goes on from one that was there before. */
  begin (occupant: Occupant, lease: Session, clean: { readonly start: boolean, readonly sender: Sender }): boolean {
    this.#occupant = occupant
    // Its state is read here, and must not be kept as long as the session.
    this.#lease = { ...lease, state: undefined }
    this.#principal = clean.sender.principal.name
    const state = lease.state === undefined ? undefined : readState(lease.state)
    if (state === undefined) return false
    if (clean.start) {
      const { will: left } = state
      // That session ends now, and so the delay of its will (MQTT-3.1.3-9 of version 5).
      if (left !== undefined) this.#sessions.adoptWill(heldWill(left.will, left.channel, clean.sender))
      return false
    }
    for (const packetId of state.packetIds) this.#ids.take(packetId)
    if (this.#ids.bytes > 0) this.#note()
    return true
  }

  #note (): void {
    if (this.#isOver) return
    const isDetached = this.#occupant === undefined && !this.#isLeaving
    this.#sessions.note(this, {
      principal: this.#principal, endsAtMs: isDetached ? this.#endsAtMs : Infinity, bytes: this.#ids.bytes
    })
  }

  /** What is known of a packet id of QoS 2: undefined is nothing, false that its event has no outcome yet. */
  known (packetId: number): boolean | undefined { return this.#ids.known(packetId) }

  /** A message of QoS 2 has come. */
  open (packetId: number): void { this.#ids.open(packetId) }

  /** Its event was taken: the same id is the same message until PUBREL. */
  keep (packetId: number): void {
    if (!this.#ids.settle(packetId)) return
    // A session that is over keeps nothing.
    if (!this.#isOver) {
      const { bytes } = this.#ids
      this.#ids.take(packetId)
      if (this.#ids.bytes !== bytes) this.#note()
    }
    this.#settled()
  }

  /** Its event was refused, or given up before anybody had it: the id is free. */
  drop (packetId: number): void { if (this.#ids.settle(packetId)) this.#settled() }

  /** PUBREL has come. */
  release (packetId: number): void {
    const { bytes } = this.#ids
    this.#ids.release(packetId)
    if (this.#ids.bytes !== bytes) this.#note()
  }

  #settled (): void {
    if (this.#ids.pendingCount > 0) return
    this.#whenSettled?.()
    this.#whenSettled = undefined
  }

  /** Its connection is gone. */
  leave ({ expiryMs: wantedMs, will }: Leaving): void {
    this.#occupant = undefined
    const expiryMs = this.#isOver ? 0 : wantedMs
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
    this.#detach()
  }

  #detach (): void {
    this.#sessions.wakeAt(this, Math.min(this.#endsAtMs, this.#willAtMs))
    this.#note()
  }

  onDue (nowMs: number): void {
    if (this.#isOver || this.#isLeaving || this.#occupant !== undefined) return
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

  /** There is no room for it: it is over now, and so is the connection that has it. */
  evict (): void {
    const occupant = this.#occupant
    this.end()
    occupant?.endFor(reasonCodes.quotaExceeded, noRoomForIds)
  }

  /** The gateway stops: nothing is published any more, and nobody hears of it. */
  abandon (): void {
    if (this.#occupant !== undefined || this.#isLeaving) return
    if (this.#will !== undefined) this.#sessions.dropWill(this.#will)
    this.#will = undefined
    this.end()
  }

  async handOver (): Promise<Uint8Array | undefined> {
    this.#isLeaving = true
    this.#occupant?.takenOver()
    if (this.#isOver) return undefined
    this.#sessions.wakeAt(this, Infinity)
    this.#note()
    // A message without an outcome must be neither sent twice nor told to be taken.
    if (this.#ids.pendingCount > 0) await new Promise<void>(resolve => { this.#whenSettled = resolve })
    // It may have been evicted meanwhile. From now on that would be too late.
    if (this.#isOver) return undefined
    this.#sessions.forget(this)
    return writeState({ packetIds: this.#ids.taken(), will: this.#will })
  }

  handedOver (isTaken: boolean): void {
    if (this.#isOver) return
    this.#isLeaving = false
    if (!isTaken) return this.#detach()
    this.#isOver = true
    if (this.#will !== undefined) this.#sessions.dropWill(this.#will)
    this.#will = undefined
  }
}
