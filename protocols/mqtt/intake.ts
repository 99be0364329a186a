// The messages of one connection on their way in: taken in order, held while they must wait, and tried again.

import { isEnvelope } from '../../src/contract/envelope.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import { isReceipt, refuse } from '../../src/contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../../src/contract/outcome.ts'
import { Acknowledging } from './acknowledging.ts'
import type { Link } from './acknowledging.ts'
import type { PublishPacket } from './codec/packet.ts'
import { reasonCodes } from './codec/reason-codes.ts'
import { TopicAliases } from './codec/topic-aliases.ts'
import type { Violation } from './codec/violation.ts'
import { decodeMessage } from './decode.ts'
import type { Sender } from './decode.ts'
import type { Door } from './door.ts'
import { Holding } from './holding.ts'
import { InFlight, states } from './in-flight.ts'
import { messageReply5 } from './reply.ts'
import type { ClientSession } from './session.ts'
import { Stall } from './stall.ts'

export interface IntakeParts {
  readonly door: Door
  readonly link: Link
  readonly sender: Sender
  readonly session: ClientSession
  /** The Receive Maximum that its client was told. */
  readonly inFlightMax: number
}

/** Ids of QoS 2 that a session holds until PUBREL: two windows of MQTT 5 at their largest; 3.1.1 knows none. */
const idsMax = 8_192
/** A limit that tells its client to wait longer is a quota that is used up: one need not stay connected for that. */
const longWaitMs = 60_000
const topicLengthMax = 255
/** Small messages take more memory than bytes: so many may wait, whatever their size. */
const heldMax = 256

const tooManyInFlight = refuse('overloaded', 'more messages are in flight than Receive Maximum allows; send fewer at once')
const tooManyIds = refuse('overloaded', 'too many messages of QoS 2 wait for PUBREL; send it before others')
const overdrawn = refuse('overloaded', 'this node has no room for what waits here; come back later')
const expired = refuse('sink-unavailable', 'the message expired before it could be taken; send it anew if it matters')

/** One per connection that was let in. */
export class Intake implements Settler {
  readonly acknowledging: Acknowledging
  readonly #parts: IntakeParts
  readonly #door: Door
  readonly #ring = new InFlight()
  readonly #stall: Stall
  readonly #holding: Holding
  #aliases: TopicAliases | undefined
  /** When the few messages that say so expire, by ticket. */
  readonly #expiries = new Map<number, number>()
  /** True where the wait is for memory alone. */
  #waitsForRoom = false
  #receivedAtMs = 0
  #heldCount = 0
  /** No message before this one is held. */
  #firstHeld = 0
  #sentCount = 0

