// The one path of every event, whatever its door: route, check, judge, make the record, deliver, settle once.

import type { Credentials, Eventually, Ingress, Signal } from '../contract/adapter.ts'
import type { Envelope, Peer, Principal } from '../contract/envelope.ts'
import { isRefusal, refuse } from '../contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../contract/outcome.ts'
import type { JudgeContext } from '../contract/policy.ts'
import type { Sink, SinkRecord } from '../contract/sink.ts'
import type { Admission } from './admission.ts'
import { timestamp, uuidV7 } from './identity.ts'
import { createInFlight } from './in-flight.ts'
import type { InFlight } from './in-flight.ts'
import type { PolicyChain } from './policy-chain.ts'
import { checkData, toRecord } from './record.ts'
import type { RecordPlan } from './record.ts'
import type { Match, Router } from './router.ts'
import { createTurnOrder } from './turn-order.ts'

/** One route, ready to run. Both chains are in the operator's order. */
export interface RouteRun {
  readonly plan: RecordPlan
  readonly context: Omit<JudgeContext, 'topic'>
  /** Judges of scope `connection` and `request`. */
  readonly perRequest: PolicyChain
  readonly perEvent: PolicyChain
}

/** A sampled event's trace. `traceparent` travels in the record's headers. */
export interface Trace {
  readonly traceparent: string
  end (outcome: Outcome): void
}

/** Sees what happens, for metrics, the refusal log and traces. Called per event: must be cheap. */
export interface Witness {
  received (door: number, routeIndex: number, envelope: Envelope): void
  /** `routeIndex` is -1 where the event was refused before it had a route. */
  settled (door: number, routeIndex: number, outcome: Outcome, durationMs: number): void
  refused (door: number, routeIndex: number, refusal: Refusal, envelope: Envelope): void
  /** The event's trace begins where it is sampled. */
  begin (envelope: Envelope, match: Match): Trace | undefined
  /** An event with `ack: none` was lost after its sender had its answer. */
  lost (door: number, routeIndex: number, refusal: Refusal): void
  /** Something that must not happen did. */
  fault (what: string): void
}

export interface PipelineOptions {
  readonly router: Router
  readonly runs: readonly RouteRun[]
  readonly sink: Sink
  readonly admission: Admission
  readonly authenticate: (credentials: Credentials, peer: Peer) => Eventually<Principal | Refusal>
  readonly witness: Witness
  readonly draining: Signal
  readonly inFlightEventsMax: number
  readonly replyTimeoutMs: number
}

type Draft = { -readonly [Key in keyof Envelope]: Envelope[Key] }

/** Fills in what the sender of a plain event left to its route. Nobody else holds the envelope yet: changed in place. */
function complete (envelope: Envelope, defaults: { source: string, type: string }): void {
  if (!envelope.wrapped) return
  const draft: Draft = envelope
  if (draft.id === '') draft.id = uuidV7(envelope.receivedAtMs)
  if (draft.source === '') draft.source = defaults.source
  if (draft.type === '') draft.type = defaults.type
  draft.time ??= timestamp(envelope.receivedAtMs)
}

// A lossy event has no entry any more when it is lost: its ticket says door and route instead.
const routeBits = 16
const routeMask = (1 << routeBits) - 1

const tooMany = refuse('overloaded', 'too many events are in flight in this gateway; send again later', {
  retryAfterMs: 1_000
})

/** The pipeline of one worker. */
export class Pipeline {
  readonly #options: PipelineOptions
  readonly #inFlight: InFlight
  readonly #turns = createTurnOrder()
  readonly #delivered: Settler = { settle: (inner, outcome) => this.#finish(inner, outcome) }
  // `ack: none`: the sink's answer comes after the sender's, unless the sink refuses at once.
  readonly #lossy: Settler
  #lossyAnswer: Refusal | undefined

