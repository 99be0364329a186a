// The messages of one connection between receiving and acknowledging, in the order of receipt: a ring that grows.

import type { Envelope } from '../../src/contract/envelope.ts'
import type { Qos } from './codec/packet.ts'

/**
 * `held`: nobody has it yet. `sent`: its outcome is awaited. `done`: it may be acknowledged in its turn. `barred`: it
 * never is, nor is what came after it.
 */
export const states = { free: 0, held: 1, sent: 2, done: 3, barred: 4 } as const
export type State = (typeof states)[keyof typeof states]

/** A stretch of memory that messages are views of: it is given back when the last of them has its outcome. */
export interface Lot {
  bytes: number
  openCount: number
  reserved: boolean
}

const firstCapacity = 16

/** Tickets count up from 0; one is open from `add` until `shift` has passed it. Nothing is made per message. */
export class InFlight {
  #states = new Uint8Array(firstCapacity)
  #qos = new Uint8Array(firstCapacity)
  #packetIds = new Uint16Array(firstCapacity)
  #reasonCodes = new Uint8Array(firstCapacity)
  #envelopes: (Envelope | undefined)[] = new Array<Envelope | undefined>(firstCapacity).fill(undefined)
  #lots: (Lot | undefined)[] = new Array<Lot | undefined>(firstCapacity).fill(undefined)
  #oldest = 0
  #next = 0

  /** The ticket that is acknowledged next, and the one that is given next. */
  get oldest (): number { return this.#oldest }
  get next (): number { return this.#next }
  get openCount (): number { return this.#next - this.#oldest }

  #at (ticket: number): number { return ticket & (this.#states.length - 1) }

  /** Takes a message that nobody has yet. */
  add (qos: Qos, packetId: number, envelope: Envelope, lot: Lot): number {
    const ticket = this.#open(qos, packetId)
    const at = this.#at(ticket)
    this.#states[at] = states.held
    this.#envelopes[at] = envelope
    this.#lots[at] = lot
    lot.openCount += 1
    return ticket
  }

  /** Takes one whose answer is known already. */
  addDone (qos: Qos, packetId: number, reasonCode: number): number {
    const ticket = this.#open(qos, packetId)
    const at = this.#at(ticket)
    this.#states[at] = states.done
    this.#reasonCodes[at] = reasonCode
    return ticket
  }

  #open (qos: Qos, packetId: number): number {
    const ticket = this.#next
    if (ticket - this.#oldest === this.#states.length) this.#grow()
    const at = this.#at(ticket)
    this.#qos[at] = qos
    this.#packetIds[at] = packetId
    this.#reasonCodes[at] = 0
    this.#next = ticket + 1
    return ticket
  }

  stateOf (ticket: number): State {
    if (ticket < this.#oldest || ticket >= this.#next) return states.free
    return (this.#states[this.#at(ticket)] ?? states.free) as State
  }

  qosOf (ticket: number): Qos { return (this.#qos[this.#at(ticket)] ?? 0) as Qos }
  packetIdOf (ticket: number): number { return this.#packetIds[this.#at(ticket)] ?? 0 }
  reasonCodeOf (ticket: number): number { return this.#reasonCodes[this.#at(ticket)] ?? 0 }
  envelopeOf (ticket: number): Envelope | undefined { return this.#envelopes[this.#at(ticket)] }
  lotOf (ticket: number): Lot | undefined { return this.#lots[this.#at(ticket)] }

  markSent (ticket: number): void { this.#states[this.#at(ticket)] = states.sent }
  markHeld (ticket: number): void { this.#states[this.#at(ticket)] = states.held }
  markBarred (ticket: number): void { this.#states[this.#at(ticket)] = states.barred }

  /** It has its outcome: what it held is let go, and its lot is returned. */
  finish (ticket: number, reasonCode: number): Lot | undefined {
    const at = this.#at(ticket)
    const lot = this.#lots[at]
    this.#states[at] = states.done
    this.#reasonCodes[at] = reasonCode
    this.#envelopes[at] = undefined
    this.#lots[at] = undefined
    if (lot !== undefined) lot.openCount -= 1
    return lot
  }

  /** Passes the oldest one. */
  shift (): void {
    this.#states[this.#at(this.#oldest)] = states.free
    this.#oldest += 1
  }

  #grow (): void {
    const before = this.#states.length
    const capacity = before * 2
    const ring = {
      states: new Uint8Array(capacity), qos: new Uint8Array(capacity), packetIds: new Uint16Array(capacity),
      reasonCodes: new Uint8Array(capacity), envelopes: new Array<Envelope | undefined>(capacity).fill(undefined),
      lots: new Array<Lot | undefined>(capacity).fill(undefined)
    }
    for (let ticket = this.#oldest; ticket < this.#next; ticket++) {
      const from = ticket & (before - 1)
      const to = ticket & (capacity - 1)
      ring.states[to] = this.#states[from] ?? 0
      ring.qos[to] = this.#qos[from] ?? 0
      ring.packetIds[to] = this.#packetIds[from] ?? 0
      ring.reasonCodes[to] = this.#reasonCodes[from] ?? 0
      ring.envelopes[to] = this.#envelopes[from]
      ring.lots[to] = this.#lots[from]
    }
    this.#states = ring.states
    this.#qos = ring.qos
    this.#packetIds = ring.packetIds
    this.#reasonCodes = ring.reasonCodes
    this.#envelopes = ring.envelopes
    this.#lots = ring.lots
  }
}
