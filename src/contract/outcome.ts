// The final answer to every event, a receipt or a refusal, and the closed table of refusal codes.

import type { LimitState } from './limit-state.ts'

/** What an ack means: `kafka` in-sync replicas have it, `disk` the journal's fsync returned, `none` it was received. */
export type Ack = 'kafka' | 'disk' | 'none'

/** `refused`: certainly not written. `unknown`: it may be written; delivery may still go on. */
export type Fate = 'refused' | 'unknown'

/** When sending the same event again makes sense. */
export type Retry = 'never' | 'later' | 'elsewhere' | 'same-id' | 'when-mended'

/**
 * Every code a refusal may carry. Adding one here fails compilation in every adapter until its reply table knows it.
 * `meaning` is the sentence that the README's table shows.
 */
export const refusals = {
  'malformed': { fate: 'refused', retry: 'never', meaning: 'the bytes are not what their format promises' },
  'too-large': { fate: 'refused', retry: 'never', meaning: 'the event or request is above a limit' },
  'unauthenticated': { fate: 'refused', retry: 'never', meaning: 'no credential, or one that is not known' },
  'unverifiable': {
    fate: 'refused', retry: 'later',
    meaning: 'who is sending cannot be told yet: what vouches for it does not answer, or the same proof is under way'
  },
  'forbidden': { fate: 'refused', retry: 'never', meaning: 'the principal may not send to this channel' },
  'no-route': { fate: 'refused', retry: 'never', meaning: 'no route takes this channel' },
  'invalid-event': {
    fate: 'refused', retry: 'never', meaning: 'the event breaks a rule of CloudEvents or of its route'
  },
  'rate-limited': { fate: 'refused', retry: 'later', meaning: 'the principal is above its rate' },
  'overloaded': { fate: 'refused', retry: 'later', meaning: 'the byte budget is used up' },
  'undeliverable': {
    fate: 'refused', retry: 'when-mended',
    meaning: 'Kafka refuses for good: topic missing, access denied, record invalid or too large for it'
  },
  'sink-unavailable': { fate: 'refused', retry: 'later', meaning: 'Kafka or the journal cannot be reached now' },
  'journal-full': { fate: 'refused', retry: 'later', meaning: 'the journal is at its byte cap or its disk is full' },
  'delivery-timeout': {
    fate: 'unknown', retry: 'same-id', meaning: 'it was sent and no answer came in time; delivery goes on'
  },
  'shutting-down': { fate: 'refused', retry: 'elsewhere', meaning: 'this gateway is stopping' },
  'internal': { fate: 'unknown', retry: 'same-id', meaning: 'a fault of the gateway itself' }
} as const satisfies Record<string, { fate: Fate, retry: Retry, meaning: string }>

export type RefusalCode = keyof typeof refusals

/**
 * The event is where its ack level says: topic, partition and offset, or `journal` ("segment:position").
 * `received` with ack `none`: it is nowhere for certain, and may be lost.
 */
export interface Receipt {
  readonly outcome: 'written' | 'received'
  readonly id: string
  readonly source: string
  readonly ack: Ack
  readonly topic: string | undefined
  readonly partition: number | undefined
  /** Absent where Kafka no longer knows it, after a deduplicated retry. */
  readonly offset: number | undefined
  readonly journal: string | undefined
}

/** The event was not, or perhaps not, written. `detail` says what to do and has no secret, broker or foreign topic. */
export interface Refusal {
  readonly outcome: Fate
  readonly code: RefusalCode
  readonly detail: string
  /** JSON pointer to the part of the event that is wrong, where there is one. */
  readonly pointer: string | undefined
  /** When to come back, in milliseconds, where the gateway can tell. */
  readonly retryAfterMs: number | undefined
  /** Of `unauthenticated`: what was shown holds, but for having been shown before. It is no wrong credential. */
  readonly proven?: true
  /** The policy that refused it, for the operator alone: no sender is told. Absent: it was none. */
  readonly policy?: PolicyPlace
  /** The limit that is used up, where it is one that can be told. */
  readonly limit?: LimitState | undefined
}

export type Outcome = Receipt | Refusal

/** One entry of the config, e.g. `acl` at `routes.orders.policies[0]`. */
export interface PolicyPlace { readonly name: string, readonly place: string }

/** Makes a refusal; its fate comes from the table. */
export function refuse (
  code: RefusalCode, detail: string, extra?: { pointer?: string, retryAfterMs?: number }
): Refusal {
  return {
    outcome: refusals[code].fate, code, detail, pointer: extra?.pointer, retryAfterMs: extra?.retryAfterMs
  }
}

/** True where repeating the same event can end differently. */
export function retryable (code: RefusalCode): boolean {
  return refusals[code].retry !== 'never'
}

/** Tells a refusal from anything else that a step of the pipeline may return. */
export function isRefusal (value: unknown): value is Refusal {
  if (typeof value !== 'object' || value === null) return false
  // Reading is much cheaper than asking `in`, and this is asked at every step of an event.
  const { code, outcome } = value as Partial<Refusal>
  return code !== undefined && outcome !== undefined
}

/** Asked for every event: cheaper than `isRefusal`, which must tell refusals from anything. */
export function isReceipt (outcome: Outcome): outcome is Receipt {
  const { outcome: fate } = outcome
  return fate === 'written' || fate === 'received'
}

/**
 * Takes outcomes. `settle` is called exactly once per ticket, possibly before the call that passed the ticket returns.
 * A ticket is an integer of the settler's own, so that nothing is closed over per event.
 */
export interface Settler {
  settle (ticket: number, outcome: Outcome): void
}
