// One topic-partition: fills batches, hands them out in order, and decides what becomes of each after an attempt.

import type { Refusal, Settler } from '../../contract/outcome.ts'
import { refuse } from '../../contract/outcome.ts'
import type { SinkRecord } from '../../contract/sink.ts'
import type { ProduceResult } from '../broker-link.ts'
import { answerOf } from '../classify.ts'
import type { Answer } from '../classify.ts'
import type { Clock } from '../clock.ts'
import { timedOut, unavailable } from '../refusals.ts'
import type { Batch, OpenTickets } from './batch.ts'
import { Filling } from './filling.ts'
import { Line } from './line.ts'
import type { Memory } from './memory.ts'
import { Numbering } from './numbering.ts'
import type { ProducerIds } from './numbering.ts'
import { Pause } from './pause.ts'

const unknownTopic = 3
/** The number of batches per producer and partition that a broker remembers. */
const underWayMax = 5
/** What a lane needs of the sink around it. */
export interface LaneHost {
  readonly clock: Clock
  readonly memory: Memory
  readonly openTickets: OpenTickets
  readonly deliveryTimeoutMs: number
  readonly producerIds: ProducerIds
  /** The size of a batch that travels well to a broker. */
  batchBytesMax (leader: number): number
  /** The first record of a batch came: `flush` is to be called when it has waited long enough for company. */
  filling (lane: Lane): void
  /** The lane may have a batch to hand out to its leader. */
  ready (lane: Lane): void
  /** Compresses a sealed batch, or leaves it; calls `ready` where that took time. */
  pack (batch: Batch, lane: Lane): void
  /** What is known of the topic is out of date; the broker may have named the present leader. */
  moved (lane: Lane, leader: ProduceResult['leader']): void
  /** Told of every attempt that did not end in a receipt: by the name of the error, and its code (-1: no answer). */
  failed (lane: Lane, what: string, code: number): void
}

export class Lane {
  readonly topic: string
  readonly partition: number
  readonly #host: LaneHost
  readonly #numbering: Numbering
  /** Node id; -1: the partition has no leader now. */
  leader = -1
  /** Known to a sender as one that may have a batch. */
  listed = false
  readonly #filling: Filling
  /** Sealed batches. */
  readonly #line = new Line()
  readonly #pause: Pause
  /** No deadline of this lane is earlier. */
  #earliestMs = Infinity
  #closed = false

  constructor (topic: string, partition: number, host: LaneHost) {
    this.topic = topic
    this.partition = partition
    this.#host = host
    this.#numbering = new Numbering(host.producerIds)
    this.#pause = new Pause(host.clock, () => { this.wake() })
    const place = { topic, partition, openTickets: host.openTickets }
    this.#filling = new Filling(place, host, () => host.batchBytesMax(this.leader))
  }

