// One topic-partition: its queue and the one batch under way. Decides what becomes of a batch after each attempt.

// Why one batch at a time, and why the same one again after a lost answer: kafkajs takes its sequence number back when
// an attempt fails. If batch A was written, its answer lost, and batch B sent next with A's sequence numbers, the
// broker would take B for a repetition of A and acknowledge it without writing it. So A goes again, unchanged and under
// the same producer id, until the broker has answered. A batch that is given up takes its producer id with it.

import { refuse } from '../../contract/outcome.ts'
import type { Refusal } from '../../contract/outcome.ts'
import { backoffMs } from '../backoff.ts'
import { answerOf } from '../classify.ts'
import type { Answer } from '../classify.ts'
import { unavailable } from '../refusals.ts'
import { Batch } from './batch.ts'
import type { Entry, Ledger } from './batch.ts'
import type { ProducerLink, Sent } from './driver.ts'

/** kafkajs spends time in the square of this on grouping a batch. */
const batchCountMax = 500
/** Well before the sequence numbers of a partition wrap at 2^31, which kafkajs gets wrong. */
const sequenceMax = 2 ** 30

/** What a lane needs of its topic. */
export interface LaneHost {
  readonly ledger: Ledger
  readonly batchBytesMax: number
  readonly deliveryTimeoutMs: number
  /** The identity that new batches use; each call is matched by one `release`. */
  producer (): ProducerLink
  release (link: ProducerLink): void
  /** No new batch may use this identity. */
  retire (link: ProducerLink, why: string): void
  /** Calls `lane.run()` when the lane's leader has no other batch of this topic; matched by one `turnOver`. */
  turn (lane: Lane): void
  turnOver (lane: Lane): void
  /** Calls `lane.lingered()` when its first record has waited long enough for company. */
  linger (lane: Lane): void
  /** Told of every attempt that did not end in a receipt. */
  failed (lane: Lane, sent: Exclude<Sent, { kind: 'written' }>): void
}

export class Lane {
  readonly partition: number
  readonly #host: LaneHost
  #queue: Entry[] = []
  #queuedBytes = 0
  #batch: Batch | undefined
  /** Waits for its turn, for an answer, or for the next try. */
  #busy = false
  #lingered = false
  #timer: NodeJS.Timeout | undefined
  #failureCount = 0
  /** No deadline of this lane is earlier. */
  #earliestMs = Infinity
  #countMax = batchCountMax
  #sequenceLink: ProducerLink | undefined
  #sequenceCount = 0
  #closed = false
  /** Records in the latest batch: says whether waiting for company is worth it. */
  lastCount = 0

  constructor (partition: number, host: LaneHost) {
    this.partition = partition
    this.#host = host
  }

