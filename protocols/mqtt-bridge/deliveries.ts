// The messages of one bridge from PUBLISH to PUBACK: a window, tries until there is an outcome, and acks in order.

import type { Ingress, Log } from '../../src/contract/adapter.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import { isReceipt, isRefusal } from '../../src/contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../../src/contract/outcome.ts'
import type { PublishPacket } from '../mqtt/codec/packet.ts'
import { Backoff } from './backoff.ts'
import type { BridgeSettings } from './config.ts'
import type { Acknowledgement } from './connection.ts'
import { AckLine, isSame, sizeOf } from './delivery.ts'
import type { Delivery } from './delivery.ts'
import { channelOf, decode } from './decode.ts'
import type { Shared } from './decode.ts'
import { actionOf, replies } from './reply.ts'

export interface DeliveriesOptions {
  readonly settings: BridgeSettings
  readonly ingress: Ingress
  readonly log: Log
  /** Acknowledges over the connection of the moment. */
  readonly acknowledge: (list: readonly Acknowledgement[]) => void
  /** There may be room again. */
  readonly onRoom: () => void
  /** A message is refused, and the operator wants to stop at that. */
  readonly onStop: (refusal: Refusal, topic: string) => void
}

const firstRetryMs = 100
/** A refused message is logged, but not more often than this. */
const refusalLogMs = 1_000

export class Deliveries implements Settler {
  readonly #options: DeliveriesOptions
  readonly #backoff: Backoff
  readonly #slots: (Delivery | undefined)[] = []
  readonly #freeTickets: number[] = []
  /** Of this connection. */
  readonly #line = new AckLine()
  /** By packet id: those of this connection, and those of the one before that are not resolved. */
  readonly #known = new Map<number, Delivery>()
  #waiting: PublishPacket[] = []
  #waitingBytes = 0
  #resting: Delivery[] = []
  #shared: Shared | undefined
  #timer: NodeJS.Timeout | undefined
  #turn: NodeJS.Immediate | undefined
  #flyingCount = 0
  #refusalLoggedAtMs = -Infinity
  #isEnding = false
  /** True while the broker may send again what the connection before did not acknowledge. */
  #mayRejoin = false
  #onIdle: (() => void) | undefined
  reservedBytes = 0
  refusedCount = 0
  retriedCount = 0
  rejoinedCount = 0

  constructor (options: DeliveriesOptions) {
    this.#options = options
    this.#backoff = new Backoff({ firstMs: firstRetryMs, longestMs: options.settings.retryDelayMaxMs })
  }

