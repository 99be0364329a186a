// The one path of every event, whatever its door: route, check, judge, make the record, deliver, settle once.

import type { Arrival, Envelope } from '../contract/envelope.ts'
import type { LimitState } from '../contract/limit-state.ts'
import { isReceipt, isRefusal } from '../contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../contract/outcome.ts'
import type { JudgeContext } from '../contract/policy.ts'
import type { Sink } from '../contract/sink.ts'
import type { Access } from './access.ts'
import type { Admission } from './admission.ts'
import { complete } from './identity.ts'
import type { Draft } from './identity.ts'
import { createInFlight } from './in-flight.ts'
import type { InFlight } from './in-flight.ts'
import { Lossy } from './lossy.ts'
import type { PolicyChain } from './policy-chain.ts'
import { checkData, checkEvent, toRecord } from './record.ts'
import type { RecordPlan } from './record.ts'
import { failed, moved, tooMany } from './refusals.ts'
import type { Match, Router } from './router.ts'
import { createTurnOrder } from './turn-order.ts'
import type { TurnOrder } from './turn-order.ts'
import type { Witness } from './witness.ts'

/** One route, ready to run. Both chains are in the operator's order. */
export interface RouteRun {
  readonly plan: RecordPlan
  readonly context: Omit<JudgeContext, 'topic'>
  /** Judges of scope `connection` and `request`. */
  readonly perRequest: PolicyChain
  readonly perEvent: PolicyChain
}

export interface PipelineOptions {
  readonly router: Router
  readonly runs: readonly RouteRun[]
  readonly sink: Sink
  readonly admission: Admission
  readonly access: Access
  readonly witness: Witness
  readonly inFlightEventsMax: number
  readonly replyTimeoutMs: number
}

/** The events of one request on their way: where they go and who judges them. */
interface Passage {
  /** Tickets of the table of events in flight. */
  readonly inners: readonly number[]
  readonly run: RouteRun
  readonly match: Match
  readonly context: JudgeContext
  /** What its events have in common. */
  readonly arrival: Arrival
}

/** The pipeline of one worker. */
export class Pipeline {
  readonly #options: PipelineOptions
  readonly #inFlight: InFlight
  readonly #turns: TurnOrder<readonly number[]>
  readonly #delivered: Settler = { settle: (inner, outcome) => this.#finish(inner, outcome) }
  readonly #lossy: Lossy
  /** Of the events in hand. */
  #arrivedMs = 0