  get idle (): boolean { return !this.#busy && this.#queue.length === 0 && this.#batch === undefined }
  get hasBatch (): boolean { return this.#batch !== undefined }

  push (entry: Entry): void {
    this.#queue.push(entry)
    this.#queuedBytes += entry.bytes
    this.#host.ledger.queuedCount++
    if (entry.deadlineMs !== 0 && entry.deadlineMs < this.#earliestMs) this.#earliestMs = entry.deadlineMs
    if (this.#lingered || this.#queuedBytes >= this.#host.batchBytesMax) this.lingered()
    else if (this.#queue.length === 1) this.#host.linger(this)
  }

  /** The queue may go as soon as the lane is free. */
  lingered (): void {
    if (this.#queue.length === 0) return
    this.#lingered = true
    if (this.#busy || this.#closed) return
    this.#busy = true
    this.#host.turn(this)
  }

  /** It is this lane's turn. */
  run (): void {
    this.#batch ??= this.#take()
    if (this.#batch === undefined || this.#closed) {
      this.#free()
      return
    }
    void this.#attempt(this.#batch)
  }

  /** Settles what is over its deadline. */
  sweep (nowMs: number): void {
    if (nowMs < this.#earliestMs) return
    this.#batch?.expire(nowMs)
    this.#drop((entry) => entry.deadlineMs !== 0 && entry.deadlineMs <= nowMs, unavailable)
    let earliest = Infinity
    for (const entries of [this.#batch?.entries ?? [], this.#queue]) {
      for (const { deadlineMs, settled } of entries) {
        if (!settled && deadlineMs !== 0 && deadlineMs < earliest) earliest = deadlineMs
      }
    }
    this.#earliestMs = earliest
  }

  /** Refuses everything that certainly is not written; the rest goes on. */
  refuseUnsent (refusal: Refusal): void {
    if (this.#batch?.uncertain === false) this.#batch.giveUp(refusal)
    this.#drop(() => true, refusal)
  }

  /** The end: settles everything, honestly. */
  close (refusal: Refusal): void {
    this.#closed = true
    clearTimeout(this.#timer)
    this.#batch?.giveUp(refusal)
    this.#drop(() => true, refusal)
  }

  #drop (over: (entry: Entry) => boolean, refusal: Refusal): void {
    const dropped: Entry[] = []
    const kept: Entry[] = []
    for (const entry of this.#queue) (over(entry) ? dropped : kept).push(entry)
    this.#queue = kept
    // Settling may bring new records into the queue: it is in order before.
    for (const entry of dropped) this.#gone(entry)
    for (const entry of dropped) this.#host.ledger.settle(entry, refusal)
  }

  #gone (entry: Entry): void {
    this.#queuedBytes -= entry.bytes
    this.#host.ledger.queuedCount--
    this.#host.ledger.free(entry.bytes)
  }

  #take (): Batch | undefined {
    const { batchBytesMax, ledger } = this.#host
    this.sweep(performance.now())
    let count = 0
    let bytes = 0
    for (const entry of this.#queue) {
      if (count > 0 && (bytes + entry.bytes > batchBytesMax || count >= this.#countMax)) break
      count++
      bytes += entry.bytes
    }
    const taken = count === this.#queue.length ? this.#queue : this.#queue.splice(0, count)
    if (taken === this.#queue) {
      this.#queue = []
      this.#lingered = false
    }
    this.#queuedBytes -= bytes
    ledger.queuedCount -= count
    this.lastCount = count
    return count === 0 ? undefined : new Batch(taken, ledger)
  }

  async #attempt (batch: Batch): Promise<void> {
    const uncertainBefore = batch.uncertain
    batch.link ??= this.#host.producer()
    const { link } = batch
    const sent = await link.send(this.partition, batch.entries.map((entry) => entry.record), () => {
      if (batch.recalled) return false
      batch.uncertain = true
      if (batch.leftAtMs === 0) batch.leftAtMs = performance.now()
      return true
    })
    if (link.spoiled) this.#host.retire(link, 'the library lost count of its sequence numbers')
    if (sent.kind === 'written') {
      this.#written(batch, link, sent.offset)
      return
    }
    this.#host.failed(this, sent)
    if (sent.kind === 'unsent') batch.uncertain = uncertainBefore
    if (sent.kind === 'answered') this.#answered(batch, answerOf(sent.code), uncertainBefore)
    else this.#again(batch)
  }

  #written (batch: Batch, link: ProducerLink, offset: number | undefined): void {
    if (this.#sequenceLink !== link) this.#sequenceCount = 0
    this.#sequenceLink = link
    this.#sequenceCount += batch.entries.length
    if (this.#sequenceCount > sequenceMax) this.#host.retire(link, 'its sequence numbers come near their end')
    this.#failureCount = 0
    if (this.#countMax < batchCountMax) this.#countMax = Math.min(batchCountMax, this.#countMax * 2)
    batch.receive(this.partition, offset)
    this.#done(batch)
  }

  /** A broker's own answer is definite, but only about this attempt: what was uncertain before stays so. */
  #answered (batch: Batch, answer: Answer, uncertainBefore: boolean): void {
    const { action, detail } = answer
    if (action === 'unsure') {
      this.#again(batch)
      return
    }
    if (action === 'duplicate' && uncertainBefore) {
      // An earlier attempt was written; where, Kafka no longer knows.
      this.#failureCount = 0
      batch.receive(this.partition, undefined)
      this.#done(batch)
      return
    }
    batch.uncertain = uncertainBefore
    if (action === 'again') {
      this.#again(batch)
    } else if (uncertainBefore) {
      this.#lose(batch, `the broker answered ${answer.name} after an attempt without an answer`)
    } else if (action === 'renew' || action === 'fenced' || action === 'duplicate') {
      if (batch.link !== undefined) this.#host.retire(batch.link, `the broker answered ${answer.name}`)
      this.#again(batch)
    } else if (action === 'split' && batch.entries.length > 1) {
      this.#countMax = Math.ceil(batch.entries.length / 2)
      this.#requeue(batch)
      this.#free()
    } else {
      batch.giveUp(refuse('undeliverable', detail))
      this.#done(batch)
    }
  }

  /** Tries again after a pause: the very same batch where it may be written, else whatever is in the queue by then. */
  #again (batch: Batch): void {
    const overdue = batch.uncertain && performance.now() - batch.leftAtMs > this.#host.deliveryTimeoutMs
    if (overdue && !batch.hasWaiting) {
      this.#lose(batch, 'no answer within kafka.producer.deliveryTimeoutMs')
      return
    }
    if (!batch.uncertain) this.#requeue(batch)
    this.#host.turnOver(this)
    if (this.#closed) {
      this.#forget(batch)
      return
    }
    this.#timer = setTimeout(() => this.#host.turn(this), backoffMs(++this.#failureCount))
  }

  /** Nobody will know whether it was written. */
  #lose (batch: Batch, why: string): void {
    batch.uncertain = true
    if (batch.link !== undefined) this.#host.retire(batch.link, why)
    batch.giveUp(unavailable)
    this.#done(batch)
  }

  /** Puts a batch that certainly is not written back to the front of the queue. */
  #requeue (batch: Batch): void {
    const waiting = batch.entries.filter((entry) => !entry.settled)
    for (const entry of batch.entries) {
      if (entry.settled) this.#host.ledger.free(entry.bytes)
      else this.#queuedBytes += entry.bytes
    }
    this.#host.ledger.queuedCount += waiting.length
    this.#queue = waiting.concat(this.#queue)
    this.#lingered = true
    this.#detach(batch)
  }

  #done (batch: Batch): void {
    this.#forget(batch)
    this.#free()
  }

  #forget (batch: Batch): void {
    if (this.#batch !== batch) return
    batch.free()
    this.#detach(batch)
  }

  #detach (batch: Batch): void {
    this.#batch = undefined
    if (batch.link !== undefined) this.#host.release(batch.link)
    batch.link = undefined
  }

  /** The lane is free for what has come in meanwhile. */
  #free (): void {
    this.#busy = false
    this.#host.turnOver(this)
    if (this.#lingered || this.#queuedBytes >= this.#host.batchBytesMax) this.lingered()
  }
}