  constructor (options: PipelineOptions) {
    this.#options = options
    this.#inFlight = createInFlight(options.inFlightEventsMax)
    this.#lossy = {
      settle: (ticket, outcome) => {
        if (!isRefusal(outcome)) return
        this.#lossyAnswer = outcome
        options.witness.lost(ticket >> routeBits, ticket & routeMask, outcome)
      }
    }
  }

  inFlightCount (): number { return this.#inFlight.count() }
  waitingCount (): number { return this.#turns.waitingCount() }

  /** Resolves when nothing is in flight. */
  empty (): Promise<void> {
    return new Promise(resolve => this.#inFlight.whenEmpty(resolve))
  }

  /** The Ingress of one door; `door` is its number in metrics. */
  ingress (door: number): Ingress {
    const { admission, authenticate, draining } = this.#options
    return {
      authenticate,
      reserve: admission.reserve,
      release: admission.release,
      pressure: admission.pressure,
      draining,
      // Access never ends before a restart until configuration can be reloaded.
      watchRevoked: () => () => {},
      ingest: (envelope, settler, ticket) => {
        const inner = this.#open(door, envelope, settler, ticket)
        if (inner !== -1) this.#submit([inner], envelope.peer.connectionId)
      },
      ingestMany: (envelopes, settler, firstTicket) => {
        const inners: number[] = []
        for (const [at, envelope] of envelopes.entries()) {
          const inner = this.#open(door, envelope, settler, firstTicket + at)
          if (inner !== -1) inners.push(inner)
        }
        const peer = envelopes[0]?.peer
        if (inners.length > 0 && peer !== undefined) this.#submit(inners, peer.connectionId)
      }
    }
  }

  #open (door: number, envelope: Envelope, settler: Settler, ticket: number): number {
    const inner = this.#inFlight.open(settler, ticket)
    const entry = this.#inFlight.entry(inner)
    if (entry === undefined) {
      settler.settle(ticket, tooMany)
      return -1
    }
    entry.envelope = envelope
    entry.door = door
    entry.startMs = performance.now()
    return inner
  }

  /** Behind what is still being judged on the same connection, else now. */
  #submit (inners: readonly number[], connectionId: number): void {
    const work = (): void => {
      const late = this.#advance(inners)
      if (late !== undefined) this.#turns.hold(connectionId, late)
    }
    if (!this.#turns.busy(connectionId)) work()
    else if (!this.#turns.wait(connectionId, work)) this.#finishAll(inners, tooMany)
  }

  /** From the channel to the sink for the events of one request. A promise only where a judge gives one. */
  #advance (inners: readonly number[]): Promise<void> | undefined {
    const { router, runs } = this.#options
    const first = this.#inFlight.entry(inners[0] ?? -1)?.envelope
    if (first === undefined) return undefined
    const match = router.match(first.channel)
    if (isRefusal(match)) return this.#finishAll(inners, match)
    const run = runs[match.routeIndex]
    if (run === undefined) throw new Error(`route ${match.routeIndex} has no run`)
    for (const inner of inners) this.#enter(inner, match)
    const context: JudgeContext = { ...run.context, topic: match.topic }
    const verdict = run.perRequest.judge(first, context)
    const goOn = (judged: Envelope | Refusal): Promise<void> | undefined =>
      isRefusal(judged) ? this.#finishAll(inners, judged) : this.#judgeEvents(inners, 0, run, context)
    return verdict instanceof Promise ? verdict.then(goOn) : goOn(verdict)
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

  /** Every event in order; one that is judged by I/O holds up those behind it. */
  #judgeEvents (inners: readonly number[], from: number, run: RouteRun, context: JudgeContext):
  Promise<void> | undefined {
    for (let at = from; at < inners.length; at++) {
      const late = this.#judgeEvent(inners[at] ?? -1, run, context)
      if (late !== undefined) return late.then(() => this.#judgeEvents(inners, at + 1, run, context))
    }
    return undefined
  }

  #judgeEvent (inner: number, run: RouteRun, context: JudgeContext): Promise<void> | undefined {
    const envelope = this.#inFlight.entry(inner)?.envelope
    if (envelope === undefined) return undefined
    const broken = checkData(envelope, run.plan)
    if (broken !== undefined) return this.#finish(inner, broken)
    const verdict = run.perEvent.judge(envelope, context)
    if (verdict instanceof Promise) return verdict.then(late => this.#deliver(inner, late, run))
    return this.#deliver(inner, verdict, run)
  }

  /** Judged: make the record and hand it to the sink. */
  #deliver (inner: number, judged: Envelope | Refusal, run: RouteRun): undefined {
    if (isRefusal(judged)) return this.#finish(inner, judged)
    const { router, sink, replyTimeoutMs } = this.#options
    const match = router.match(judged.channel)
    if (isRefusal(match)) return this.#finish(inner, match)
    const record = toRecord(judged, match, run.plan)
    if (isRefusal(record)) return this.#finish(inner, record)
    if (run.context.ack === 'none') return this.#deliverLossy(inner, record)
    const startMs = this.#inFlight.entry(inner)?.startMs ?? performance.now()
    sink.deliver(record, this.#delivered, inner, judged.patient ? 0 : startMs + replyTimeoutMs)
  }

  #deliverLossy (inner: number, record: SinkRecord): undefined {
    this.#lossyAnswer = undefined
    const entry = this.#inFlight.entry(inner)
    this.#options.sink.deliver(record, this.#lossy, (entry?.door ?? 0) << routeBits | (entry?.routeIndex ?? 0), 0)
    this.#finish(inner, this.#lossyAnswer ?? {
      outcome: 'written', id: record.id, source: record.source, ack: 'none',
      topic: undefined, partition: undefined, offset: undefined, journal: undefined
    })
  }

  #finishAll (inners: readonly number[], refusal: Refusal): undefined {
    for (const inner of inners) this.#finish(inner, refusal)
  }

  #finish (inner: number, outcome: Outcome): undefined {
    const { witness } = this.#options
    const entry = this.#inFlight.entry(inner)
    if (entry === undefined) {
      witness.fault('a ticket was settled twice')
      return
    }
    const { door, routeIndex, envelope, trace } = entry
    witness.settled(door, routeIndex, outcome, performance.now() - entry.startMs)
    if (isRefusal(outcome) && envelope !== undefined) witness.refused(door, routeIndex, outcome, envelope)
    trace?.end(outcome)
    this.#inFlight.settle(inner, outcome)
  }
}
