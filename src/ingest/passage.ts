// Events that came in together, on their way from their door to the sink: what they share, and what each waits for.

import type { Arrival, Envelope, SingleUse } from '../contract/envelope.ts'
import type { Outcome, Settler } from '../contract/outcome.ts'
import type { JudgeContext } from '../contract/policy.ts'
import type { PolicyChain } from './policy-chain.ts'
import type { RecordPlan } from './record.ts'
import type { Match } from './router.ts'
import type { Trace } from './witness.ts'

/** One route, ready to run. Both chains are in the operator's order. */
export interface RouteRun {
  readonly plan: RecordPlan
  readonly context: Omit<JudgeContext, 'topic'>
  /** Judges of scope `connection` and `request`. */
  readonly perRequest: PolicyChain
  readonly perEvent: PolicyChain
}

/** Where the events go and who judges them. */
export interface Course {
  readonly run: RouteRun
  readonly match: Match
  readonly context: JudgeContext
}

/** Told of the outcome of the event at a place: by the sink, through `settle`. */
interface Owner { finish (passage: Passage, place: number, outcome: Outcome): void }

export interface PassageParts {
  /** Its number in metrics. */
  readonly door: number
  /** All are of one sender, on one channel. Nobody else has the list. */
  readonly envelopes: Envelope[]
  /** Who sent them where. */
  readonly arrival: Envelope
  readonly settler: Settler
  /** The door's ticket of the first; those of the others follow. */
  readonly firstTicket: number
  readonly startMs: number
}

/** In place of a size. */
const ended = -1

/**
 * Its events are known by their places, from 0. What the sink is given for each is the passage and the place: there is
 * no table of events, so that thousands in flight cost little, and what is settled together lies together in memory.
 */
export class Passage implements Settler {
  readonly door: number
  readonly startMs: number
  /** By place. Gone where an event is with the sink: what thousands wait for there need not hold their envelopes. */
  readonly envelopes: (Envelope | undefined)[]
  arrival: Arrival
  /** Once they have a route. */
  course: Course | undefined
  /** By place, where judges hold something for events until they have their outcomes: what they let pass. */
  held: (Envelope | undefined)[] | undefined
  /** By place, where any is traced. */
  traces: (Trace | undefined)[] | undefined
  readonly #owner: Owner
  readonly #settler: Settler
  readonly #firstTicket: number
  /** Used up where an event is or may be written. */
  readonly #singleUse: SingleUse | undefined
  /** By place: the size of the data, once it is with the sink. */
  readonly #bytes: number[]

  constructor (owner: Owner, { door, envelopes, arrival, settler, firstTicket, startMs }: PassageParts) {
    this.#owner = owner
    this.door = door
    this.startMs = startMs
    this.envelopes = envelopes
    this.arrival = arrival
    this.#settler = settler
    this.#firstTicket = firstTicket
    this.#singleUse = arrival.principal.singleUse
    this.#bytes = new Array<number>(envelopes.length).fill(0)
  }

  get count (): number { return this.envelopes.length }

  /** True until the event has its outcome. */
  isOpen (place: number): boolean { return (this.#bytes[place] ?? ended) !== ended }

  bytesOf (place: number): number { return this.#bytes[place] ?? 0 }

  /** The event is about to be with the sink. */
  leave (place: number, dataBytes: number): void {
    this.envelopes[place] = undefined
    this.#bytes[place] = dataBytes
  }

  settle (place: number, outcome: Outcome): void { this.#owner.finish(this, place, outcome) }

  /** Ends an open event, and tells its door. */
  tell (place: number, outcome: Outcome): void {
    this.envelopes[place] = undefined
    this.#bytes[place] = ended
    // Before the door is told: what that does next may be the end of the request.
    if (this.#singleUse !== undefined && outcome.outcome !== 'refused') this.#singleUse.useUp()
    this.#settler.settle(this.#firstTicket + place, outcome)
  }
}
