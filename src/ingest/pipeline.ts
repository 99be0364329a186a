// The one path of every event, whatever its door: route, check, judge, make the record, deliver, settle once.

import type { Arrival, Envelope } from '../contract/envelope.ts'
import type { LimitState } from '../contract/limit-state.ts'
import { isReceipt, isRefusal } from '../contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../contract/outcome.ts'
import type { JudgeContext } from '../contract/policy.ts'
import { isRecord } from '../contract/sink.ts'
import type { Sink } from '../contract/sink.ts'
import type { Access } from './access.ts'
import type { Admission } from './admission.ts'
import { complete } from './identity.ts'
import type { Draft } from './identity.ts'
import { InFlight } from './in-flight.ts'
import { Lossy } from './lossy.ts'
import { Passage } from './passage.ts'
import type { Course, RouteRun } from './passage.ts'
import { checkData, checkEvent, toRecord } from './record.ts'
import { failed, moved, tooMany } from './refusals.ts'
import type { Match, Router } from './router.ts'
import { createTurnOrder } from './turn-order.ts'
import type { TurnOrder } from './turn-order.ts'
import type { Witness } from './witness.ts'

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

/** Of some events of a passage; undefined: of all. */
type Places = readonly number[] | undefined
type Verdicts = readonly (Envelope | Refusal)[]

/** What waits for it runs when all that is being done is done. */
const soon = Promise.resolve()

/** The pipeline of one worker. */
export class Pipeline {
  readonly #options: PipelineOptions
  readonly #inFlight: InFlight
  readonly #turns: TurnOrder<Passage>
  readonly #lossy: Lossy
  /** On `performance.now()`, of what is being done; 0 once that is over. */
  #nowMs = 0
  readonly #over = (): void => { this.#nowMs = 0 }

