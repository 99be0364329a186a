// Sees every event on its way and tells counters, the refusal log and traces of it.

import type { Log } from '../contract/adapter.ts'
import type { Arrival, Envelope } from '../contract/envelope.ts'
import { isReceipt } from '../contract/outcome.ts'
import type { Outcome, PolicyPlace, Refusal } from '../contract/outcome.ts'
import type { createEventCounters } from './event-counters.ts'
import type { createRefusalLog } from './refusal-log.ts'
import type { createEventTracer } from './tracing.ts'

type EventTracer = Pick<ReturnType<typeof createEventTracer>, 'begin'>

export interface WitnessParts {
  /** Names, by the numbers under which events are told of. */
  readonly doors: readonly string[]
  readonly routes: readonly string[]
  readonly counters: ReturnType<typeof createEventCounters>
  readonly refusals: ReturnType<typeof createRefusalLog>
  readonly tracer: EventTracer
  readonly log: Log
}

/** Where an event goes. */
interface Course { readonly topic: string, readonly settings: { readonly name: string, readonly topic: string } }

interface EventWitness {
  received (door: number, route: number, envelope: Envelope): void
  settled (door: number, route: number, outcome: Outcome, durationMs: number): void
  refused (door: number, route: number, refusal: Refusal, arrival: Arrival): void
  begin (envelope: Envelope, course: Course): ReturnType<EventTracer['begin']>
  lost (door: number, route: number, refusal: Refusal): void
  fault (what: string, error?: unknown): void
}

/** What a policy in shadow mode would have refused. */
interface Shadowed { readonly refusal?: Refusal, readonly envelope?: Envelope }

/** Tells the log of it, as seldom as of refusals. The door is not known here; the policy's place tells its route. */
export function noteShadowed (refusals: WitnessParts['refusals'], policy: PolicyPlace, told: Shadowed = {}): void {
  const { refusal, envelope } = told
  if (refusal === undefined) return
  refusals.refused({ ...refusal, policy }, {
    door: '', route: '', channel: envelope?.channel, principal: envelope?.principal.name, address: envelope?.peer.address,
    shadow: true
  })
}

/** A number that is no door or route, such as -1, has no name. */
export function createWitness ({ doors, routes, counters, refusals, tracer, log }: WitnessParts): EventWitness {
  const resultOf = (outcome: Outcome): Parameters<typeof counters.settled>[2] =>
    !isReceipt(outcome) ? outcome.code : outcome.ack
  return {
    received: (door, route, envelope) => counters.received(door, route, envelope.data?.length ?? 0),
    settled: (door, route, outcome, durationMs) => counters.settled(door, route, resultOf(outcome), durationMs),
    refused: (door, route, refusal, arrival) => refusals.refused(refusal, {
      door: doors[door] ?? '',
      route: routes[route] ?? '',
      channel: arrival.channel,
      principal: arrival.principal.name,
      address: arrival.peer.address
    }),
    begin: (envelope, { topic, settings: { name: route, topic: template } }) =>
      tracer.begin(envelope, { route, topic, template }),
    lost (door, route, refusal) {
      counters.lost(door, route)
      refusals.refused(refusal, { door: doors[door] ?? '', route: routes[route] ?? '' })
    },
    fault: (what, error) => log.error({ error }, what)
  }
}
