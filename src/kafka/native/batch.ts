// The records of one topic-partition that travel together: their bytes, their tickets, and what is known of their fate.

import type { Outcome, Refusal, Settler } from '../../contract/outcome.ts'
import type { SinkRecord } from '../../contract/sink.ts'
import type { ProduceBatch, ProducerId } from '../broker-link.ts'
import { timedOut } from '../refusals.ts'
import { RecordBatch } from './record-batch.ts'

/** Tickets that are not settled, over all of a sink. */
export class OpenTickets {
  count = 0
  /** Called when the last one is settled. */
  onSettled: (() => void) | undefined

  /** To be called after the count went down and the settler was told. */
  tell (): void {
    if (this.count === 0) this.onSettled?.()
  }
}

export interface BatchPlace {
  readonly topic: string
  readonly partition: number
  /** Grows from batch to batch of a lane; the parts of a divided batch lie between it and the next. */
  readonly order: number
  readonly openTickets: OpenTickets
}

export class Batch implements ProduceBatch {
  readonly topic: string
  readonly partition: number
  readonly order: number
  readonly records: RecordBatch
  readonly #openTickets: OpenTickets
  // One place per record. A settler that was told is gone.
  readonly #settlers: (Settler | undefined)[] = []
  readonly #tickets: number[] = []
  readonly #deadlinesMs: number[] = []
  readonly #ids: string[] = []
  readonly #sources: string[] = []
  /** Places of records that must not be written: their tickets were refused. */
  #recalled: Set<number> | undefined
  /** Tickets that are not settled. */
  openCount = 0
  /** No deadline of an open ticket is earlier. */
  earliestMs = Infinity
  /** Whose sequence number it has; undefined while it has none. */
  producer: ProducerId | undefined
  sequence = -1
  /** True once an attempt ended without a definite answer: it may be written. */
  uncertain = false
  /** When it was first given to a connection, on the sink's clock; 0: never. */
  leftAtMs = 0
  /** When its first record came, on the sink's clock. */
  readonly beganAtMs: number
  /** A codec is at work on it, and reads its buffer. */
  packing = false
  #whenPacked: (() => void) | undefined

  constructor (place: BatchPlace, buffer: Buffer, beganAtMs: number) {
    this.topic = place.topic
    this.partition = place.partition
    this.order = place.order
    this.#openTickets = place.openTickets
    this.records = new RecordBatch(buffer)
    this.beganAtMs = beganAtMs
  }

  get count (): number { return this.records.count }
  get bytes (): Buffer { return this.records.wire }
  get recalledCount (): number { return this.#recalled?.size ?? 0 }

  /** Takes a record for which there is room. */
  add (record: SinkRecord, settler: Settler, ticket: number, deadlineMs: number): void {
    this.records.append(record)
    this.#settlers.push(settler)
    this.#tickets.push(ticket)
    this.#deadlinesMs.push(deadlineMs)
    this.#ids.push(record.id)
    this.#sources.push(record.source)
    this.openCount++
    this.#openTickets.count++
    if (deadlineMs !== 0 && deadlineMs < this.earliestMs) this.earliestMs = deadlineMs
  }

  /** Settles the tickets whose deadline is over. With `recall` their records are taken back and will not be written. */
  expire (nowMs: number, outcome: Refusal, recall: boolean): void {
    if (nowMs < this.earliestMs) return
    const over: number[] = []
    let earliestMs = Infinity
    for (let place = 0; place < this.#tickets.length; place++) {
      if (this.#settlers[place] === undefined) continue
      const deadlineMs = this.#deadlinesMs[place] ?? 0
      if (deadlineMs === 0) continue
      if (deadlineMs <= nowMs) over.push(place)
      else if (deadlineMs < earliestMs) earliestMs = deadlineMs
    }
    this.earliestMs = earliestMs
    if (recall) this.#recall(over)
    for (const place of over) this.#settle(place, outcome)
  }

  /** Refuses the records at these places, and will not write them. */
  refuseAt (places: readonly number[], refusal: Refusal): void {
    this.#recall(places)
    for (const place of places) this.#settle(place, refusal)
  }

  /** The end of every open ticket: the refusal where it certainly is not written, else that it may be. */
  giveUp (refusal: Refusal, mayBeWritten: boolean): void {
    const outcome = mayBeWritten ? timedOut : refusal
    if (!mayBeWritten) this.#recall(this.#tickets.keys())
    for (let place = 0; place < this.#tickets.length; place++) this.#settle(place, outcome)
  }

  /** A receipt for every open ticket. `baseOffset` is -1 where Kafka no longer knows it. */
  receive (baseOffset: number): void {
    const { topic, partition } = this
    for (let place = 0; place < this.#tickets.length; place++) {
      if (this.#settlers[place] === undefined) continue
      this.#settle(place, {
        outcome: 'written', id: this.#ids[place] ?? '', source: this.#sources[place] ?? '', ack: 'kafka', topic,
        partition, offset: baseOffset < 0 ? undefined : baseOffset + place, journal: undefined
      })
    }
  }

  /** The codec is done. */
  packed (): void {
    this.packing = false
    this.#whenPacked?.()
  }

  /** Calls `release` when nobody reads the buffer any more: now, or when the codec is done. */
  released (release: () => void): void {
    if (this.packing) this.#whenPacked = release
    else release()
  }

  number (producer: ProducerId, sequence: number): void {
    this.producer = producer
    this.sequence = sequence
    this.records.number(producer, sequence)
  }

  unnumber (): void {
    this.producer = undefined
    this.sequence = -1
  }

  /**
   * A batch of those records that are not recalled and whose place `takes` wants, with their tickets, which move there.
   * `buffer` has room for all records; the caller gives this batch's own buffer back when it has no part left to make.
   */
  divide (order: number, buffer: Buffer, takes: (place: number) => boolean): Batch {
    const { topic, partition, records } = this
    const wanted = (place: number): boolean => this.#recalled?.has(place) !== true && takes(place)
    const part = new Batch({ topic, partition, order, openTickets: this.#openTickets }, buffer, this.beganAtMs)
    part.records.copyFrom(records, wanted)
    part.leftAtMs = this.leftAtMs
    for (let place = 0; place < this.#tickets.length; place++) {
      if (!wanted(place)) continue
      const settler = this.#settlers[place]
      part.#settlers.push(settler)
      part.#tickets.push(this.#tickets[place] ?? 0)
      part.#deadlinesMs.push(this.#deadlinesMs[place] ?? 0)
      part.#ids.push(this.#ids[place] ?? '')
      part.#sources.push(this.#sources[place] ?? '')
      if (settler === undefined) continue
      this.#settlers[place] = undefined
      part.openCount++
    }
    part.earliestMs = this.earliestMs
    this.openCount -= part.openCount
    return part
  }

  #recall (places: Iterable<number>): void {
    this.#recalled ??= new Set()
    for (const place of places) this.#recalled.add(place)
  }

  #settle (place: number, outcome: Outcome): void {
    const settler = this.#settlers[place]
    if (settler === undefined) return
    this.#settlers[place] = undefined
    this.openCount--
    this.#openTickets.count--
    settler.settle(this.#tickets[place] ?? 0, outcome)
    this.#openTickets.tell()
  }
}

/** An order for the second half of a batch: behind the first, before everything else behind it. */
export function orderBehind (batch: Batch, others: readonly Batch[]): number {
  const next = others.reduce((least, { order }) => order > batch.order && order < least ? order : least, Infinity)
  return (batch.order + Math.min(next, Math.floor(batch.order) + 1)) / 2
}
