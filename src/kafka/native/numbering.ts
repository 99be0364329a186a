// The sequence numbers of one lane (KIP-98, KIP-360): who gives them, where they go on, and when they begin anew.

// A batch gets its number when it is handed out, and is sent again under that very number while it may be written,
// whatever happens. Only when nothing is under way and nothing may be written are numbers given anew: from the last
// written record on, or, where the broker's view cannot be known (`broken`), from 0 under the next epoch, which fences
// whatever still travels under the old one. A producer without transactions raises its epoch itself, and a broker keeps
// epochs per partition: so each lane has epochs of its own, and no lane suffers from another one's loss.
// More than one batch may be under way only once the broker has acknowledged the producer: a broker that knows nothing
// of it takes any number as the first.

import type { ProducerId } from '../broker-link.ts'
import type { Batch } from './batch.ts'

const epochMax = 32_767
const sequenceCount = 2 ** 31
/** After this time without a receipt the broker is not counted on to remember the producer. */
const provenMs = 60_000

/** Gives a producer id that is none of `broken`'s; undefined while there is none yet. */
export type ProducerIds = (broken: ProducerId | undefined) => ProducerId | undefined

export class Numbering {
  readonly #producerIds: ProducerIds
  #producer: ProducerId | undefined
  #next = 0
  /** The number behind the last written record. */
  #afterWritten = 0
  #provenUntilMs = 0
  #broken = false
  #fenced = false
  /** Batches behind this order cannot be written under their numbers: the one at it never will be. */
  #voidOrder = Infinity

  constructor (producerIds: ProducerIds) {
    this.#producerIds = producerIds
  }

  /** Number series that were given up. */
  brokenCount = 0

  /** Only what may be written is sent again; the rest waits for new numbers. */
  get isBroken (): boolean { return this.#broken }

  /** Whether another batch may be under way beside those that are. */
  mayJoin (nowMs: number): boolean {
    return !this.#broken && this.#voidOrder === Infinity && this.#provenUntilMs > nowMs
  }

  /**
   * To be called when nothing is under way, with all batches that wait: takes their numbers away where that is allowed.
   * False: no number can be given now, because there is no producer id yet.
   */
  settle (waiting: readonly Batch[]): boolean {
    const isOpen = waiting.some(({ uncertain }) => uncertain)
    // In a series that was given up, what certainly is not written has no number to wait for.
    for (const batch of waiting) if (!isOpen || (this.#broken && !batch.uncertain)) batch.unnumber()
    if (isOpen) return true
    this.#voidOrder = Infinity
    if (this.#broken) this.#beginAnew()
    else this.#next = this.#afterWritten
    this.#producer ??= this.#producerIds(undefined)
    return this.#producer !== undefined
  }

  #beginAnew (): void {
    const before = this.#producer
    this.#next = this.#afterWritten = 0
    this.#provenUntilMs = 0
    const raised = before === undefined || this.#fenced || before.epoch === epochMax
      ? this.#producerIds(before)
      : { id: before.id, epoch: before.epoch + 1 }
    this.#producer = raised
    this.#broken = false
    this.#fenced = false
  }

  /** Numbers a batch that has none; `settle` came first and said that it can. */
  give (batch: Batch): void {
    if (batch.producer !== undefined || this.#producer === undefined) return
    batch.number(this.#producer, this.#next)
    this.#next = after(this.#next, batch.count)
  }

  written (batch: Batch, nowMs: number): void {
    this.#provenUntilMs = nowMs + provenMs
    if (batch.producer !== this.#producer) return
    // One that was sent again may be told after one behind it.
    const end = after(batch.sequence, batch.count)
    if ((end - this.#afterWritten + sequenceCount) % sequenceCount < sequenceCount / 2) this.#afterWritten = end
  }

  /** The broker has no memory of the producer now. */
  forgotten (): void {
    this.#provenUntilMs = 0
  }

  /** The broker's view of the numbers is not ours: they begin anew when nothing may be written any more. */
  break (fenced = false): void {
    if (!this.#broken) this.brokenCount++
    this.#broken = true
    if (fenced) this.#fenced = true
  }

  /** This batch certainly is not written and its number will not be used: those behind it cannot be written. */
  void (batch: Batch, others: readonly Batch[]): void {
    const behind = others.filter(other => other.producer !== undefined && other.order > batch.order)
    if (behind.length === 0) {
      // Nobody has a number behind it: the next batch takes this one.
      if (batch.producer === this.#producer) this.#next = batch.sequence
      return
    }
    if (batch.order < this.#voidOrder) this.#voidOrder = batch.order
    for (const other of behind) if (other.uncertain) this.#release(other)
  }

  /** True where a batch cannot be written under its number, because one before it never will be. */
  isVoid (batch: Batch): boolean {
    return batch.order > this.#voidOrder
  }

  /** An attempt ended without an answer. */
  unanswered (batch: Batch): void {
    if (this.isVoid(batch)) this.#release(batch)
    else batch.uncertain = true
  }

  /** Not written, but its bytes may still travel: they must be fenced before its number is used for another batch. */
  #release (batch: Batch): void {
    batch.uncertain = false
    this.break()
  }
}

/** Numbers go from 2^31 - 1 on to 0. */
function after (sequence: number, count: number): number {
  return (sequence + count) % sequenceCount
}
