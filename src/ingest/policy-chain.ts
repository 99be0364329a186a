// Runs the judges of a route in the operator's order. Synchronous while every judge is; only promises are awaited.

import type { Eventually } from '../contract/adapter.ts'
import type { Envelope } from '../contract/envelope.ts'
import type { LimitState } from '../contract/limit-state.ts'
import { isRefusal } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'
import type { JudgeContext } from '../contract/policy.ts'
import { Seat } from './seat.ts'
import type { Judged, SeatedJudge, SeatOptions } from './seat.ts'

export interface PolicyChain {
  /** The envelope to deliver (the given one or a changed one), or why not. Never throws or rejects. */
  judge (envelope: Envelope, context: JudgeContext): Eventually<Envelope | Refusal>
  /**
   * The same for many events of one request, one answer for each in their order. A judge is asked about all of them
   * before the next one is, so that one that counts can take for all of them at once.
   */
  judgeMany (envelopes: readonly Envelope[], context: JudgeContext): Eventually<readonly (Envelope | Refusal)[]>
  /** True: whatever it lets pass has to be released when that has its outcome. */
  readonly holds: boolean
  /** Gives back what judges hold for an envelope that `judge` or `judgeMany` returned. */
  release (judged: Envelope): void
  /** How the limits stand that count this event and may be told to its sender. */
  limits (envelope: Envelope, context: JudgeContext): readonly LimitState[]
}

interface ChainOptions extends SeatOptions { readonly judges: readonly SeatedJudge[] }

/** What a judge holds, with the envelope it was given. */
interface Hold { readonly seat: Seat, readonly envelope: Envelope, readonly context: JudgeContext }

/** One event on its way along the chain. */
interface Walk { envelope: Envelope, readonly context: JudgeContext, readonly holds: Hold[] }

/** Many of them. A refusal takes the place of its envelope. */
interface Walks {
  readonly results: (Envelope | Refusal)[]
  /** How many of these are refusals. */
  refusedCount: number
  readonly context: JudgeContext
  /** By event; empty where the chain holds nothing. */
  readonly holds: readonly Hold[][]
}

/** Where nothing can be held, nothing is ever put in here. */
const noHolds: Hold[] = []
const noLimits: readonly LimitState[] = []

/** A chain over these judges. A judge that throws refuses the event: a check that cannot run has not passed. */
export function createPolicyChain ({ judges, ...options }: ChainOptions): PolicyChain {
  return new Chain(judges.map(one => new Seat(one, options)))
}

class Chain implements PolicyChain {
  readonly #seats: readonly Seat[]
  readonly #telling: readonly Seat[]
  readonly #held = new WeakMap<Envelope, readonly Hold[]>()
  readonly holds: boolean

  constructor (seats: readonly Seat[]) {
    this.#seats = seats
    this.holds = seats.some(seat => seat.holds)
    this.#telling = seats.filter(seat => seat.tells)
  }

  judge (envelope: Envelope, context: JudgeContext): Eventually<Envelope | Refusal> {
    return this.#run(0, { envelope, context, holds: this.holds ? [] : noHolds })
  }

  judgeMany (envelopes: readonly Envelope[], context: JudgeContext): Eventually<readonly (Envelope | Refusal)[]> {
    const holds = this.holds ? envelopes.map((): Hold[] => []) : []
    return this.#runMany(0, { context, results: [...envelopes], refusedCount: 0, holds })
  }

  release (judged: Envelope): void {
    const holds = this.#held.get(judged)
    if (holds === undefined) return
    this.#held.delete(judged)
    giveBack(holds)
  }

  limits (envelope: Envelope, context: JudgeContext): readonly LimitState[] {
    const [first, more] = this.#telling
    if (first === undefined) return noLimits
    if (more === undefined) return first.limits(envelope, context)
    return this.#telling.flatMap(seat => seat.limits(envelope, context))
  }

