// The batches of a lane in their order: those that wait to be sent, again or for the first time, and those under way.

import type { Batch } from './batch.ts'

export class Line {
  readonly waiting: Batch[] = []
  readonly underWay: Batch[] = []

  get all (): Batch[] { return [...this.underWay, ...this.waiting] }

  /** No deadline of an open ticket is earlier. */
  get earliestMs (): number {
    return this.all.reduce((least, { earliestMs }) => Math.min(least, earliestMs), Infinity)
  }

  /** Gives away what waits and has no number: it certainly is not written. */
  removeUnnumbered (): Batch[] {
    const unnumbered = this.waiting.filter(batch => batch.producer === undefined)
    for (const batch of unnumbered) this.replace(batch, undefined)
    return unnumbered
  }

  /** Puts a batch where its order has it. */
  insert (batch: Batch): void {
    const at = this.waiting.findIndex(other => other.order > batch.order)
    this.waiting.splice(at === -1 ? this.waiting.length : at, 0, batch)
  }

  /** A batch that waits goes, or another one takes its place. */
  replace (batch: Batch, other: Batch | undefined): void {
    this.waiting.splice(this.waiting.indexOf(batch), 1, ...(other === undefined ? [] : [other]))
  }

  /** False: it was not under way. */
  land (batch: Batch): boolean {
    const at = this.underWay.indexOf(batch)
    if (at !== -1) this.underWay.splice(at, 1)
    return at !== -1
  }

  /** True where a batch with a number stands before it. */
  hasBefore (batch: Batch): boolean {
    const isBefore = (other: Batch): boolean => other.producer !== undefined && other.order < batch.order
    return this.underWay.some(isBefore) || this.waiting.some(isBefore)
  }
}
