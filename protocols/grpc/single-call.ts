// A call with one message and one answer: Publish and PublishBatch. The whole message is reserved before it is read.

import { isReceipt, isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../../src/contract/outcome.ts'
import { isEnvelope } from '../../src/contract/envelope.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import { Call } from './call.ts'
import type { CallParts } from './call.ts'
import { Decoder } from './decode.ts'
import { PublishBatchResponse, PublishResponse } from './generated/sluice/v1/ingest.ts'
import type { Result } from './generated/sluice/v1/ingest.ts'
import { bytesOf, endingOf, fine, receiptOf, resultOf } from './reply.ts'
import type { Ending } from './reply.ts'

const noMessage = refuse('malformed', 'the call has no message; send one')
const cutShort = refuse('malformed', 'the call ended within its message; send it again, whole')
const secondMessage = refuse('malformed', 'the call has more than one message; send one, or use PublishStream')

/** Calls are read one at a time: they share one decoder. */
const decoder = new Decoder()

abstract class SingleCall extends Call implements Settler {
  readonly streams = false
  openCount = 0
  #reservedBytes = 0
  #compressed = false
  #messagesCount = 0
  #message: Buffer | undefined

  get isPaid (): boolean { return this.#reservedBytes > 0 }

  override get takes (): boolean { return !this.isOver }
  override get reads (): boolean { return this.isAdmitted || this.isOver }

  override announced (bytes: number, compressed: boolean): void {
    if (this.isOver) return
    this.#messagesCount += 1
    const { messageBytesMax } = this.door.config
    // What a compressed message becomes is known when it is too late, so the most is taken until then.
    const takenBytes = compressed ? messageBytesMax : bytes
    const refusal = this.#messagesCount > 1 ? secondMessage : this.tooLarge(bytes) ?? this.take(takenBytes)
    if (refusal !== undefined) return this.refuse(refusal)
    this.#compressed = compressed
    this.#reservedBytes = takenBytes
  }

  override message (bytes: Buffer): void {
    if (this.#compressed) {
      this.give(this.#reservedBytes - bytes.length)
      this.#reservedBytes = bytes.length
    }
    this.#message = bytes
    this.lastTick = this.door.tick
  }

  override halfClosed (isWhole: boolean): void {
    if (this.isOver) return
    const message = this.#message
    this.#message = undefined
    if (!isWhole) return this.refuse(cutShort)
    if (message === undefined) return this.refuse(noMessage)
    this.publish(message)
  }

  protected abstract publish (message: Buffer): void
  abstract settle (ticket: number, outcome: Outcome): void

  /** An event has its outcome. */
  protected settled (): void {
    this.openCount -= 1
    if (this.openCount > 0) return
    this.#release()
    this.leave()
  }

  protected answer (bytes: Buffer): void {
    if (this.over || this.answered) return
    this.answered = true
    this.lastTick = this.door.tick
    this.conclude()
    this.send(bytes, () => { this.wire.sendStatus(fine) })
  }

  protected override gone (): void { if (this.openCount === 0) this.#release() }

  override refuse (refusal: Refusal): void {
    super.refuse(refusal)
    this.gone()
  }

  #release (): void {
    this.#message = undefined
    this.give(this.#reservedBytes)
    this.#reservedBytes = 0
  }

  override unreadable (refusal: Refusal): void { if (!this.isOver) this.refuse(refusal) }

  protected override endAs (ending: Ending): void {
    this.end(ending)
    this.gone()
  }

  /** What has begun is finished: only what has not been read yet is refused. */
  protected override endWith (refusal: Refusal): void {
    if (this.openCount === 0 && !this.answered) this.refuse(refusal)
  }

  override press (): void {}

  override sweep (tick: number): void {
    if (this.answered) return this.sweepAnswered(tick)
    const { door } = this
    if (this.openCount === 0 && tick - this.lastTick > door.ticks(door.config.messageTimeoutMs)) this.drop()
  }
}

/** Publish: one event. */
export class PublishCall extends SingleCall {
  protected override publish (message: Buffer): void {
    const event = decoder.one(message, this)
    if (!isEnvelope(event)) return this.refuse(event)
    this.openCount = 1
    this.door.ingress.ingest(event, this, 0)
  }

  override settle (_ticket: number, outcome: Outcome): void {
    if (this.openCount === 0) return
    if (!isReceipt(outcome)) this.end(endingOf(outcome))
    else this.answer(bytesOf(PublishResponse.encode({ receipt: receiptOf(outcome) })))
    this.settled()
  }
}

/** PublishBatch: a result for each event, in order. */
export class BatchCall extends SingleCall {
  #results: (Result | undefined)[] = []

  constructor (parts: CallParts) {
    super(parts)
  }

  protected override publish (message: Buffer): void {
    const events = decoder.many(message, this, this.door.config.batchEventsMax)
    if (isRefusal(events)) return this.refuse(events)
    this.#results = new Array<Result | undefined>(events.length)
    if (events.length === 0) {
      this.#answer()
      return this.gone()
    }
    this.openCount = events.length
    let run: Envelope[] = []
    for (const [at, event] of events.entries()) {
      // Events that are ingested together share their channel.
      if (run.length > 0 && (!isEnvelope(event) || event.channel !== run[0]?.channel)) {
        this.door.ingress.ingestMany(run, this, at - run.length)
        run = []
      }
      if (!isEnvelope(event)) {
        this.door.ingress.refused(event, this)
        this.settle(at, event)
      } else run.push(event)
    }
    if (run.length > 0) this.door.ingress.ingestMany(run, this, events.length - run.length)
  }

  override settle (ticket: number, outcome: Outcome): void {
    if (this.#results[ticket] !== undefined) return
    this.#results[ticket] = resultOf(outcome)
    if (this.openCount === 1) this.#answer()
    this.settled()
  }

  #answer (): void {
    const results = this.#results.filter(result => result !== undefined)
    this.answer(bytesOf(PublishBatchResponse.encode({ results })))
  }
}