  #run (from: number, walk: Walk): Eventually<Envelope | Refusal> {
    for (let at = from; at < this.#seats.length; at++) {
      const seat = this.#seats[at]
      const judged = seat?.ask(walk.envelope, walk.context)
      if (seat === undefined || judged === undefined) continue
      if (judged instanceof Promise) {
        return judged.then(late => this.#taken(seat, walk, late) ?? this.#run(at + 1, walk))
      }
      const refused = this.#taken(seat, walk, judged)
      if (refused !== undefined) return refused
    }
    return this.#end(walk.envelope, walk.holds)
  }

  /** Goes on with what a judge made of the event, or ends with its refusal. */
  #taken (seat: Seat, walk: Walk, judged: Judged | undefined): Refusal | undefined {
    if (judged === undefined) return undefined
    const { result, held } = judged
    if (held) walk.holds.push({ seat, envelope: walk.envelope, context: walk.context })
    if (!isRefusal(result)) walk.envelope = result
    else {
      this.#end(result, walk.holds)
      return result
    }
  }

  #end (result: Envelope | Refusal, holds: readonly Hold[]): Envelope | Refusal {
    if (holds.length === 0) return result
    if (isRefusal(result)) giveBack(holds)
    else this.#held.set(result, holds)
    return result
  }

  #runMany (from: number, walks: Walks): Eventually<readonly (Envelope | Refusal)[]> {
    for (let at = from; at < this.#seats.length; at++) {
      const seat = this.#seats[at]
      if (seat === undefined) continue
      const late = seat.judge.judgeMany === undefined ? askEach(seat, walks, 0) : askTogether(seat, walks)
      if (late !== undefined) return late.then(() => this.#runMany(at + 1, walks))
    }
    if (this.holds) walks.results.forEach((result, at) => this.#end(result, walks.holds[at] ?? noHolds))
    return walks.results
  }
}

function giveBack (holds: readonly Hold[]): void {
  for (const { seat, envelope, context } of holds) seat.release(envelope, context)
}

/** Takes down what a judge made of the event at `at`. */
function note (seat: Seat, walks: Walks, at: number, judged: Judged | undefined): void {
  if (judged === undefined) return
  const envelope = walks.results[at]
  if (envelope === undefined || isRefusal(envelope)) return
  if (judged.held) walks.holds[at]?.push({ seat, envelope, context: walks.context })
  walks.results[at] = judged.result
  if (isRefusal(judged.result)) walks.refusedCount++
}

/** The event at `at`, unless it was refused. */
function goesOn ({ results, refusedCount }: Walks, at: number): Envelope | undefined {
  const result = results[at]
  return result === undefined || (refusedCount > 0 && isRefusal(result)) ? undefined : result as Envelope
}

function askTogether (seat: Seat, walks: Walks): Promise<void> | undefined {
  const { results, refusedCount } = walks
  // Mostly nothing was refused before, and then there is nothing to pick out.
  const places = refusedCount === 0 ? undefined : [...results.keys()].filter(at => goesOn(walks, at) !== undefined)
  const envelopes = (places?.map(at => results[at]) ?? results.slice()) as Envelope[]
  if (envelopes.length === 0) return undefined
  const noteAll = (all: readonly (Judged | undefined)[]): void => {
    for (let index = 0; index < all.length; index++) note(seat, walks, places?.[index] ?? index, all[index])
  }
  const judged = seat.askMany(envelopes, walks.context)
  if (judged instanceof Promise) return judged.then(noteAll)
  noteAll(judged)
  return undefined
}

function askEach (seat: Seat, walks: Walks, from: number): Promise<void> | undefined {
  for (let at = from; at < walks.results.length; at++) {
    const envelope = goesOn(walks, at)
    if (envelope === undefined) continue
    const judged = seat.ask(envelope, walks.context)
    if (!(judged instanceof Promise)) note(seat, walks, at, judged)
    else {
      return judged.then(late => {
        note(seat, walks, at, late)
        return askEach(seat, walks, at + 1)
      })
    }
  }
  return undefined
}