  get heldCount (): number { return this.#slots.length - this.#freeTickets.length }
  get restingCount (): number { return this.#resting.length }
  get waitingBytes (): number { return this.#waitingBytes }

  /** A connection begins. Without its session, the broker knows no packet id of the one before. */
  begin (shared: Shared, isResumed: boolean): void {
    this.#shared = shared
    this.#mayRejoin = true
    if (!isResumed) this.#forgetUnheard()
  }

  /** The connection is gone: the broker sends again what was not acknowledged, if it keeps the session. */
  lost (): void {
    this.#shared = undefined
    this.#waiting = []
    this.#waitingBytes = 0
    for (const delivery of this.#resting) if (delivery.packetId !== 0) this.#free(delivery)
    this.#resting = this.#resting.filter(({ packetId }) => packetId === 0)
    for (const delivery of this.#line.clear()) delivery.isHeard = false
  }

  /** False: the messages that are read already have no room; reading on would only hold more. */
  hasRoom (): boolean {
    return this.#waitingBytes < this.#options.settings.readAheadBytesMax && !this.#isEnding
  }

  take (packet: PublishPacket): void {
    this.#waiting.push(packet)
    this.#waitingBytes += sizeOf(packet)
    // Nothing overtakes: what waits goes first.
    if (this.#waiting.length === 1) this.#admit()
  }

  settle (ticket: number, outcome: Outcome): void {
    const delivery = this.#slots[ticket]
    if (delivery?.state !== 'flying') return
    this.#flyingCount--
    if (isReceipt(outcome)) {
      this.#backoff.reset()
      this.#finish(delivery, 0)
    } else {
      this.#refused(delivery, outcome)
    }
    this.#plan()
  }

  /** Tries whatever rests, and takes what waits. For a timer, and for whoever knows that there is room. */
  retry (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const resting = this.#resting
    this.#resting = []
    for (const delivery of resting) {
      if (delivery.envelope === undefined) continue
      this.retriedCount++
      this.#ingest(delivery, delivery.envelope)
    }
    this.#admit()
    this.#plan()
  }

  /** Takes nothing more. Resolves when everything that can be acknowledged is. */
  async end (): Promise<void> {
    this.#isEnding = true
    clearTimeout(this.#timer)
    this.#waiting = []
    this.#waitingBytes = 0
    for (const delivery of this.#resting.splice(0)) this.#release(delivery)
    if (this.#flyingCount > 0) await new Promise<void>(resolve => { this.#onIdle = resolve })
    this.#takeTurn()
    for (const delivery of this.#slots) if (delivery !== undefined) this.#release(delivery)
  }

  #admit (): void {
    const { settings, ingress } = this.#options
    while (this.#shared !== undefined && !this.#isEnding && this.#resting.length === 0) {
      const [packet] = this.#waiting
      if (packet === undefined) return
      if (!packet.dup && packet.qos === 1 && this.#mayRejoin) this.#forgetUnheard()
      if (!this.#isKnown(packet)) {
        // The next outcome makes room.
        if (this.heldCount >= settings.inFlightEventsMax) return
        const refusal = ingress.reserve(sizeOf(packet), this.#shared.principal)
        if (refusal !== undefined && replies[refusal.code].fate === 'hold') return this.#tryLater(0)
        this.#waiting.shift()
        this.#waitingBytes -= sizeOf(packet)
        this.#open(packet, this.#shared, refusal)
      } else {
        this.#waiting.shift()
        this.#waitingBytes -= sizeOf(packet)
      }
    }
  }

  /**
   * True of a message that is here already: sent again after its connection broke, or by a broker that sends again
   * without that. Packet ids are used anew, so only the same message counts.
   */
  #isKnown (packet: PublishPacket): boolean {
    const known = packet.dup && packet.qos === 1 ? this.#known.get(packet.packetId) : undefined
    if (known === undefined || !isSame(known.packet, packet)) return false
    if (known.isHeard) return true
    known.isHeard = true
    this.rejoinedCount++
    this.#line.push(known)
    if (known.state === 'done') this.#plan()
    return true
  }

  /** Without a refusal, its bytes are reserved. */
  #open (packet: PublishPacket, shared: Shared, refusal: Refusal | undefined): void {
    const ticket = this.#freeTickets.pop() ?? this.#slots.push(undefined) - 1
    const receivedAtMs = Date.now()
    const envelope = refusal ?? decode(packet, shared, receivedAtMs)
    const delivery: Delivery = {
      ticket, packetId: packet.packetId, packet, envelope: isRefusal(envelope) ? undefined : envelope,
      principal: shared.principal, reservedBytes: refusal === undefined ? sizeOf(packet) : 0, state: 'flying',
      reasonCode: 0, isHeard: true
    }
    this.reservedBytes += delivery.reservedBytes
    this.#slots[ticket] = delivery
    if (packet.qos === 1) {
      this.#known.set(packet.packetId, delivery)
      this.#line.push(delivery)
    }
    if (!isRefusal(envelope)) return this.#ingest(delivery, envelope)
    const channel = channelOf(packet.topicName, shared.settings)
    const { principal, peer } = shared
    this.#options.ingress.refused(envelope, {
      channel: isRefusal(channel) ? '' : channel, principal, peer, receivedAtMs
    })
    this.#refused(delivery, envelope)
    this.#plan()
  }

  #ingest (delivery: Delivery, envelope: Envelope): void {
    delivery.state = 'flying'
    this.#flyingCount++
    this.#options.ingress.ingest(envelope, this, delivery.ticket)
  }

  #refused (delivery: Delivery, refusal: Refusal): void {
    const { settings, log, onStop } = this.#options
    const action = actionOf(refusal.code, settings)
    const { topicName } = delivery.packet
    // Whoever sends it again is the broker, or nobody.
    if (action === 'hold' && (this.#isEnding || !delivery.isHeard)) return this.#free(delivery)
    if (action === 'hold') return this.#rest(delivery, refusal)
    if (action === 'stop') {
      this.#free(delivery)
      return onStop(refusal, topicName)
    }
    this.refusedCount++
    const nowMs = performance.now()
    if (nowMs - this.#refusalLoggedAtMs > refusalLogMs) {
      this.#refusalLoggedAtMs = nowMs
      const fields = { bridge: settings.name, topic: topicName, code: refusal.code, detail: refusal.detail }
      log.warn({ ...fields, refused: this.refusedCount }, 'a message was refused for good: the broker may drop it')
    }
    this.#finish(delivery, replies[refusal.code].reasonCode)
  }

  #rest (delivery: Delivery, { retryAfterMs = 0 }: Refusal): void {
    delivery.state = 'resting'
    this.#resting.push(delivery)
    this.#tryLater(retryAfterMs)
  }

  #tryLater (leastMs: number): void {
    if (this.#timer !== undefined || this.#isEnding) return
    const delayMs = Math.max(leastMs, firstRetryMs / 2 + this.#backoff.nextMs())
    this.#timer = setTimeout(() => { this.retry() }, Math.min(delayMs, this.#options.settings.retryDelayMaxMs))
  }

  #finish (delivery: Delivery, reasonCode: number): void {
    delivery.state = 'done'
    delivery.reasonCode = reasonCode
    const isAwaited = delivery.isHeard || this.#known.get(delivery.packetId) === delivery
    if (delivery.packetId === 0 || !isAwaited) this.#free(delivery)
  }

  /** Acks leave once per turn of the event loop, however many outcomes came in it. */
  #plan (): void {
    this.#turn ??= setImmediate(() => { this.#takeTurn() })
  }

  #takeTurn (): void {
    clearImmediate(this.#turn)
    this.#turn = undefined
    const due = this.#line.takeDone(delivery => { this.#free(delivery) })
    if (due.length > 0) this.#options.acknowledge(due)
    if (this.#flyingCount === 0) this.#onIdle?.()
    if (this.#isEnding) return
    this.#admit()
    if (this.hasRoom()) this.#options.onRoom()
  }

  /** The broker does not send them again: those under way end for themselves. */
  #forgetUnheard (): void {
    this.#mayRejoin = false
    for (const delivery of [...this.#known.values()]) {
      if (delivery.isHeard) continue
      this.#known.delete(delivery.packetId)
      if (delivery.state === 'done') this.#free(delivery)
    }
  }

  #release (delivery: Delivery): void {
    const { reservedBytes, principal } = delivery
    delivery.reservedBytes = 0
    this.reservedBytes -= reservedBytes
    if (reservedBytes > 0) this.#options.ingress.release(reservedBytes, principal)
  }

  #free (delivery: Delivery): void {
    this.#release(delivery)
    if (this.#known.get(delivery.packetId) === delivery) this.#known.delete(delivery.packetId)
    this.#slots[delivery.ticket] = undefined
    this.#freeTickets.push(delivery.ticket)
  }
}
