// One produce request on its way: writes itself, reads its answer, tells its listener. One object in place of closures.

import type { ProduceBatch, ProduceListener } from '../broker-link.ts'
import { KafkaError } from '../kafka-error.ts'
import { apis } from './apis.ts'
import type { RequestHead } from './apis.ts'
import type { Parcel, Waiter } from './conversation.ts'
import { readProduce, writeProduce } from './produce.ts'
import type { Reader } from './reader.ts'

/** What all produce requests of one connection have in common. */
export interface ProduceChannel {
  readonly version: number
  /** The broker asks for a pause of this length; 0 or less: none. */
  throttle (throttleMs: number): void
}

export interface ProduceOrder {
  readonly batches: readonly ProduceBatch[]
  readonly timeoutMs: number
  readonly listener: ProduceListener
}

export class ProduceRequest implements Parcel, Waiter {
  readonly api = apis.produce
  readonly version: number
  readonly #channel: ProduceChannel
  readonly #order: ProduceOrder

  constructor (channel: ProduceChannel, order: ProduceOrder) {
    this.version = channel.version
    this.#channel = channel
    this.#order = order
  }

  write (head: RequestHead): readonly Buffer[] {
    return writeProduce(head, this.#order.batches, this.#order.timeoutMs)
  }

  answered (reader: Reader): KafkaError | undefined {
    const { batches, listener } = this.#order
    const answer = readProduce(reader, batches)
    if (answer instanceof KafkaError) return answer
    this.#channel.throttle(answer.throttleMs)
    listener.answered(answer.results)
    return undefined
  }

  failed (error: Error): void {
    this.#order.listener.unanswered(error)
  }
}