  constructor (options: PipelineOptions) {
    this.#options = options
    this.#lossy = new Lossy(options.sink, options.witness)
    this.#inFlight = createInFlight(options.inFlightEventsMax)
    this.#turns = createTurnOrder({
      run: inners => this.#advance(inners), refuse: inners => this.#finishAll(inners, tooMany)
    })
  }

  inFlightCount (): number { return this.#inFlight.count() }
  waitingCount (): number { return this.#turns.waitingCount() }

  /** Resolves when nothing is in flight. */
  empty (): Promise<void> {
    return new Promise(resolve => this.#inFlight.whenEmpty(resolve))
  }

  /** Takes an event from a door; `door` is its number in metrics. */
  ingest (door: number, envelope: Envelope, settler: Settler, ticket: number): void {
    this.#arrivedMs = performance.now()
    const inner = this.#open(door, envelope, settler, ticket)
    if (inner !== -1) this.#turns.submit(envelope.peer.connectionId, [inner])
  }

  ingestMany (door: number, envelopes: readonly Envelope[], settler: Settler, firstTicket: number): void {
    const inners: number[] = []
    this.#arrivedMs = performance.now()
    let ticket = firstTicket
    for (const envelope of envelopes) {
      const inner = this.#open(door, envelope, settler, ticket++)
      if (inner !== -1) inners.push(inner)
    }
    const peer = envelopes[0]?.peer
    if (inners.length > 0 && peer !== undefined) this.#turns.submit(peer.connectionId, inners)
  }

  #open (door: number, envelope: Envelope, settler: Settler, ticket: number): number {
    const inner = this.#inFlight.open(settler, ticket)
    const entry = this.#inFlight.entry(inner)
    if (entry === undefined) {
      this.refused(door, tooMany, envelope)
      settler.settle(ticket, tooMany)
      return -1
    }
    entry.envelope = envelope
    entry.singleUse = envelope.principal.singleUse
    entry.door = door
    entry.startMs = this.#arrivedMs
    return inner
  }

  /** A door tells of what it refused itself. */
  refused (door: number, refusal: Refusal, arrival: Arrival): void {
    const { witness } = this.#options
    // A wall clock that was set back must not make time negative.
    witness.settled(door, -1, refusal, Math.max(0, Date.now() - arrival.receivedAtMs))
    witness.refused(door, -1, refusal, arrival)
  }

  limitsOf (envelope: Envelope): readonly LimitState[] {
    const match = this.#options.router.match(envelope.channel)
    const run = isRefusal(match) ? undefined : this.#options.runs[match.routeIndex]
    if (run === undefined || isRefusal(match)) return []
    return run.perEvent.limits(envelope, { route: run.context.route, topic: match.topic, ack: run.context.ack })
  }

  /** From the channel to the sink for the events of one request. A promise only where a judge gives one. */
  #advance (inners: readonly number[]): Promise<void> | undefined {
    try {
      const { router, runs, access } = this.#options
      const first = this.#inFlight.entry(inners[0] ?? -1)?.envelope
      if (first === undefined) return undefined
      // Not when the request began: a stream may go on long after its sender's proof has ended.
      const ended = access.ended(first.principal, Date.now())
      if (ended !== undefined) return this.#finishAll(inners, ended)
      const match = router.match(first.channel)
      if (isRefusal(match)) return this.#finishAll(inners, match)
      const run = runs[match.routeIndex]
      if (run === undefined) throw new Error(`route ${match.routeIndex} has no run`)
      for (const inner of inners) this.#enter(inner, match)
      const context: JudgeContext = { route: run.context.route, topic: match.topic, ack: run.context.ack }
      const passage: Passage = { inners, run, match, context, arrival: first }
      const verdict = run.perRequest.judge(first, context)
      if (!(verdict instanceof Promise)) return this.#requestJudged(passage, first, verdict)
      return verdict
        .then(late => this.#requestJudged(passage, first, late))
        .catch((error: unknown) => this.#fail(inners, error))
    } catch (error) {
      return this.#fail(inners, error)
    }
  }

  /** The event has a route: complete it and begin to count and trace it. */
  #enter (inner: number, match: Match): void {
    const entry = this.#inFlight.entry(inner)
    if (entry?.envelope === undefined) return
    complete(entry.envelope, match)
    entry.routeIndex = match.routeIndex
    this.#options.witness.received(entry.door, match.routeIndex, entry.envelope)
    entry.trace = this.#options.witness.begin(entry.envelope, match)
    if (entry.trace !== undefined) (entry.envelope as Draft).traceparent = entry.trace.traceparent
  }

  #requestJudged (passage: Passage, first: Envelope, judged: Envelope | Refusal): Promise<void> | undefined {
    if (isRefusal(judged)) return this.#finishAll(passage.inners, judged)
    if (judged === first) return this.#judgeEvents(passage)
    this.#replace(passage.inners, judged)
    return this.#judgeEvents({ ...passage, arrival: judged })
  }

  /** A judge of the request changed its envelope: all of it for one event, for many what they share. */
  #replace (inners: readonly number[], judged: Envelope): void {
    const { channel, principal, attributes, peer } = judged
    for (const inner of inners) {
      const entry = this.#inFlight.entry(inner)
      if (entry?.envelope === undefined) continue
      entry.envelope = inners.length === 1 ? judged : { ...entry.envelope, channel, principal, attributes, peer }
    }
  }

  #judgeEvents (passage: Passage): Promise<void> | undefined {
    const { run, context } = passage
    const sound = passage.inners.map(inner => this.#sound(inner, run.plan))
    const areAll = !sound.includes(undefined)
    const inners = areAll ? passage.inners : passage.inners.filter((_inner, at) => sound[at] !== undefined)
    const envelopes = areAll ? sound as Envelope[] : sound.filter(one => one !== undefined)
    const [envelope] = envelopes
    if (envelope === undefined) return undefined
    if (envelopes.length > 1) {
      const verdicts = run.perEvent.judgeMany(envelopes, context)
      if (!(verdicts instanceof Promise)) return this.#eventsJudged(inners, envelopes, verdicts, passage)
      return verdicts.then(late => this.#eventsJudged(inners, envelopes, late, passage))
    }
    const verdict = run.perEvent.judge(envelope, context)
    if (!(verdict instanceof Promise)) return this.#eventsJudged(inners, envelopes, [verdict], passage)
    return verdict.then(late => this.#eventsJudged(inners, envelopes, [late], passage))
  }

  /** The envelope of an event that keeps what every event must keep; one that does not is refused here. */
  #sound (inner: number, plan: RecordPlan): Envelope | undefined {
    const envelope = this.#inFlight.entry(inner)?.envelope
    if (envelope === undefined) return undefined
    try {
      const broken = checkEvent(envelope, plan)
      return broken === undefined ? envelope : this.#finish(inner, broken)
    } catch (error) {
      return this.#fail([inner], error)
    }
  }

  #eventsJudged (inners: readonly number[], given: readonly Envelope[], verdicts: readonly (Envelope | Refusal)[],
    passage: Passage): undefined {
    let at = 0
    for (const inner of inners) {
      const verdict = verdicts[at]
      const envelope = given[at++]
      if (verdict === undefined || envelope === undefined) continue
      try {
        this.#eventJudged(inner, envelope, verdict, passage)
      } catch (error) {
        this.#fail([inner], error)
      }
    }
  }

  #eventJudged (inner: number, given: Envelope, judged: Envelope | Refusal, passage: Passage): undefined {
    const { run, match } = passage
    if (judged !== given && isRefusal(judged)) return this.#finish(inner, judged)
    const entry = run.perEvent.holds ? this.#inFlight.entry(inner) : undefined
    if (entry !== undefined) entry.judged = judged
    const broken = judged === given ? undefined : checkData(judged, run.plan)
    if (broken !== undefined) return this.#finish(inner, broken)
    if (judged.channel === match.channel) return this.#deliver(inner, judged, match, passage)
    const other = this.#options.router.match(judged.channel)
    if (isRefusal(other)) return this.#finish(inner, other)
    if (other.routeIndex === match.routeIndex) return this.#deliver(inner, judged, other, passage)
    // The policies of the other route have not judged it.
    this.#options.witness.fault('an event moved to a channel of another route than its request')
    this.#finish(inner, moved)
  }

  /** Judged: make the record and hand it to the sink. */
  #deliver (inner: number, judged: Envelope, match: Match, { run, arrival }: Passage): undefined {
    const { sink, replyTimeoutMs } = this.#options
    const record = toRecord(judged, match, run.plan)
    if (isRefusal(record)) return this.#finish(inner, record)
    const entry = this.#inFlight.entry(inner)
    if (entry === undefined) return undefined
    entry.envelope = undefined
    entry.arrival = arrival
    entry.dataBytes = judged.data?.length ?? 0
    if (run.context.ack === 'none') return this.#finish(inner, this.#lossy.deliver(record, entry.door, entry.routeIndex))
    sink.deliver(record, this.#delivered, inner, judged.patient ? 0 : entry.startMs + replyTimeoutMs)
  }

  /** Something threw: whatever of these events has no outcome yet gets one, because nobody else will give it. */
  #fail (inners: readonly number[], error: unknown): undefined {
    this.#options.witness.fault('an event failed in the pipeline', error)
    for (const inner of inners) if (this.#inFlight.entry(inner) !== undefined) this.#finish(inner, failed)
  }

  #finishAll (inners: readonly number[], refusal: Refusal): undefined {
    for (const inner of inners) this.#finish(inner, refusal)
  }

  #finish (inner: number, outcome: Outcome): undefined {
    const { witness, admission } = this.#options
    const entry = this.#inFlight.entry(inner)
    if (entry === undefined) {
      witness.fault('a ticket was settled twice')
      return
    }
    const { door, routeIndex, judged, trace } = entry
    const arrival = entry.arrival ?? entry.envelope
    const durationMs = performance.now() - entry.startMs
    witness.settled(door, routeIndex, outcome, durationMs)
    if (!isReceipt(outcome)) {
      if (arrival !== undefined) witness.refused(door, routeIndex, outcome, arrival)
    } else if (outcome.outcome === 'written') admission.written(entry.dataBytes, durationMs)
    trace?.end(outcome)
    if (judged !== undefined) this.#options.runs[routeIndex]?.perEvent.release(judged)
    try {
      this.#inFlight.settle(inner, outcome)
    } catch (error) {
      // Whoever settles (the sink, the rest of a batch) must not suffer from the bug of one door.
      witness.fault('a door threw when it was told of an outcome', error)
    }
  }
}
