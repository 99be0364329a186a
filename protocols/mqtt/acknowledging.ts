// How the messages of one connection are answered: acknowledgements in the order of receipt, and refusals.

import type { Refusal } from '../../src/contract/outcome.ts'
import { writeAcknowledgement } from './codec/encode.ts'
import type { Receiver } from './codec/encode.ts'
import { noProperties } from './codec/properties.ts'
import { reasonCodes } from './codec/reason-codes.ts'
import type { Door } from './door.ts'
import { states } from './in-flight.ts'
import type { InFlight } from './in-flight.ts'
import { messageReply4, messageReply5, refusalProperties } from './reply.ts'
import type { ClientSession } from './session.ts'

/** The connection as its messages need it. */
export interface Link {
  /** False: nobody is told anything any more. */
  readonly isOpen: boolean
  readonly receiver: Receiver
  /** False: its client wants no reasons with acknowledgements (Request Problem Information). */
  readonly tellsReasons: boolean
  /** There is something to write, or to send on. */
  flushSoon (): void
  /** Comes back with what waits at that time. */
  wakeAt (atMs: number): void
  /** Ends the connection for a reason that its client is told; in MQTT 3.1.1 without a word. */
  endFor (reasonCode: number, refusal: Refusal): void
  /** Ends it because a message is refused for good, where MQTT 3.1.1 has no word for that. */
  holdOff (refusal: Refusal): void
}

export interface AcknowledgingParts {
  readonly door: Door
  readonly link: Link
  readonly session: ClientSession
  readonly ring: InFlight
}

export class Acknowledging {
  readonly #parts: AcknowledgingParts
  /** Of the few that are refused, by ticket. */
  readonly #refusals = new Map<number, Refusal>()
  /** Messages of QoS 1 and 2 as their sender counts them (section 4.9 of MQTT 5). */
  openCount = 0

  constructor (parts: AcknowledgingParts) {
    this.#parts = parts
  }

  /** A copy of a message of QoS 2 that was taken before: it is told so again. */
  repeat (packetId: number): void {
    this.#parts.ring.addDone(2, packetId, reasonCodes.success)
    this.#parts.link.flushSoon()
  }

  /**
   * A message that is done is refused, and its sender is told as far as its version has words for it. `reasonCode` is
   * for MQTT 5, where it is not the one of the table.
   */
  refuse (ticket: number, refusal: Refusal, reasonCode?: number): void {
    const { ring, link, session } = this.#parts
    const qos = ring.qosOf(ticket)
    const packetId = ring.packetIdOf(ticket)
    link.flushSoon()
    if (qos > 0 && link.isOpen) return this.#answer(ticket, refusal, reasonCode)
    if (qos === 2) session.drop(packetId)
    const reply = messageReply5(refusal.code)
    if (link.isOpen && reply.act === 'disconnect') link.endFor(reply.reasonCode, refusal)
  }

  #answer (ticket: number, refusal: Refusal, reasonCode: number | undefined): void {
    const { ring, link, session, door } = this.#parts
    // A client may wrongly have one of QoS 2 with the same id under way: that one's is another matter.
    const packetId = ring.qosOf(ticket) === 2 ? ring.packetIdOf(ticket) : undefined
    const reply = messageReply5(refusal.code)
    const reply4 = messageReply4(refusal.code)
    if (link.receiver.version === 4 && reply4 === 'refuse' && door.config.onRefused === 'acknowledge') {
      door.lostCount += 1
      if (packetId !== undefined) session.keep(packetId)
      return
    }
    if (packetId !== undefined) session.drop(packetId)
    if (link.receiver.version === 5 && (reasonCode !== undefined || reply.act === 'acknowledge')) {
      ring.finish(ticket, reasonCode ?? ('reasonCode' in reply ? reply.reasonCode : reasonCodes.unspecifiedError))
      this.#refusals.set(ticket, refusal)
      return
    }
    // It stays without an acknowledgement: whatever came before it is the last that is told.
    ring.markBarred(ticket)
    if (link.receiver.version === 4 && reply4 === 'refuse') return link.holdOff(refusal)
    link.endFor(reply.act === 'disconnect' ? reply.reasonCode : reasonCodes.unspecifiedError, refusal)
  }

  /** Writes what is due, in the order of receipt, and returns where it ends; there may be more where that is full. */
  write (target: Buffer, from: number): number {
    const { ring } = this.#parts
    let at = from
    while (ring.openCount > 0 && ring.stateOf(ring.oldest) === states.done) {
      const end = ring.qosOf(ring.oldest) === 0 ? at : this.#writeOne(target, at, ring.oldest)
      if (end === -1) return at
      at = end
      ring.shift()
    }
    return at
  }

  /** -1: there is no room. */
  #writeOne (target: Buffer, at: number, ticket: number): number {
    const { ring, link } = this.#parts
    const type = ring.qosOf(ticket) === 1 ? 'PUBACK' : 'PUBREC'
    const reasonCode = ring.reasonCodeOf(ticket)
    const refusal = this.#refusals.size === 0 ? undefined : this.#refusals.get(ticket)
    const properties = refusal === undefined || !link.tellsReasons ? noProperties : refusalProperties(refusal)
    const end = writeAcknowledgement(
      target, at, { type, packetId: ring.packetIdOf(ticket), reasonCode, properties }, link.receiver)
    if (end === at) return -1
    if (refusal !== undefined) this.#refusals.delete(ticket)
    if (type === 'PUBACK' || reasonCode >= reasonCodes.unspecifiedError) this.openCount -= 1
    return end
  }

  /** PUBREL: the message is forgotten. Returns the reason code of PUBCOMP; undefined: its PUBREC was not sent yet. */
  release (packetId: number): number | undefined {
    const { session } = this.#parts
    const known = session.known(packetId)
    if (known === false) return undefined
    if (known === undefined) return reasonCodes.packetIdentifierNotFound
    session.release(packetId)
    this.openCount = Math.max(0, this.openCount - 1)
    return reasonCodes.success
  }
}