  get idle (): boolean { return this.waitingCount === 0 && this.#line.underWay.length === 0 }
  get underWayCount (): number { return this.#line.underWay.length }
  get brokenCount (): number { return this.#numbering.brokenCount }
  /** Batches that wait: how long a record that comes now will wait, beside other lanes. */
  get waitingCount (): number { return this.#line.waiting.length + (this.#filling.batch === undefined ? 0 : 1) }

  waitingRecordsCount (): number {
    return this.#line.waiting.reduce((sum, batch) => sum + batch.count, this.#filling.batch?.count ?? 0)
  }

  /** False: the budget does not allow it, and nothing was taken. */
  add (record: SinkRecord, settler: Settler, ticket: number, deadlineMs: number): boolean {
    const { memory } = this.#host
    if (!memory.takeTicket()) return false
    const batch = this.#batchFor(record)
    if (batch === undefined) {
      memory.giveTickets(1)
      return false
    }
    batch.add(record, settler, ticket, deadlineMs)
    if (deadlineMs !== 0 && deadlineMs < this.#earliestMs) this.#earliestMs = deadlineMs
    return true
  }

  #batchFor (record: SinkRecord): Batch | undefined {
    const fitting = this.#filling.withRoomFor(record)
    if (fitting !== undefined) return fitting
    if (this.#filling.batch !== undefined) {
      this.#seal()
      this.#host.ready(this)
    }
    const begun = this.#filling.begin(record)
    if (begun !== undefined) this.#host.filling(this)
    return begun
  }

  #seal (): void {
    const batch = this.#filling.seal()
    if (batch === undefined) return
    this.#line.waiting.push(batch)
    this.#host.pack(batch, this)
  }

  /** The batch that fills has waited long enough. */
  flush (): void {
    if (this.#filling.batch === undefined) return
    this.#filling.flushed = true
    this.#host.ready(this)
  }

  /** True where `take` may give another batch at once. */
  get hasMore (): boolean {
    return this.#line.waiting.length > 0 || this.#filling.flushed
  }

  /** The next batch to send; from now on it may be written. Undefined: none may go now. */
  take (): Batch | undefined {
    if (this.#pause.on || this.#closed) return undefined
    const { clock } = this.#host
    const mayGo = this.#line.underWay.length === 0
      ? this.#numbering.settle(this.#line.waiting)
      : this.#line.underWay.length < underWayMax && this.#numbering.mayJoin(clock.nowMs())
    if (!mayGo) return undefined
    if (this.#line.waiting.length === 0 && this.#filling.flushed) this.#seal()
    // In a broken series what may be written goes first: the rest has no number yet.
    const at = this.#numbering.isBroken ? Math.max(0, this.#line.waiting.findIndex(({ uncertain }) => uncertain)) : 0
    const batch = this.#line.waiting[at]
    if (batch === undefined || batch.packing) return undefined
    // One that is sent again goes alone.
    if (this.#line.underWay.length > 0 && batch.producer !== undefined) return undefined
    this.#numbering.give(batch)
    this.#line.waiting.splice(at, 1)
    this.#line.underWay.push(batch)
    if (batch.leftAtMs === 0) batch.leftAtMs = clock.nowMs()
    return batch
  }

  /** The broker's answer; undefined where it left the batch out. */
  answered (batch: Batch, result: ProduceResult | undefined): void {
    if (!this.#line.land(batch)) return
    if (this.#closed) return this.#host.memory.free(batch)
    if (result?.code === 0) this.#written(batch, result.baseOffset)
    else this.#notWritten(batch, result)
    this.#afterLanding()
  }

  /** The connection ended before the answer. */
  unanswered (batch: Batch, error: Error): void {
    if (!this.#line.land(batch)) return
    if (this.#closed) return this.#host.memory.free(batch)
    this.#host.failed(this, error.message, -1)
    this.#numbering.unanswered(batch)
    this.#again(batch)
    this.#afterLanding()
  }

  #afterLanding (): void {
    // What has filled meanwhile has waited long enough.
    if (this.#line.underWay.length === 0 && this.#filling.batch !== undefined) this.#filling.flushed = true
    if (this.hasMore) this.#host.ready(this)
  }

  #written (batch: Batch, baseOffset: number): void {
    this.#pause.succeeded()
    this.#numbering.written(batch, this.#host.clock.nowMs())
    this.#host.memory.free(batch)
    batch.receive(baseOffset)
  }

  /** A definite answer is about this attempt only: what was uncertain before stays so. */
  #notWritten (batch: Batch, result: ProduceResult | undefined): void {
    const code = result?.code ?? -1
    const answer = answerOf(code)
    this.#host.failed(this, answer.name, code)
    if (code === unknownTopic) this.#numbering.forgotten()
    if (answer.stale) this.#host.moved(this, result?.leader)
    switch (answer.action) {
      case 'unsure': this.#numbering.unanswered(batch); return this.#again(batch)
      case 'again': return this.#again(batch)
      case 'renew': case 'fenced': case 'duplicate': return this.#outOfOrder(batch, answer)
      case 'split': case 'refuse': return this.#refused(batch, answer, result?.invalidRecords ?? [])
    }
  }

  #outOfOrder (batch: Batch, { action }: Answer): void {
    if (this.#numbering.isVoid(batch) || this.#line.hasBefore(batch)) {
      // As expected: one before it was not written.
      this.#requeue(batch)
    } else if (action === 'duplicate' && batch.uncertain) {
      // An earlier attempt was written; where, Kafka no longer knows.
      this.#written(batch, -1)
    } else if (batch.uncertain) {
      this.#lose(batch)
    } else {
      this.#numbering.break(action === 'fenced')
      this.#again(batch)
    }
  }

  #refused (batch: Batch, { action, detail }: Answer, invalidRecords: readonly number[]): void {
    if (batch.uncertain) return this.#lose(batch)
    const { memory } = this.#host
    const others = this.#line.all
    const refusal = refuse('undeliverable', detail)
    this.#numbering.void(batch, others)
    if (action === 'split' && invalidRecords.length > 0 && invalidRecords.length < batch.count) {
      batch.refuseAt(invalidRecords, refusal)
      const rest = memory.without(batch)
      if (rest !== undefined) this.#requeue(rest)
    } else if (action === 'split' && batch.count > 1) {
      for (const half of memory.halves(batch, others)) this.#requeue(half)
    } else {
      memory.free(batch)
      batch.giveUp(refusal, false)
    }
  }

  #lose (batch: Batch): void {
    this.#numbering.break()
    this.#host.memory.free(batch)
    batch.giveUp(unavailable, true)
  }

  #again (batch: Batch): void {
    this.#requeue(batch)
    this.#pause.begin()
  }

  /** Ends a pause: there is news. */
  wake (): void {
    this.#pause.end()
    if (this.hasMore) this.#host.ready(this)
  }

  #requeue (batch: Batch): void {
    this.#line.insert(batch)
    this.#earliestMs = Math.min(this.#earliestMs, batch.earliestMs)
  }

  /** Settles what is over its deadline, and gives up what may be written once nobody has waited for it long enough. */
  sweep (nowMs: number): void {
    if (nowMs < this.#earliestMs && this.#line.waiting[0]?.openCount !== 0) return
    if (this.#line.underWay.length === 0) this.#numbering.settle(this.#line.waiting)
    for (const batch of [...this.#line.underWay]) batch.expire(nowMs, timedOut, false)
    for (const batch of [...this.#line.waiting]) {
      const isSent = batch.producer !== undefined
      batch.expire(nowMs, isSent ? timedOut : unavailable, !isSent)
      if (batch.recalledCount > 0) this.#line.replace(batch, this.#host.memory.without(batch))
      else if (batch.openCount === 0 && nowMs - batch.leftAtMs > this.#host.deliveryTimeoutMs) this.#abandon(batch)
    }
    this.#filling.batch?.expire(nowMs, unavailable, true)
    this.#earliestMs = Math.min(this.#filling.batch?.earliestMs ?? Infinity, this.#line.earliestMs)
  }

  #abandon (batch: Batch): void {
    if (batch.producer !== undefined && !batch.uncertain) return
    this.#line.replace(batch, undefined)
    if (batch.uncertain) this.#lose(batch)
    else this.#host.memory.free(batch)
  }

  /** Refuses everything that certainly is not written; the rest goes on. */
  refuseUnsent (refusal: Refusal): void {
    if (this.#line.underWay.length === 0) this.#numbering.settle(this.#line.waiting)
    const unsent = this.#line.removeUnnumbered().concat(this.#filling.remove() ?? [])
    for (const batch of unsent) this.#host.memory.free(batch)
    for (const batch of unsent) batch.giveUp(refusal, false)
  }

  /** The partition does not exist any more: what was unsure stays so for good. */
  gone (refusal: Refusal): void {
    this.refuseUnsent(refusal)
    for (const batch of this.#line.waiting.splice(0)) this.#lose(batch)
  }

  /** No broker remembers the producer any more. */
  forgotten (): void {
    this.#numbering.forgotten()
  }

  /** The end: settles everything, honestly. What is under way keeps its buffer until its connection is gone. */
  close (refusal: Refusal): void {
    this.#closed = true
    this.#pause.end()
    this.refuseUnsent(refusal)
    for (const batch of this.#line.all) batch.giveUp(unavailable, true)
    for (const batch of this.#line.waiting.splice(0)) this.#host.memory.free(batch)
  }
}
