// The only place that knows how an outcome looks over gRPC: status codes, google.rpc details, receipts and refusals.

import type { Metadata } from '@grpc/grpc-js'
import { isReceipt, retryable } from '../../src/contract/outcome.ts'
import type { Outcome, Receipt, Refusal, RefusalCode } from '../../src/contract/outcome.ts'
import { ErrorInfo, RetryInfo } from './generated/google/rpc/error_details.ts'
import { Status } from './generated/google/rpc/status.ts'
import { Ack as WireAck, Outcome as WireOutcome } from './generated/sluice/v1/ingest.ts'
import type { Receipt as WireReceipt, Refusal as WireRefusal, Result } from './generated/sluice/v1/ingest.ts'
import { loadGrpcJs } from './packages.ts'

/** `retryAfter`: it says when to come back, also where nobody knows better than a second. */
interface Reply { readonly status: number, readonly name: string, readonly retryAfter?: true }

/** The wire form of every refusal: the numbers and names of google.rpc.Code. */
export const replies = {
  'malformed': { status: 3, name: 'INVALID_ARGUMENT' },
  'too-large': { status: 8, name: 'RESOURCE_EXHAUSTED' },
  'unauthenticated': { status: 16, name: 'UNAUTHENTICATED' },
  'unverifiable': { status: 14, name: 'UNAVAILABLE', retryAfter: true },
  'forbidden': { status: 7, name: 'PERMISSION_DENIED' },
  'no-route': { status: 5, name: 'NOT_FOUND' },
  'invalid-event': { status: 3, name: 'INVALID_ARGUMENT' },
  'rate-limited': { status: 8, name: 'RESOURCE_EXHAUSTED', retryAfter: true },
  'overloaded': { status: 14, name: 'UNAVAILABLE', retryAfter: true },
  'undeliverable': { status: 9, name: 'FAILED_PRECONDITION' },
  'sink-unavailable': { status: 14, name: 'UNAVAILABLE', retryAfter: true },
  'journal-full': { status: 8, name: 'RESOURCE_EXHAUSTED', retryAfter: true },
  'delivery-timeout': { status: 4, name: 'DEADLINE_EXCEEDED' },
  'shutting-down': { status: 14, name: 'UNAVAILABLE' },
  'internal': { status: 13, name: 'INTERNAL' }
} as const satisfies Record<RefusalCode, Reply>

const retryAfterMsDefault = 1_000
/** Whose reasons these are (google.rpc.ErrorInfo). */
export const errorDomain = 'sluice'
export const errorInfoUrl = 'type.googleapis.com/google.rpc.ErrorInfo'
export const retryInfoUrl = 'type.googleapis.com/google.rpc.RetryInfo'

/** How a call ends: its status and trailing metadata. */
export interface Ending { readonly code: number, readonly details: string, readonly metadata: Metadata | null }

export const fine: Ending = { code: 0, details: '', metadata: null }

/** When to come back, in milliseconds, where that can be told. */
function retryAfterMsOf ({ code, retryAfterMs }: Refusal): number | undefined {
  const reply: Reply = replies[code]
  const ms = retryAfterMs ?? (reply.retryAfter === true ? retryAfterMsDefault : undefined)
  return ms === undefined ? undefined : Math.max(0, Math.ceil(ms))
}

/** The end of a call that a refusal is. */
export function endingOf (refusal: Refusal): Ending {
  const { code, outcome, pointer } = refusal
  // Half of a surrogate pair, which a text from outside may hold, could not be written.
  const details = refusal.detail.toWellFormed()
  const retryAfterMs = retryAfterMsOf(refusal)
  const about: Record<string, string> = { outcome, retryable: String(retryable(code)) }
  if (pointer !== undefined) about.pointer = pointer.toWellFormed()
  const info = ErrorInfo.encode({ reason: code, domain: errorDomain, metadata: about })
  const parts = [{ typeUrl: errorInfoUrl, value: bytesOf(info) }]
  const metadata = new (loadGrpcJs().Metadata)()
  if (retryAfterMs !== undefined) {
    const seconds = Math.floor(retryAfterMs / 1_000)
    const retryDelay = { seconds, nanos: (retryAfterMs - seconds * 1_000) * 1_000_000 }
    parts.push({ typeUrl: retryInfoUrl, value: bytesOf(RetryInfo.encode({ retryDelay })) })
    // What clients with a retry policy go by (gRFC A6).
    metadata.set('grpc-retry-pushback-ms', String(retryAfterMs))
  }
  const { status } = replies[code]
  metadata.set('grpc-status-details-bin', bytesOf(Status.encode({ code: status, message: details, details: parts })))
  return { code: status, details, metadata }
}

const acks = {
  kafka: WireAck.ACK_KAFKA, disk: WireAck.ACK_DISK, none: WireAck.ACK_NONE
} as const satisfies Record<Receipt['ack'], WireAck>

const outcomes = {
  written: WireOutcome.OUTCOME_WRITTEN, received: WireOutcome.OUTCOME_RECEIVED, refused: WireOutcome.OUTCOME_REFUSED,
  unknown: WireOutcome.OUTCOME_UNKNOWN
} as const satisfies Record<Outcome['outcome'], WireOutcome>

export function receiptOf ({ outcome, id, source, ack, topic, partition, offset, journal }: Receipt): WireReceipt {
  return {
    outcome: outcomes[outcome], id, source, ack: acks[ack], topic: topic ?? '', partition, offset, journal: journal ?? ''
  }
}

export function refusalOf (refusal: Refusal): WireRefusal {
  const { outcome, code, detail, pointer } = refusal
  return {
    outcome: outcomes[outcome], code, detail: detail.toWellFormed(), pointer: (pointer ?? '').toWellFormed(),
    retryable: retryable(code), retryAfterMs: retryAfterMsOf(refusal)
  }
}

/** The outcome of one event of many. */
export function resultOf (outcome: Outcome): Result {
  return isReceipt(outcome)
    ? { result: { $case: 'receipt', receipt: receiptOf(outcome) } }
    : { result: { $case: 'refusal', refusal: refusalOf(outcome) } }
}

/** The bytes of a message, as the library takes them. */
export function bytesOf (writer: { finish (): Uint8Array }): Buffer {
  const { buffer, byteOffset, byteLength } = writer.finish()
  return Buffer.from(buffer, byteOffset, byteLength)
}

/** The codes that end a stream: nothing that follows on it can be taken. */
export function endsStream (code: RefusalCode): boolean {
  return code === 'unauthenticated' || code === 'shutting-down'
}