  constructor (parts: IntakeParts) {
    const { door, link, sender, session } = parts
    this.#parts = parts
    this.#door = door
    this.#stall = new Stall(door.nowMs)
    this.#holding = new Holding(door, sender.principal)
    this.acknowledging = new Acknowledging({ door, link, session, ring: this.#ring })
  }

  /** Messages whose outcome is awaited. */
  get sentCount (): number { return this.#sentCount }
  /** Messages that nobody has yet. */
  get heldCount (): number { return this.#heldCount }
  get mayRead (): boolean { return this.#holding.mayRead }
  /** False: so many messages wait that not even those in memory are looked at. */
  get mayTake (): boolean { return this.#heldCount < heldMax }

  /** A chunk of so many bytes is being read. */
  begin (chunkBytes: number): void {
    this.#holding.begin(chunkBytes)
    this.#receivedAtMs = Date.now()
  }

  /** Takes a message. Whatever else is wrong with it than a violation is answered in its turn. */
  publish (packet: PublishPacket): Violation | undefined {
    const { sender } = this.#parts
    const topicName = packet.properties.topicAlias === undefined ? packet.topicName : this.#resolve(packet)
    if (typeof topicName !== 'string') return topicName
    if (packet.qos > 0 && !this.#enter(packet)) return undefined
    const channel = this.#door.channelOf(topicName)
    if (typeof channel !== 'string') return this.#refuse(packet, channel, reasonCodes.topicNameInvalid)
    const envelope = decodeMessage(packet, sender, channel, this.#receivedAtMs)
    if (!isEnvelope(envelope)) return this.#refuse(packet, envelope)
    const ticket = this.#ring.add(packet.qos, packet.packetId, envelope, this.#holding.lot())
    if (this.#heldCount++ === 0) this.#firstHeld = ticket
    const { messageExpiryInterval } = packet.properties
    if (messageExpiryInterval === undefined) return undefined
    this.#expiries.set(ticket, this.#receivedAtMs + messageExpiryInterval * 1_000)
  }

  #resolve (packet: PublishPacket): string | Violation {
    const { topicAliasesMax } = this.#door.config
    this.#aliases ??= new TopicAliases({ aliasesCountMax: topicAliasesMax, nameLengthMax: topicLengthMax })
    return this.#aliases.resolve(packet)
  }

  /** False: it is a copy of one that was taken, or more than its sender may have under way. */
  #enter ({ qos, packetId }: PublishPacket): boolean {
    const { link, session, sender, inFlightMax } = this.#parts
    if (qos === 2) {
      const known = session.known(packetId)
      if (known) this.acknowledging.repeat(packetId)
      // Where its event has no outcome yet, PUBREC follows it.
      if (known !== undefined) return false
    }
    const isAbove = sender.version === 5 && this.acknowledging.openCount >= inFlightMax
    if (isAbove || (qos === 2 && session.idsCount >= idsMax)) {
      link.endFor(reasonCodes.receiveMaximumExceeded, isAbove ? tooManyInFlight : tooManyIds)
      return false
    }
    this.acknowledging.openCount += 1
    if (qos === 2) session.open(packetId)
    return true
  }

  /** A message that this door refuses itself. */
  #refuse ({ qos, packetId }: PublishPacket, refusal: Refusal, reasonCode?: number): undefined {
    const { principal, peer } = this.#parts.sender
    this.#door.ingress.refused(refusal, { channel: '', principal, peer, receivedAtMs: this.#receivedAtMs })
    if (qos === 0) return
    this.acknowledging.refuse(this.#ring.addDone(qos, packetId, reasonCodes.success), refusal, reasonCode)
  }

  /** The chunk has been read, and so much of it is the beginning of a packet that is not complete. */
  end (heldBytes: number): void {
    this.#holding.end()
    this.#carry(heldBytes)
    this.submit()
    const waits = this.#heldCount > 0 || !this.#holding.carryFits
    if (waits && this.#door.isOverdrawn) this.#parts.link.endFor(reasonCodes.serverBusy, overdrawn)
  }

  #carry (heldBytes: number): void {
    if (this.#holding.carry(heldBytes) !== undefined) this.#waitForRoom()
  }

  /** What waited goes on, as far as it may; so much of a packet that is not complete may have waited too. */
  resume (heldBytes: number): void {
    if (this.#waitsForRoom && !this.#door.ingress.pressure.on) this.#stall.cut()
    if (!this.#holding.carryFits && !this.#stall.isOn) this.#carry(heldBytes)
    this.submit()
  }

  submit (): void {
    const { draining } = this.#door.ingress
    while (this.#heldCount > 0 && !this.#stall.isOn && !draining.on) {
      if (!this.#submitRun()) break
    }
    if (this.#heldCount > 0 && this.#stall.isOn) this.#parts.link.wakeAt(this.#stall.untilMs)
  }

  /** Sends on messages that follow one another and share channel and attributes: they are one request. */
  #submitRun (): boolean {
    const ring = this.#ring
    let first = this.#firstHeld
    while (ring.stateOf(first) !== states.held && first < ring.next) first += 1
    const envelopes = this.#takeRun(first)
    const [only] = envelopes
    // One that was given up on the way is progress too.
    if (only === undefined) return ring.stateOf(first) !== states.held && first < ring.next
    this.#heldCount -= envelopes.length
    this.#sentCount += envelopes.length
    this.#door.sentCount += envelopes.length
    if (envelopes.length === 1) this.#door.ingress.ingest(only, this, first)
    else this.#door.ingress.ingestMany(envelopes, this, first)
    return true
  }

  #takeRun (first: number): Envelope[] {
    const ring = this.#ring
    const roomCount = this.#parts.inFlightMax - this.#sentCount
    const head = ring.envelopeOf(first)
    const envelopes: Envelope[] = []
    let ticket = first
    while (envelopes.length < roomCount && ring.stateOf(ticket) === states.held) {
      const envelope = ring.envelopeOf(ticket)
      if (envelope === undefined || envelope.channel !== head?.channel || envelope.attributes !== head.attributes) break
      if (!this.#mayGoOn(ticket, envelope)) break
      envelopes.push(envelope)
      ring.markSent(ticket)
      ticket += 1
    }
    this.#firstHeld = ticket
    return envelopes
  }

  /** False: it has expired, or there is no room for what it holds. */
  #mayGoOn (ticket: number, envelope: Envelope): boolean {
    const expiresAtMs = this.#expiries.size === 0 ? undefined : this.#expiries.get(ticket)
    if (expiresAtMs !== undefined && Date.now() >= expiresAtMs) return this.#giveUp(ticket, envelope, expired)
    const lot = this.#ring.lotOf(ticket)
    const refusal = lot === undefined ? undefined : this.#holding.reserve(lot)
    if (refusal === undefined) return true
    // Whoever sends with QoS 0 does not wait for anything but the pressure to end.
    const { pressure } = this.#door.ingress
    if (this.#ring.qosOf(ticket) === 0 && !pressure.on) return this.#giveUp(ticket, envelope, refusal)
    this.#waitForRoom()
    return false
  }

  /** A message that nobody has had is refused here. */
  #giveUp (ticket: number, envelope: Envelope, refusal: Refusal): false {
    this.#heldCount -= 1
    this.#door.ingress.refused(refusal, envelope)
    this.#finish(ticket)
    this.acknowledging.refuse(ticket, refusal, reasonCodes.implementationSpecificError)
    return false
  }

  #wait (retryAfterMs: number | undefined): void {
    this.#stall.begin(retryAfterMs)
    this.#waitsForRoom = false
    this.#parts.link.wakeAt(this.#stall.untilMs)
  }

  /** Whose share of the memory is used up looks again soon: others may need theirs no more, whatever the pressure. */
  #waitForRoom (): void {
    this.#wait(undefined)
    this.#waitsForRoom = true
  }

  settle (ticket: number, outcome: Outcome): void {
    const { link } = this.#parts
    if (this.#ring.stateOf(ticket) !== states.sent) {
      this.#door.log.error({ ticket }, 'a message was settled twice')
      return
    }
    this.#sentCount -= 1
    this.#door.sentCount -= 1
    if (isReceipt(outcome)) this.#taken(ticket)
    else if (link.isOpen && this.#ring.qosOf(ticket) > 0 && messageReply5(outcome.code).act === 'retry') {
      this.#again(ticket, outcome)
    } else {
      this.#finish(ticket)
      this.acknowledging.refuse(ticket, outcome)
    }
    if (link.isOpen) return
    if (this.#heldCount > 0) link.flushSoon()
    else if (this.#sentCount === 0) this.#door.look()
  }

  #taken (ticket: number): void {
    if (this.#ring.qosOf(ticket) === 2) this.#parts.session.keep(this.#ring.packetIdOf(ticket))
    this.#stall.end()
    this.#finish(ticket)
    this.#parts.link.flushSoon()
  }

  /** Its acknowledgement is withheld, and it is tried again later, before anything that came after it. */
  #again (ticket: number, refusal: Refusal): void {
    const { link, sender } = this.#parts
    this.#ring.markHeld(ticket)
    this.#firstHeld = this.#heldCount === 0 ? ticket : Math.min(ticket, this.#firstHeld)
    this.#heldCount += 1
    if (refusal.code === 'rate-limited' && sender.version === 5 && (refusal.retryAfterMs ?? 0) > longWaitMs) {
      return link.endFor(reasonCodes.quotaExceeded, refusal)
    }
    this.#wait(refusal.retryAfterMs)
    if (this.#door.ingress.draining.on) link.flushSoon()
  }

  /** Lets go of what a message holds. */
  #finish (ticket: number): void {
    this.#holding.finish(this.#ring.finish(ticket, reasonCodes.success))
    if (this.#expiries.size > 0) this.#expiries.delete(ticket)
  }

  /**
   * The connection is gone: what is under way goes on. Of what nobody has yet, messages of QoS 0 may go on too, because
   * their sender takes them for sent; all others are forgotten, because theirs does not.
   */
  abandon ({ all }: { readonly all: boolean }): void {
    const ring = this.#ring
    for (let ticket = ring.oldest; ticket < ring.next; ticket++) {
      if (ring.stateOf(ticket) !== states.held || (!all && ring.qosOf(ticket) === 0)) continue
      if (ring.qosOf(ticket) === 2) this.#parts.session.drop(ring.packetIdOf(ticket))
      this.#heldCount -= 1
      this.#finish(ticket)
    }
    this.#holding.close()
    this.submit()
  }
}
