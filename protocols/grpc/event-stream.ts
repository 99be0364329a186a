// PublishStream: events with the client's own numbers in, cumulative acks and nacks out, within a window.

import { AckWindow } from '../../src/contract/ack-window.ts'
import { isEnvelope } from '../../src/contract/envelope.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import { isReceipt, refuse } from '../../src/contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../../src/contract/outcome.ts'
import { Call } from './call.ts'
import type { CallParts } from './call.ts'
import { Decoder } from './decode.ts'
import type { Turning } from './door.ts'
import { PublishStreamResponse } from './generated/sluice/v1/ingest.ts'
import type { Nack, StreamReceipt } from './generated/sluice/v1/ingest.ts'
import { Patience } from './patience.ts'
import { bytesOf, endingOf, endsStream, fine, receiptOf, refusalOf } from './reply.ts'
import type { Ending } from './reply.ts'

/** Under pressure, this share of the window is left. */
const pressedShare = 8

/** How long a stream with nothing in flight waits for memory. */
const overloadedMs = 2_000

const aged = refuse('shutting-down', 'this connection has reached its age; go on with a new stream on a new connection')
const openedLate = refuse('malformed', 'open may only be the first message of a stream')
const wrongOrder = refuse('malformed', 'the ids of a stream grow; this one is not above the one before it')
const cutShort = refuse('malformed', 'the stream ended within a message; send that again, whole')
const expired = refuse('unauthenticated', 'the proof of who sends has ended; open a new stream with a new one')

export class EventStream extends Call implements Settler, Turning {
  readonly streams = true
  readonly #decoder = new Decoder()
  readonly #window = new AckWindow()
  readonly #patience: Patience
  #windowCount: number
  #windowTold = false
  #opened = false
  #receiptsAsked = false
  #standingChannel = ''
  /** What has come in this turn and shares a channel; the events are open already, from `#chunkTicket` on. */
  #chunk: Envelope[] = []
  #chunkTicket = 0
  #nacks: Nack[] = []
  #receipts: StreamReceipt[] = []
  #writing = false
  #scheduled = false
  /** When its connection was seen to be closing. */
  #closingTick: number | undefined
  /** How the stream ends when nothing is in flight any more. */
  #ending: Ending | undefined

  constructor (parts: CallParts) {
    super(parts)
    this.#windowCount = this.#windowNow(this.door.ingress.pressure.on)
    this.#patience = new Patience({ take: bytes => this.take(bytes), give: bytes => { this.give(bytes) } })
  }