  constructor (options: PipelineOptions) {
    this.#options = options
    this.#lossy = new Lossy(options.sink, options.witness)
    this.#inFlight = new InFlight(options.inFlightEventsMax)
    this.#turns = createTurnOrder({
      run: passage => this.#advance(passage), refuse: passage => this.#finishAll(passage, tooMany)
    })
  }

  inFlightCount (): number { return this.#inFlight.count }
  waitingCount (): number { return this.#turns.waitingCount() }

  /** Resolves when nothing is in flight. */
  empty (): Promise<void> {
    return new Promise(resolve => this.#inFlight.whenEmpty(resolve))
  }

  /** Takes an event from a door; `door` is its number in metrics. */
  ingest (door: number, envelope: Envelope, settler: Settler, ticket: number): void {
    this.ingestMany(door, [envelope], settler, ticket)
  }

  ingestMany (door: number, all: readonly Envelope[], settler: Settler, firstTicket: number): void {
    const startMs = this.#lookAtClock()
    const envelopes = all.slice(0, this.#inFlight.take(all.length))
    for (let place = envelopes.length; place < all.length; place++) {
      const envelope = all[place]
      if (envelope !== undefined) this.refused(door, tooMany, envelope)
      settler.settle(firstTicket + place, tooMany)
    }
    const [arrival] = envelopes
    if (arrival === undefined) return
    const passage = new Passage(this, { door, envelopes, arrival, settler, firstTicket, startMs })
    this.#turns.submit(arrival.peer.connectionId, passage)
  }

  /** Outcomes that are told together have the time of the first: to ask for it takes longer than to count one. */
  #lookAtClock (): number {
    if (this.#nowMs === 0) void soon.then(this.#over)
    return this.#nowMs = performance.now()
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
  #advance (passage: Passage): Promise<void> | undefined {
    try {
      const { router, runs, access } = this.#options
      const [first] = passage.envelopes
      if (first === undefined) return undefined
      // Not when the request began: a stream may go on long after its sender's proof has ended.
      const ended = access.ended(first.principal, Date.now())
      if (ended !== undefined) return this.#finishAll(passage, ended)
      const match = router.match(first.channel)
      if (isRefusal(match)) return this.#finishAll(passage, match)
      const run = runs[match.routeIndex]
      if (run === undefined) throw new Error(`route ${match.routeIndex} has no run`)
      const context: JudgeContext = { route: run.context.route, topic: match.topic, ack: run.context.ack }
      const course: Course = { run, match, context }
      passage.course = course
      this.#enter(passage, match)
      const verdict = run.perRequest.judge(first, context)
      if (!(verdict instanceof Promise)) return this.#requestJudged(passage, course, verdict)
      return verdict
        .then(late => this.#requestJudged(passage, course, late))
        .catch((error: unknown) => this.#fail(passage, error))
    } catch (error) {
      return this.#fail(passage, error)
    }
  }

  /** The events have a route: complete them and begin to count and trace them. */
  #enter (passage: Passage, match: Match): void {
    const { witness } = this.#options
    const { envelopes, door } = passage
    for (let place = 0; place < envelopes.length; place++) {
      const envelope = envelopes[place]
      if (envelope === undefined) continue
      complete(envelope, match)
      witness.received(door, match.routeIndex, envelope)
      const trace = witness.begin(envelope, match)
      if (trace === undefined) continue
      (passage.traces ??= [])[place] = trace
      ;(envelope as Draft).traceparent = trace.traceparent
    }
  }

  #requestJudged (passage: Passage, course: Course, judged: Envelope | Refusal): Promise<void> | undefined {
    if (isRefusal(judged)) return this.#finishAll(passage, judged)
    if (judged !== passage.arrival) this.#replace(passage, judged)
    return this.#judgeEvents(passage, course)
  }

  /** A judge of the request changed its envelope: all of it for one event, for many what they share. */
  #replace (passage: Passage, judged: Envelope): void {
    const { channel, principal, attributes, peer } = judged
    passage.arrival = judged
    for (const [place, envelope] of passage.envelopes.entries()) {
      if (envelope === undefined) continue
      passage.envelopes[place] = passage.count === 1 ? judged : { ...envelope, channel, principal, attributes, peer }
    }
  }

  #judgeEvents (passage: Passage, course: Course): Promise<void> | undefined {
    const { perEvent } = course.run
    const places = this.#soundPlaces(passage, course)
    const envelopes = (places?.map(place => passage.envelopes[place]) ?? passage.envelopes) as readonly Envelope[]
    const [envelope] = envelopes
    if (envelope === undefined) return undefined
    if (envelopes.length > 1) {
      const verdicts = perEvent.judgeMany(envelopes, course.context)
      if (!(verdicts instanceof Promise)) return this.#eventsJudged(passage, course, places, verdicts)
      return verdicts.then(late => this.#eventsJudged(passage, course, places, late))
    }
    const verdict = perEvent.judge(envelope, course.context)
    if (!(verdict instanceof Promise)) return this.#eventsJudged(passage, course, places, [verdict])
    return verdict.then(late => this.#eventsJudged(passage, course, places, [late]))
  }

  /** Refuses events that do not keep what every event must keep; gives the places of the others. */
  #soundPlaces (passage: Passage, { run: { plan } }: Course): Places {
    const { envelopes } = passage
    let areAll = true
    for (let place = 0; place < envelopes.length; place++) {
      const envelope = envelopes[place]
      try {
        const broken = envelope === undefined ? undefined : checkEvent(envelope, plan)
        if (broken !== undefined) this.finish(passage, place, broken)
      } catch (error) {
        this.#failOne(passage, place, error)
      }
      areAll &&= envelopes[place] !== undefined
    }
    return areAll ? undefined : [...envelopes.keys()].filter(place => envelopes[place] !== undefined)
  }

  /** `places`: of the events that the verdicts are about. */
  #eventsJudged (passage: Passage, course: Course, places: Places, verdicts: Verdicts): undefined {
    for (let at = 0; at < verdicts.length; at++) {
      const place = places === undefined ? at : places[at]
      const verdict = verdicts[at]
      if (place === undefined || verdict === undefined) continue
      try {
        this.#eventJudged(passage, course, place, verdict)
      } catch (error) {
        this.#failOne(passage, place, error)
      }
    }
  }

  #eventJudged (passage: Passage, course: Course, place: number, judged: Envelope | Refusal): undefined {
    const given = passage.envelopes[place]
    if (judged !== given && isRefusal(judged)) return this.finish(passage, place, judged)
    const { run, match } = course
    if (run.perEvent.holds) (passage.held ??= [])[place] = judged
    const broken = judged === given ? undefined : checkData(judged, run.plan)
    if (broken !== undefined) return this.finish(passage, place, broken)
    if (judged.channel === match.channel) return this.#deliver(passage, place, judged, course)
    const other = this.#options.router.match(judged.channel)
    if (isRefusal(other)) return this.finish(passage, place, other)
    if (other.routeIndex === match.routeIndex) return this.#deliver(passage, place, judged, { ...course, match: other })
    // The policies of the other route have not judged it.
    this.#options.witness.fault('an event moved to a channel of another route than its request')
    this.finish(passage, place, moved)
  }

  /** Judged: make the record and hand it to the sink. */
  #deliver (passage: Passage, place: number, judged: Envelope, { run, match }: Course): undefined {
    const { sink, replyTimeoutMs } = this.#options
    const record = toRecord(judged, match, run.plan)
    if (!isRecord(record)) return this.finish(passage, place, record)
    passage.leave(place, judged.data?.length ?? 0)
    if (run.context.ack === 'none') {
      return this.finish(passage, place, this.#lossy.deliver(record, passage.door, match.routeIndex))
    }
    sink.deliver(record, passage, place, judged.patient ? 0 : passage.startMs + replyTimeoutMs)
  }

  /** Something threw: whatever of these events has no outcome yet gets one, because nobody else will give it. */
  #fail (passage: Passage, error: unknown): undefined {
    this.#options.witness.fault('an event failed in the pipeline', error)
    this.#finishAll(passage, failed)
  }

  #failOne (passage: Passage, place: number, error: unknown): undefined {
    this.#options.witness.fault('an event failed in the pipeline', error)
    if (passage.isOpen(place)) this.finish(passage, place, failed)
  }

  #finishAll (passage: Passage, refusal: Refusal): undefined {
    for (let place = 0; place < passage.count; place++) {
      if (passage.isOpen(place)) this.finish(passage, place, refusal)
    }
  }

  /** The outcome of an event: found here, or told by the sink. */
  finish (passage: Passage, place: number, outcome: Outcome): undefined {
    const { witness, admission } = this.#options
    if (!passage.isOpen(place)) return void witness.fault('a ticket was settled twice')
    const { door, course, arrival } = passage
    const routeIndex = course?.match.routeIndex ?? -1
    const durationMs = (this.#nowMs === 0 ? this.#lookAtClock() : this.#nowMs) - passage.startMs
    witness.settled(door, routeIndex, outcome, durationMs)
    if (!isReceipt(outcome)) witness.refused(door, routeIndex, outcome, arrival)
    else if (outcome.outcome === 'written') admission.written(passage.bytesOf(place), durationMs)
    passage.traces?.[place]?.end(outcome)
    const held = passage.held?.[place]
    if (held !== undefined) course?.run.perEvent.release(held)
    this.#inFlight.end()
    try {
      passage.tell(place, outcome)
    } catch (error) {
      // Whoever settles (the sink, the rest of a batch) must not suffer from the bug of one door.
      witness.fault('a door threw when it was told of an outcome', error)
    }
    this.#inFlight.told()
  }
}
