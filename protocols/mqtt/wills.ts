// Publishes wills as events like any other, through the same policies, and counts the bytes of those that wait.

import type { Ingress, Log } from '../../src/contract/adapter.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import { isReceipt, isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../../src/contract/outcome.ts'
import { decodeMessage } from './decode.ts'
import { messageReply5 } from './reply.ts'
import type { HeldWill } from './held-will.ts'
import type { Timed, Wheel } from './wheel.ts'

export interface WillsOptions {
  readonly ingress: Ingress
  readonly bytesMax: number
  readonly wheel: Wheel
  readonly nowMs: () => number
  readonly log: Log
}

const triesMax = 8
const retryMs = 1_000
const noRoom = refuse('overloaded', 'too many wills are held; one of a session that ended is dropped')
const givenUp = refuse('sink-unavailable', 'a will was tried again and again, and is given up')

/** A will whose event is on its way. */
interface Flight extends Timed {
  readonly held: HeldWill
  readonly envelope: Envelope
  triesCount: number
  reserved: boolean
}

/** One per door. */
export class Wills implements Settler {
  readonly #options: WillsOptions
  readonly #flights = new Map<number, Flight>()
  #lastTicket = 0
  #heldBytes = 0
  #heldCount = 0
  #stopped = false

  constructor (options: WillsOptions) {
    this.#options = options
  }

  get heldCount (): number { return this.#heldCount }
  get heldBytes (): number { return this.#heldBytes }

  /** Counts one in; false where there is no room. Every one that is counted in is dropped or published. */
  hold (held: HeldWill): boolean {
    if (this.#heldBytes + held.bytes > this.#options.bytesMax) return false
    this.#heldBytes += held.bytes
    this.#heldCount += 1
    return true
  }

  drop (held: HeldWill): void {
    this.#heldBytes -= held.bytes
    this.#heldCount -= 1
  }

  /** Publishes one that was not counted in yet. */
  adopt (held: HeldWill): void {
    if (this.hold(held)) return this.publish(held)
    const { channel, sender: { principal, peer } } = held
    this.#options.ingress.refused(noRoom, { channel, principal, peer, receivedAtMs: Date.now() })
  }

  publish (held: HeldWill): void {
    if (this.#stopped) return this.drop(held)
    const { ingress } = this.#options
    const { will, channel, sender } = held
    const receivedAtMs = Date.now()
    const envelope = decodeMessage(will, sender, channel, receivedAtMs)
    if (isRefusal(envelope)) {
      ingress.refused(envelope, { channel, principal: sender.principal, peer: sender.peer, receivedAtMs })
      return this.drop(held)
    }
    const ticket = ++this.#lastTicket
    const flight: Flight = {
      held, envelope, triesCount: 0, reserved: false, dueMs: Infinity, wheelTick: -1,
      onDue: () => { this.#send(ticket, flight) }
    }
    this.#flights.set(ticket, flight)
    this.#send(ticket, flight)
  }

  #send (ticket: number, flight: Flight): void {
    const { ingress } = this.#options
    flight.triesCount += 1
    const refusal = ingress.reserve(flight.held.bytes, flight.envelope.principal)
    if (refusal !== undefined) return this.#later(ticket, flight, refusal)
    flight.reserved = true
    ingress.ingest(flight.envelope, this, ticket)
  }

  settle (ticket: number, outcome: Outcome): void {
    const flight = this.#flights.get(ticket)
    if (flight === undefined) return
    this.#options.ingress.release(flight.held.bytes, flight.envelope.principal)
    flight.reserved = false
    if (!isReceipt(outcome) && messageReply5(outcome.code).act === 'retry') return this.#later(ticket, flight, outcome)
    this.#end(ticket, flight)
  }

  #later (ticket: number, flight: Flight, { retryAfterMs }: Refusal): void {
    const { wheel, nowMs, ingress } = this.#options
    if (this.#stopped || flight.triesCount >= triesMax) {
      ingress.refused(givenUp, flight.envelope)
      return this.#end(ticket, flight)
    }
    wheel.schedule(flight, nowMs() + Math.max(retryAfterMs ?? 0, retryMs * flight.triesCount))
  }

  #end (ticket: number, flight: Flight): void {
    this.#flights.delete(ticket)
    this.#options.wheel.cancel(flight)
    this.drop(flight.held)
  }

  /** The gateway stops: what nobody has yet is let go. */
  stop (): void {
    this.#stopped = true
    for (const [ticket, flight] of [...this.#flights]) if (!flight.reserved) this.#end(ticket, flight)
  }

  get flightsCount (): number { return this.#flights.size }
}
