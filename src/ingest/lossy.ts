// Deliveries of `ack: none`: the sender is answered when the sink has taken the event; later losses are only counted.

import { isReceipt } from '../contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../contract/outcome.ts'
import type { Sink, SinkRecord } from '../contract/sink.ts'
import type { Witness } from './witness.ts'

const ticketMask = 0x3fffffff

/** The lossy events of one door on one route: they have no entry any more when the sink tells what became of them. */
export class LossySettler implements Settler {
  readonly #onLost: (refusal: Refusal) => void
  /** Of the event that is being handed over, -1 between events: a sink may tell of earlier ones in the meantime. */
  #ticket = -1
  #lastTicket = 0
  #refused: Refusal | undefined

  /** `onLost` is told of an event that was lost after its sender had its answer. */
  constructor (onLost: (refusal: Refusal) => void) {
    this.#onLost = onLost
  }

  /** Hands a record over. A refusal: the sink did not take it. */
  deliver (sink: Sink, record: SinkRecord): Refusal | undefined {
    const ticket = this.#lastTicket = (this.#lastTicket + 1) & ticketMask
    this.#ticket = ticket
    this.#refused = undefined
    try {
      sink.deliver(record, this, ticket, 0)
    } finally {
      this.#ticket = -1
    }
    return this.#refused
  }

  settle (ticket: number, outcome: Outcome): void {
    if (isReceipt(outcome)) return
    if (ticket === this.#ticket) this.#refused = outcome
    else this.#onLost(outcome)
  }
}

/** All lossy deliveries of one pipeline. */
export class Lossy {
  readonly #sink: Sink
  readonly #witness: Pick<Witness, 'lost'>
  /** By door, then by route. */
  readonly #settlers: LossySettler[][] = []

  constructor (sink: Sink, witness: Pick<Witness, 'lost'>) {
    this.#sink = sink
    this.#witness = witness
  }

  /** What the sender is told: that the sink has taken the event, or why it did not. */
  deliver (record: SinkRecord, door: number, routeIndex: number): Outcome {
    const ofDoor = this.#settlers[door] ??= []
    const settler = ofDoor[routeIndex] ??= new LossySettler(refusal => this.#witness.lost(door, routeIndex, refusal))
    return settler.deliver(this.#sink, record) ?? {
      outcome: 'received',
      id: record.id,
      source: record.source,
      ack: 'none',
      topic: undefined,
      partition: undefined,
      offset: undefined,
      journal: undefined
    }
  }
}
