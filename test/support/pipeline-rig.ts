// A pipeline with a scripted sink, scripted judges and a witness that writes down what it is told.

import { createAccess } from '../../src/ingest/access.ts'
import type { Access } from '../../src/ingest/access.ts'
import { createAdmission, createSignal } from '../../src/ingest/admission.ts'
import { grantSession } from '../../src/contract/session.ts'
import { createIngress } from '../../src/ingest/ingress.ts'
import { createPolicyChain } from '../../src/ingest/policy-chain.ts'
import type { SeatedJudge } from '../../src/ingest/seat.ts'
import { Pipeline } from '../../src/ingest/pipeline.ts'
import type { RouteRun } from '../../src/ingest/passage.ts'
import { planRecord } from '../../src/ingest/record.ts'
import type { RouteSettings } from '../../src/ingest/config.ts'
import { createRouter } from '../../src/ingest/router.ts'
import type { Witness } from '../../src/ingest/witness.ts'
import type { Ingress } from '../../src/contract/adapter.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import { anonymousPrincipal } from '../../src/contract/principal.ts'
import type { Outcome, Receipt, Refusal, Settler } from '../../src/contract/outcome.ts'
import type { Judge, JudgeContext, Scope, Verdict } from '../../src/contract/policy.ts'
import type { Sink, SinkRecord } from '../../src/contract/sink.ts'
import type { Eventually } from '../../src/contract/adapter.ts'
import { routeWith } from './route-settings.ts'

/** A record that the sink was given and has not settled by itself. */
export interface Delivery {
  readonly record: SinkRecord
  readonly deadlineMs: number
  settle (outcome: Outcome): void
}

type Judging = (envelope: Envelope, context: JudgeContext) => Eventually<Verdict>

export interface RigOptions {
  readonly routes?: readonly Partial<RouteSettings>[]
  /** Judges of every route, in order: name, scope and what they say. */
  readonly judges?: readonly (readonly [string, Scope, Judging | Judge])[]
  /** What the sink does with a record; by default nothing, so that the test settles it. */
  readonly onDeliver?: (delivery: Delivery) => void
  readonly inFlightEventsMax?: number
  readonly judgeTimeoutMs?: number
  readonly witness?: Partial<Witness>
}

export interface PipelineRig {
  readonly pipeline: Pipeline
  /** Door 3. */
  readonly ingress: Ingress
  readonly access: Access
  readonly deliveries: Delivery[]
  readonly faults: string[]
  readonly lost: { door: number, routeIndex: number, refusal: Refusal }[]
  readonly received: { door: number, routeIndex: number, id: string }[]
  readonly settled: { door: number, routeIndex: number, outcome: Outcome, durationMs: number }[]
  readonly refused: { door: number, routeIndex: number, refusal: Refusal, channel: string, sender: string }[]
  /** Judged envelopes' ids and policies, in order. */
  readonly judged: string[]
}

/** Writes down what each ticket is settled with. */
export class OutcomeRecorder implements Settler {
  readonly outcomes = new Map<number, Outcome[]>()
  readonly order: number[] = []

  settle (ticket: number, outcome: Outcome): void {
    this.order.push(ticket)
    const standing = this.outcomes.get(ticket)
    if (standing === undefined) this.outcomes.set(ticket, [outcome])
    else standing.push(outcome)
  }

  /** The one outcome of a ticket. Throws where there is none or more than one. */
  of (ticket: number): Outcome {
    const [outcome, ...more] = this.outcomes.get(ticket) ?? []
    if (outcome === undefined || more.length > 0) throw new Error(`ticket ${ticket} has ${more.length} more than one outcome`)
    return outcome
  }
}

export function receiptFor (record: SinkRecord): Receipt {
  const { id, source, topic } = record
  return { outcome: 'written', id, source, ack: 'kafka', topic, partition: 0, offset: 1, journal: undefined }
}

function sinkOf (deliveries: Delivery[], onDeliver: RigOptions['onDeliver']): Sink {
  return {
    ack: 'kafka',
    deliver (record, settler, ticket, deadlineMs) {
      const delivery: Delivery = { record, deadlineMs, settle: outcome => settler.settle(ticket, outcome) }
      deliveries.push(delivery)
      onDeliver?.(delivery)
    },
    health: () => ({ ready: true, reason: '' }),
    gauges: new Map(),
    drain: async () => {}
  }
}

/** A pipeline over routes with defaults; one route `orders/{region}` unless told otherwise. */
export function createPipelineRig (options: RigOptions = {}): PipelineRig {
  const notes = {
    deliveries: [], faults: [], lost: [], received: [], settled: [], refused: [], judged: []
  } as Omit<PipelineRig, 'pipeline' | 'ingress' | 'access'>
  const access = createAccess()
  const routes = (options.routes ?? [{}]).map(routeWith)
  const router = createRouter(routes)
  if (!('match' in router)) throw new Error(JSON.stringify(router))
  const judges = (options.judges ?? []).map(([name, scope, judging]): SeatedJudge => ({
    name,
    scope,
    judge: typeof judging !== 'function' ? judging : {
      judge (envelope, context) {
        notes.judged.push(`${name} ${envelope.id}`)
        return judging(envelope, context)
      }
    }
  }))
  const chain = (perEvent: boolean): RouteRun['perEvent'] => createPolicyChain({
    judges: judges.filter(one => (one.scope === 'event') === perEvent),
    judgeTimeoutMs: options.judgeTimeoutMs ?? 60_000,
    onDecision: () => {},
    onFault: policy => notes.faults.push(`policy ${policy}`)
  })
  const runs = routes.map((settings): RouteRun => ({
    plan: planRecord(settings, { secretNames: new Set(), keyBytesMax: 1_024 }),
    context: { route: settings.name, ack: settings.ack ?? 'kafka' },
    perRequest: chain(false),
    perEvent: chain(true)
  }))
  const admission = createAdmission({
    budget: { take: () => true, give () {}, leasedBytes: () => 0, bytesMax: 1 }, workersCount: 1, delayTargetMs: 2_000
  })
  const pipeline = new Pipeline({
    router,
    runs,
    sink: sinkOf(notes.deliveries, options.onDeliver),
    admission,
    access,
    inFlightEventsMax: options.inFlightEventsMax ?? 1_000,
    replyTimeoutMs: 8_000,
    witness: {
      received: (door, routeIndex, { id }) => notes.received.push({ door, routeIndex, id }),
      settled: (door, routeIndex, outcome, durationMs) => notes.settled.push({ door, routeIndex, outcome, durationMs }),
      refused: (door, routeIndex, refusal, { channel, principal: { name: sender } }) => {
        notes.refused.push({ door, routeIndex, refusal, channel, sender })
      },
      begin: () => undefined,
      lost: (door, routeIndex, refusal) => notes.lost.push({ door, routeIndex, refusal }),
      fault: what => notes.faults.push(what),
      ...options.witness
    }
  })
  const ingress = createIngress({
    pipeline, admission, access, authenticate: () => anonymousPrincipal, schemes: [], draining: createSignal().signal,
    preAuth: { reservePreAuth: () => true, releasePreAuth () {} }, claimSession: grantSession
  }, 3)
  return { ...notes, access, pipeline, ingress }
}
