// An ingress that does what a test tells it to and counts what is reserved, to test adapters without a gateway.

import type { Credentials, Eventually, Ingress, Signal } from '../../src/contract/adapter.ts'
import type { Arrival, Envelope, Peer, Principal } from '../../src/contract/envelope.ts'
import type { LimitState } from '../../src/contract/limit-state.ts'
import { refuse } from '../../src/contract/outcome.ts'
import { grantSession } from '../../src/contract/session.ts'
import type { ClaimSession } from '../../src/contract/session.ts'
import type { Outcome, Receipt, Refusal, Settler } from '../../src/contract/outcome.ts'

/** An event that waits for its outcome. */
export interface Pending { readonly envelope: Envelope, settle (outcome: Outcome): void }

/** A signal that a test switches. */
export class Switch implements Signal {
  on = false
  readonly #listeners = new Set<(on: boolean) => void>()

  watch (listener: (on: boolean) => void): () => void {
    this.#listeners.add(listener)
    return () => { this.#listeners.delete(listener) }
  }

  get watchersCount (): number { return this.#listeners.size }

  set (on: boolean): void {
    if (this.on === on) return
    this.on = on
    for (const listener of [...this.#listeners]) listener(on)
  }
}

export const anonymous: Principal = { name: 'anonymous', groups: [], anonymous: true }

/** A receipt as the Kafka sink gives it. */
export function receiptOf (envelope: Envelope, offset: number): Receipt {
  return {
    outcome: 'written', id: envelope.id === '' ? `made-${offset}` : envelope.id,
    source: envelope.source === '' ? `/${envelope.channel}` : envelope.source,
    ack: 'kafka', topic: 'topic1', partition: 0, offset, journal: undefined
  }
}

/** Settles at once with `outcomeOf`, or keeps events in `pending` where that gives undefined. */
export class FakeIngress implements Ingress {
  readonly pressure = new Switch()
  readonly draining = new Switch()
  readonly envelopes: Envelope[] = []
  readonly pending: Pending[] = []
  readonly batches: number[] = []
  /** What the door refused by itself. */
  readonly refusals: { readonly refusal: Refusal, readonly arrival: Arrival }[] = []
  /** Whose requests were over, and how many events had come by then. */
  readonly concluded: { readonly principal: Principal, readonly envelopesCount: number }[] = []
  readonly connectionIds = new Set<number>()
  schemes: readonly string[] = ['ApiKey']
  limits: readonly LimitState[] = []
  preAuthBytes = 0
  preAuthBytesMax = Infinity
  reservedBytes = 0
  reservedBytesPeak = 0
  authenticated: (credentials: Credentials, peer: Peer) => Eventually<Principal | Refusal> = () => anonymous
  reservation: ((bytes: number) => Refusal | undefined) | undefined
  claimSession: ClaimSession = grantSession
  outcomeOf: (envelope: Envelope, index: number) => Outcome | undefined = receiptOf
  readonly #revokedListeners = new Set<(principal: string) => void>()

  authenticate (credentials: Credentials, peer: Peer): Eventually<Principal | Refusal> {
    this.connectionIds.add(peer.connectionId)
    return this.authenticated(credentials, peer)
  }

  limitsOf (): readonly LimitState[] { return this.limits }

  reservePreAuth (bytes: number): Refusal | undefined {
    if (this.preAuthBytes + bytes > this.preAuthBytesMax) return refuse('overloaded', 'too much is read unproven')
    this.preAuthBytes += bytes
    return undefined
  }

  releasePreAuth (bytes: number): void {
    this.preAuthBytes -= bytes
    if (this.preAuthBytes < 0) throw new Error('more was released than reserved')
  }

  reserve (bytes: number): Refusal | undefined {
    const refusal = this.reservation?.(bytes)
    if (refusal !== undefined) return refusal
    this.reservedBytes += bytes
    this.reservedBytesPeak = Math.max(this.reservedBytesPeak, this.reservedBytes)
    return undefined
  }

  release (bytes: number): void {
    this.reservedBytes -= bytes
    if (this.reservedBytes < 0) throw new Error('more was released than reserved')
  }

  ingest (envelope: Envelope, settler: Settler, ticket: number): void {
    const index = this.envelopes.push(envelope) - 1
    const outcome = this.outcomeOf(envelope, index)
    if (outcome !== undefined) return settler.settle(ticket, outcome)
    this.pending.push({ envelope, settle: late => { settler.settle(ticket, late) } })
  }

  ingestMany (envelopes: readonly Envelope[], settler: Settler, firstTicket: number): void {
    this.batches.push(envelopes.length)
    for (const [at, envelope] of envelopes.entries()) this.ingest(envelope, settler, firstTicket + at)
  }

  conclude (principal: Principal): void { this.concluded.push({ principal, envelopesCount: this.envelopes.length }) }

  refused (refusal: Refusal, arrival: Arrival): void {
    this.refusals.push({ refusal, arrival })
  }

  /** An operator ends the access of a principal. */
  revoke (principal: string): void {
    for (const listener of [...this.#revokedListeners]) listener(principal)
  }

  watchRevoked (listener: (principal: string) => void): () => void {
    this.#revokedListeners.add(listener)
    return () => { this.#revokedListeners.delete(listener) }
  }
}
