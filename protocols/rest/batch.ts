// The outcomes of a buffered batch, collected until the last is there: a JSON array, one result per event, in order.

import { isReceipt } from '../../src/contract/outcome.ts'
import type { Outcome, Settler } from '../../src/contract/outcome.ts'
import { resultText } from './reply.ts'

/** Told the whole answer: 200 where all are written, 202 where nothing was promised for any, 207 else. */
export interface Answering { answer (status: number, contentType: string, text: string): void }

/** Settles tickets 0 to `count - 1`. */
export class Batch implements Settler {
  readonly #answering: Answering
  readonly #texts: (string | undefined)[]
  #leftCount: number
  #refusedCount = 0
  #promisedCount = 0

  constructor (answering: Answering, count: number) {
    this.#answering = answering
    this.#texts = new Array<string | undefined>(count)
    this.#leftCount = count
    if (count === 0) this.#finish()
  }

  settle (ticket: number, outcome: Outcome): void {
    if (this.#texts[ticket] !== undefined) return
    this.#texts[ticket] = resultText(ticket, outcome)
    if (!isReceipt(outcome)) this.#refusedCount += 1
    else if (outcome.ack !== 'none') this.#promisedCount += 1
    this.#leftCount -= 1
    if (this.#leftCount === 0) this.#finish()
  }

  #finish (): void {
    const { length } = this.#texts
    const written = this.#promisedCount === 0 && length > 0 ? 202 : 200
    this.#answering.answer(this.#refusedCount > 0 ? 207 : written, 'application/json', `[${this.#texts.join(',')}]`)
  }
}
