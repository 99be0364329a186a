// The one path of every event, whatever its door: route, check, judge, make the record, deliver, settle once.

import type { Credentials, Eventually, Ingress, Signal } from '../contract/adapter.ts'
import type { Arrival, Envelope, Peer, Principal } from '../contract/envelope.ts'
import { isRefusal, refuse } from '../contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../contract/outcome.ts'
import type { JudgeContext } from '../contract/policy.ts'
import { maySend } from '../contract/principal.ts'
import type { Sink, SinkRecord } from '../contract/sink.ts'
import type { Access } from './access.ts'
import type { Admission } from './admission.ts'
import { complete } from './identity.ts'
import type { Draft } from './identity.ts'
import { createInFlight } from './in-flight.ts'
import type { InFlight } from './in-flight.ts'
import { LossySettler } from './lossy.ts'
import type { PolicyChain } from './policy-chain.ts'
import { checkData, toRecord } from './record.ts'
import type { RecordPlan } from './record.ts'
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
  readonly authenticate: (credentials: Credentials, peer: Peer) => Eventually<Principal | Refusal>
  readonly schemes: readonly string[]
  readonly access: Access
  readonly preAuth: PreAuth
  readonly witness: Witness
  readonly draining: Signal
  readonly inFlightEventsMax: number
  readonly replyTimeoutMs: number
}

/** The small budget of peers that have not proved who they are. */
export interface PreAuth {
  /** False: no room. */
  reservePreAuth (bytes: number): boolean
  releasePreAuth (bytes: number): void
}

/** The events of one request on their way: where they go and who judges them. */
interface Passage {
  /** Tickets of the table of events in flight. */
  readonly inners: readonly number[]
  readonly run: RouteRun
  readonly match: Match
  readonly context: JudgeContext
}

const tooMany = refuse('overloaded', 'too many events are in flight in this gateway; send again later', {
  retryAfterMs: 1_000
})
const tooMuchUnproven = refuse('overloaded', 'too much is being read of senders not known yet; send again later', {
  retryAfterMs: 1_000
})
const foreignSource = refuse('forbidden', 'you may not send events of this source; ask the operator which are yours', {
  pointer: '/source'
})
const failed = refuse('internal', 'a fault of this gateway; its log tells the operator more')
const moved: Refusal = {
  ...refuse('internal', 'a policy of this route failed; the operator\'s log says which'), outcome: 'refused'
}

/** The pipeline of one worker. */
export class Pipeline {
  readonly #options: PipelineOptions
  readonly #inFlight: InFlight
  readonly #turns: TurnOrder<readonly number[]>
  readonly #delivered: Settler = { settle: (inner, outcome) => this.#finish(inner, outcome) }
  /** By door, then by route. */
  readonly #lossy: LossySettler[][] = []
  /** Of the events in hand. */
  #arrivedMs = 0

  constructor (options: PipelineOptions) {
    this.#options = options
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

  /** The Ingress of one door; `door` is its number in metrics. */
  ingress (door: number): Ingress {
    const { admission, authenticate, schemes, preAuth, access, draining } = this.#options
    return {
      authenticate,
      schemes,
      reservePreAuth: bytes => preAuth.reservePreAuth(bytes) ? undefined : tooMuchUnproven,
      releasePreAuth: bytes => { preAuth.releasePreAuth(bytes) },
      reserve: (bytes, principal) => admission.reserve(bytes, principal),
      release: (bytes, principal) => { admission.release(bytes, principal) },
      refused: (refusal, arrival) => { this.#refused(door, refusal, arrival) },
      pressure: admission.pressure,
      draining,
      watchRevoked: listener => access.watchRevoked(listener),
      ingest: (envelope, settler, ticket) => {
        this.#arrivedMs = performance.now()
        const inner = this.#open(door, envelope, settler, ticket)
        if (inner !== -1) this.#turns.submit(envelope.peer.connectionId, [inner])
      },
      ingestMany: (envelopes, settler, firstTicket) => {
        const inners: number[] = []
        this.#arrivedMs = performance.now()
        for (const [at, envelope] of envelopes.entries()) {
          const inner = this.#open(door, envelope, settler, firstTicket + at)
          if (inner !== -1) inners.push(inner)
        }
        const peer = envelopes[0]?.peer
        if (inners.length > 0 && peer !== undefined) this.#turns.submit(peer.connectionId, inners)
      }
    }
  }

  #open (door: number, envelope: Envelope, settler: Settler, ticket: number): number {
    const inner = this.#inFlight.open(settler, ticket)
    const entry = this.#inFlight.entry(inner)
    if (entry === undefined) {
      this.#refused(door, tooMany, envelope)
      settler.settle(ticket, tooMany)
      return -1
    }
    entry.envelope = envelope
    entry.door = door
    entry.startMs = this.#arrivedMs
    return inner
  }

  #refused (door: number, refusal: Refusal, arrival: Arrival): void {
    const { witness } = this.#options
    // A wall clock that was set back must not make time negative.
    witness.settled(door, -1, refusal, Math.max(0, Date.now() - arrival.receivedAtMs))
    witness.refused(door, -1, refusal, arrival)
  }

