// The Ingress of one door: what an adapter may do, and nothing else, made of the parts that do it.

import type { Ingress, Signal } from '../contract/adapter.ts'
import type { Peer } from '../contract/envelope.ts'
import { refuse } from '../contract/outcome.ts'
import type { ClaimSession } from '../contract/session.ts'
import type { Access } from './access.ts'
import type { Admission } from './admission.ts'
import type { Authenticate } from './authentication.ts'
import type { Pipeline } from './pipeline.ts'

/** The small budget of peers that have not proved who they are. */
interface PreAuth {
  /** False: no room. */
  reservePreAuth (bytes: number, peer: Peer): boolean
  releasePreAuth (bytes: number, peer: Peer): void
}

export interface IngressParts {
  readonly pipeline: Pipeline
  readonly admission: Admission
  readonly authenticate: Authenticate
  readonly schemes: readonly string[]
  readonly access: Access
  readonly preAuth: PreAuth
  readonly draining: Signal
  readonly claimSession: ClaimSession
}

const tooMuchUnproven = refuse('overloaded', 'too much is being read of senders not known yet; send again later', {
  retryAfterMs: 1_000
})

/** `door` is its number in metrics. */
export function createIngress (parts: IngressParts, door: number): Ingress {
  const { pipeline, admission, authenticate, schemes, access, preAuth, draining, claimSession } = parts
  return {
    authenticate,
    schemes,
    reservePreAuth: (bytes, peer) => preAuth.reservePreAuth(bytes, peer) ? undefined : tooMuchUnproven,
    releasePreAuth: (bytes, peer) => { preAuth.releasePreAuth(bytes, peer) },
    reserve: (bytes, principal) => admission.reserve(bytes, principal),
    release: (bytes, principal) => { admission.release(bytes, principal) },
    ingest: (envelope, settler, ticket) => { pipeline.ingest(door, envelope, settler, ticket) },
    ingestMany: (envelopes, settler, firstTicket) => { pipeline.ingestMany(door, envelopes, settler, firstTicket) },
    limitsOf: envelope => pipeline.limitsOf(envelope),
    conclude: principal => { principal.singleUse?.giveBack() },
    refused: (refusal, arrival) => { pipeline.refused(door, refusal, arrival) },
    pressure: admission.pressure,
    draining,
    watchRevoked: listener => access.watchRevoked(listener),
    claimSession
  }
}