  get openCount (): number { return this.#window.openCount }
  override get isOver (): boolean { return super.isOver || this.#ending !== undefined }
  get isPaid (): boolean { return this.#patience.isPaid }

  #windowNow (pressed: boolean): number {
    const { eventsInFlightMax } = this.door.config
    return pressed ? Math.max(1, Math.floor(eventsInFlightMax / pressedShare)) : eventsInFlightMax
  }

  protected override admitted (): void {
    // It tells its window first, whatever comes.
    this.#schedule()
    super.admitted()
  }

  override get takes (): boolean { return this.#hasRoom && this.#patience.isPaid }
  /** What comes behind the status only has to get out of the way of other calls. */
  override get reads (): boolean { return super.isOver || (this.#hasRoom && !this.#patience.waits) }

  /** What has not been told counts too: a client that does not read its nacks gets no room for more. */
  get #hasRoom (): boolean {
    return this.isAdmitted && !this.isOver &&
      this.#window.openCount + this.#nacks.length + this.#receipts.length < this.#windowCount
  }

  override announced (bytes: number, compressed: boolean): void {
    if (this.isOver) return
    const refusal = this.tooLarge(bytes)
    if (refusal !== undefined) return this.#fail(refusal)
    this.#patience.announce(compressed ? this.door.config.messageBytesMax : bytes, this.door.tick)
  }

  override message (bytes: Buffer): void {
    this.lastTick = this.door.tick
    this.give(this.#patience.next() - bytes.length)
    const message = this.#decoder.streamed(bytes, this, this.#standingChannel)
    if (message.kind !== 'event') {
      this.give(bytes.length)
      return message.kind === 'open' ? this.#open(message.receipts, message.channel) : this.#fail(message.refusal)
    }
    this.#opened = true
    const { id, event } = message
    if (id <= this.#window.lastId) {
      this.give(bytes.length)
      return this.#fail(wrongOrder)
    }
    const ticket = this.#window.open(id, bytes.length)
    if (!isEnvelope(event)) {
      this.door.ingress.refused(event, this)
      return this.settle(ticket, event)
    }
    if (this.#chunk.length > 0 && !this.#continues(event, ticket)) this.#ingest()
    if (this.#chunk.length === 0) this.#chunkTicket = ticket
    this.#chunk.push(event)
    this.#schedule()
  }

  #continues (event: Envelope, ticket: number): boolean {
    return this.#chunkTicket + this.#chunk.length === ticket && this.#chunk[0]?.channel === event.channel
  }

  #open (receipts: boolean, channel: string): void {
    if (this.#opened) return this.#fail(openedLate)
    this.#opened = true
    this.#receiptsAsked = receipts
    this.#standingChannel = channel
  }

  #ingest (): void {
    const chunk = this.#chunk
    const [first] = chunk
    if (first === undefined) return
    this.#chunk = []
    if (chunk.length === 1) this.door.ingress.ingest(first, this, this.#chunkTicket)
    else this.door.ingress.ingestMany(chunk, this, this.#chunkTicket)
  }

  settle (ticket: number, outcome: Outcome): void {
    const id = this.#window.idOf(ticket)
    const bytes = this.#window.bytesOf(ticket)
    if (!this.#window.close(ticket)) return
    this.give(bytes)
    if (this.over) return this.leave()
    if (!isReceipt(outcome)) {
      this.#nacks.push({ id, refusal: refusalOf(outcome) })
      if (endsStream(outcome.code)) this.endWith(outcome)
    } else if (this.#receiptsAsked) this.#receipts.push({ id, receipt: receiptOf(outcome) })
    this.#schedule()
  }

  #schedule (): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.door.schedule(this)
  }

  /** What came in goes on, what is known is told, and there may be room for more. */
  turn (): void {
    if (this.over) return
    this.#ingest()
    this.#scheduled = false
    this.#patience.retry()
    if (this.#ending !== undefined && this.openCount === 0) return this.#finish(this.#ending)
    if (!this.#writing && this.isAdmitted) this.#tell()
    this.messages.advance()
  }

  /** Everything that has become known since the last time, in one message. */
  #tell (): void {
    const acked = this.#window.takeAck()
    const nacks = this.#nacks
    const receipts = this.#receipts
    if (acked === undefined && nacks.length === 0 && receipts.length === 0 && this.#windowTold) return
    const window = this.#windowTold ? undefined : this.#windowCount
    this.#windowTold = true
    if (nacks.length > 0) this.#nacks = []
    if (receipts.length > 0) this.#receipts = []
    this.#writing = true
    this.lastTick = this.door.tick
    this.send(bytesOf(PublishStreamResponse.encode({ acked, nacks, receipts, window })), () => {
      this.#writing = false
      this.lastTick = this.door.tick
      if (!this.over && !this.answered) this.#schedule()
    })
  }

  #finish (ending: Ending): void {
    if (this.answered) return
    this.#tell()
    this.end(ending)
  }

  override halfClosed (isWhole: boolean): void {
    if (isWhole) this.endAs(fine)
    else this.#fail(cutShort)
  }

  /** Ends the stream for something its client did. */
  #fail (refusal: Refusal): void {
    if (this.#ending !== undefined) return
    this.door.ingress.refused(refusal, this)
    this.endWith(refusal)
  }

  override unreadable (refusal: Refusal): void { this.#fail(refusal) }

  protected override endWith (refusal: Refusal): void { this.endAs(endingOf(refusal)) }

  /** Nothing more is read; what has been taken gets its outcome first. */
  protected override endAs (ending: Ending): void {
    if (this.#ending !== undefined) return
    this.#ending = ending
    this.#patience.drop()
    this.#schedule()
  }

  protected override gone (): void {
    this.#patience.drop()
    const chunk = this.#chunk
    this.#chunk = []
    // They were read and not passed on: nobody will settle them.
    for (const index of chunk.keys()) {
      const ticket = this.#chunkTicket + index
      this.give(this.#window.bytesOf(ticket))
      this.#window.close(ticket)
    }
    this.#nacks = []
    this.#receipts = []
  }

  override press (on: boolean): void {
    this.#windowCount = this.#windowNow(on)
    this.#windowTold = false
    this.#schedule()
  }

  /** Half of its grace after the connection has been told to go: the other half is for what is in flight. */
  #outlived (tick: number): boolean {
    if (!this.connection.session.closed) return false
    this.#closingTick ??= tick
    return tick - this.#closingTick >= this.door.ticks(this.door.config.connectionAgeGraceMs / 2)
  }

  override sweep (tick: number): void {
    if (this.answered) return this.sweepAnswered(tick)
    const { door, principal } = this
    if (principal.expiresAtMs !== undefined && principal.expiresAtMs <= Date.now()) return this.#fail(expired)
    if (this.#outlived(tick)) return this.endWith(aged)
    if (this.#writing && tick - this.lastTick > door.ticks(door.config.writeTimeoutMs)) return this.drop()
    this.#patience.retry()
    this.messages.advance()
    const late = this.openCount === 0 ? this.#patience.late(tick, door.ticks(overloadedMs)) : undefined
    if (late !== undefined) return this.#fail(late)
    if (this.openCount > 0 || tick - this.lastTick <= door.ticks(door.config.streamIdleTimeoutMs)) return
    // Nothing is in flight: it is as good an end as any, and the client begins a new one when it needs it.
    if (this.#patience.empty) this.endAs(fine)
    else if (!this.#patience.waits) this.drop()
  }
}