  /** From the channel to the sink for the events of one request. A promise only where a judge gives one. */
  #advance (inners: readonly number[]): Promise<void> | undefined {
    try {
      const { router, runs, access } = this.#options
      const first = this.#inFlight.entry(inners[0] ?? -1)?.envelope
      if (first === undefined) return undefined
      const ended = access.ended(first.principal, first.receivedAtMs)
      if (ended !== undefined) return this.#finishAll(inners, ended)
      const match = router.match(first.channel)
      if (isRefusal(match)) return this.#finishAll(inners, match)
      const run = runs[match.routeIndex]
      if (run === undefined) throw new Error(`route ${match.routeIndex} has no run`)
      for (const inner of inners) this.#enter(inner, match)
      const context: JudgeContext = { route: run.context.route, topic: match.topic, ack: run.context.ack }
      const passage: Passage = { inners, run, match, context }
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
    const { inners } = passage
    if (isRefusal(judged)) return this.#finishAll(inners, judged)
    if (judged !== first) this.#replace(inners, judged)
    return this.#judgeEvents(passage, 0)
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

  /** Every event in order; one that is judged by I/O holds up those behind it. */
  #judgeEvents (passage: Passage, from: number): Promise<void> | undefined {
    const { inners } = passage
    for (let at = from; at < inners.length; at++) {
      const late = this.#judgeEvent(inners[at] ?? -1, passage)
      if (late !== undefined) return late.then(() => this.#judgeEvents(passage, at + 1))
    }
    return undefined
  }

  #judgeEvent (inner: number, passage: Passage): Promise<void> | undefined {
    const { run, context } = passage
    try {
      const envelope = this.#inFlight.entry(inner)?.envelope
      if (envelope === undefined) return undefined
      const broken = checkEvent(envelope, run.plan)
      if (broken !== undefined) return this.#finish(inner, broken)
      const verdict = run.perEvent.judge(envelope, context)
      if (!(verdict instanceof Promise)) return this.#eventJudged(inner, envelope, verdict, passage)
      return verdict
        .then(late => this.#eventJudged(inner, envelope, late, passage))
        .catch((error: unknown) => this.#fail([inner], error))
    } catch (error) {
      return this.#fail([inner], error)
    }
  }

  #eventJudged (inner: number, given: Envelope, judged: Envelope | Refusal, passage: Passage): undefined {
    const { run, match } = passage
    if (isRefusal(judged)) return this.#finish(inner, judged)
    if (judged !== given) {
      const broken = checkData(judged, run.plan)
      if (broken !== undefined) return this.#finish(inner, broken)
    }
    if (judged.channel === match.channel) return this.#deliver(inner, judged, match, run)
    const other = this.#options.router.match(judged.channel)
    if (isRefusal(other)) return this.#finish(inner, other)
    if (other.routeIndex === match.routeIndex) return this.#deliver(inner, judged, other, run)
    // The policies of the other route have not judged it.
    this.#options.witness.fault('an event moved to a channel of another route than its request')
    this.#finish(inner, moved)
  }

  /** Judged: make the record and hand it to the sink. */
  #deliver (inner: number, judged: Envelope, match: Match, run: RouteRun): undefined {
    const { sink, replyTimeoutMs } = this.#options
    const record = toRecord(judged, match, run.plan)
    if (isRefusal(record)) return this.#finish(inner, record)
    if (run.context.ack === 'none') return this.#deliverLossy(inner, record)
    const startMs = this.#inFlight.entry(inner)?.startMs ?? performance.now()
    sink.deliver(record, this.#delivered, inner, judged.patient ? 0 : startMs + replyTimeoutMs)
  }

  #deliverLossy (inner: number, record: SinkRecord): undefined {
    const entry = this.#inFlight.entry(inner)
    if (entry === undefined) return undefined
    const refused = this.#lossyOf(entry.door, entry.routeIndex).deliver(this.#options.sink, record)
    this.#finish(inner, refused ?? {
      outcome: 'received',
      id: record.id,
      source: record.source,
      ack: 'none',
      topic: undefined,
      partition: undefined,
      offset: undefined,
      journal: undefined
    })
  }

  #lossyOf (door: number, routeIndex: number): LossySettler {
    const ofDoor = this.#lossy[door] ??= []
    return ofDoor[routeIndex] ??=
      new LossySettler(refusal => this.#options.witness.lost(door, routeIndex, refusal))
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
    const { door, routeIndex, envelope, trace } = entry
    const durationMs = performance.now() - entry.startMs
    witness.settled(door, routeIndex, outcome, durationMs)
    if (isRefusal(outcome)) {
      if (envelope !== undefined) witness.refused(door, routeIndex, outcome, envelope)
    } else if (outcome.outcome === 'written') admission.written(envelope?.data?.length ?? 0, durationMs)
    trace?.end(outcome)
    try {
      this.#inFlight.settle(inner, outcome)
    } catch (error) {
      // Whoever settles (the sink, the rest of a batch) must not suffer from the bug of one door.
      witness.fault('a door threw when it was told of an outcome', error)
    }
  }
}

/** What every event must keep before any policy of its route is asked. */
function checkEvent (envelope: Envelope, plan: RecordPlan): Refusal | undefined {
  // The source of a wrapped event is its route's, not its sender's.
  if (!envelope.wrapped && !maySend(envelope.principal, envelope.source)) return foreignSource
  return checkData(envelope, plan)
}
