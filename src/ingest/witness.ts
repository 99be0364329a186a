// What the pipeline tells of every event while it is on its way, for metrics, the refusal log and traces.

import type { Arrival, Envelope } from '../contract/envelope.ts'
import type { Outcome, Refusal } from '../contract/outcome.ts'
import type { Match } from './router.ts'

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
  refused (door: number, routeIndex: number, refusal: Refusal, arrival: Arrival): void
  /** The event's trace begins where it is sampled. */
  begin (envelope: Envelope, match: Match): Trace | undefined
  /** An event with `ack: none` was lost after its sender had its answer. */
  lost (door: number, routeIndex: number, refusal: Refusal): void
  /** Something that must not happen did; `error` is what was thrown, where something was. */
  fault (what: string, error?: unknown): void
}
