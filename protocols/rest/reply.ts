// The only place that knows how an outcome looks over HTTP: status codes, problem documents (RFC 9457), receipts.

import { isReceipt, refusals, retryable } from '../../src/contract/outcome.ts'
import type { Fate, Outcome, Receipt, Refusal, RefusalCode } from '../../src/contract/outcome.ts'

interface Status { readonly status: number, readonly title: string, readonly retryAfter?: true, readonly close?: true }

/** The wire form of every refusal. `retryAfter`: the answer says when to come back; `close`: it ends the connection. */
export const replies = {
  'malformed': { status: 400, title: 'Malformed request' },
  'too-large': { status: 413, title: 'Too large' },
  'unauthenticated': { status: 401, title: 'Not authenticated' },
  'unverifiable': { status: 503, title: 'Cannot be authenticated now', retryAfter: true },
  'forbidden': { status: 403, title: 'Not allowed' },
  'no-route': { status: 404, title: 'No route takes this channel' },
  'invalid-event': { status: 422, title: 'Invalid event' },
  'rate-limited': { status: 429, title: 'Rate exceeded', retryAfter: true },
  'overloaded': { status: 503, title: 'Overloaded', retryAfter: true },
  'undeliverable': { status: 502, title: 'Kafka refuses this event' },
  'sink-unavailable': { status: 503, title: 'Cannot be written now', retryAfter: true },
  'journal-full': { status: 507, title: 'Journal full' },
  'delivery-timeout': { status: 504, title: 'Outcome not known in time' },
  'shutting-down': { status: 503, title: 'Shutting down', retryAfter: true, close: true },
  'internal': { status: 500, title: 'Internal fault' }
} as const satisfies Record<RefusalCode, Status>

interface DoorStatus extends Status { readonly retryable: boolean, readonly meaning: string }

/** Refusals of this door alone, made before there is an event. All of them mean: certainly not written. */
export const doorReplies = {
  'unknown-path': {
    status: 404, title: 'Unknown path', retryable: false, meaning: 'nothing is served under this path'
  },
  'method-not-allowed': {
    status: 405, title: 'Method not allowed', retryable: false, meaning: 'this path has other methods; `Allow` lists them'
  },
  'request-timeout': {
    status: 408, title: 'Request timed out', retryable: true, close: true, meaning: 'the request did not arrive in time'
  },
  'uri-too-long': { status: 414, title: 'Request target too long', retryable: false, meaning: 'the URL is above its limit' },
  'unsupported-media-type': {
    status: 415, title: 'Unsupported media type', retryable: false,
    meaning: 'a CloudEvents format, content coding or content type that this door cannot read'
  },
  'expectation-failed': {
    status: 417, title: 'Expectation failed', retryable: false, meaning: 'an `Expect` other than 100-continue'
  },
  'headers-too-large': {
    status: 431, title: 'Header fields too large', retryable: false, close: true,
    meaning: 'too many header lines, or too many bytes of them'
  }
} as const satisfies Record<string, DoorStatus>

export type DoorCode = keyof typeof doorReplies

/** What a problem document says, whichever table it came from. */
export interface Problem {
  readonly status: number
  readonly title: string
  readonly code: RefusalCode | DoorCode
  readonly detail: string
  readonly outcome: Fate
  readonly retryable: boolean
  readonly pointer?: string | undefined
  readonly retryAfterMs?: number | undefined
  readonly close: boolean
}

/** The problem that a refusal of the gateway is over HTTP. */
export function problemOf (refusal: Refusal): Problem {
  const reply: Status = replies[refusal.code]
  return {
    status: reply.status, title: reply.title, code: refusal.code, detail: refusal.detail, outcome: refusal.outcome,
    retryable: retryable(refusal.code), pointer: refusal.pointer,
    retryAfterMs: refusal.retryAfterMs ?? (reply.retryAfter === true ? 1_000 : undefined), close: reply.close === true
  }
}

/** A problem that only this door knows. */
export function doorProblem (code: DoorCode, detail: string): Problem {
  const reply: DoorStatus = doorReplies[code]
  return {
    status: reply.status, title: reply.title, code, detail, outcome: 'refused', retryable: reply.retryable,
    close: reply.close === true
  }
}

/** The body of a problem document (RFC 9457 section 3.1). Absent members are left out. */
export function problemText (problem: Problem, requestId: string): string {
  return JSON.stringify({
    type: `urn:sluice:refusal:${problem.code}`, title: problem.title, status: problem.status, code: problem.code,
    detail: problem.detail, pointer: problem.pointer, outcome: problem.outcome, retryable: problem.retryable,
    retryAfterMs: problem.retryAfterMs, requestId
  })
}

/** Whole seconds for Retry-After (RFC 9110 section 10.2.3), never earlier than the milliseconds say. */
export function retryAfterSeconds (retryAfterMs: number): string {
  return String(Math.max(1, Math.ceil(retryAfterMs / 1_000)))
}

/** The status of an answer about one written event: 202 where nothing but its receipt is promised. */
export function receiptStatus (receipt: Receipt): 200 | 202 {
  return receipt.ack === 'none' ? 202 : 200
}

/** A receipt as a JSON object that begins with `opening`, e.g. `{` or `{"index":3,`. */
export function receiptText (receipt: Receipt, opening: string): string {
  const { outcome, id, offset, journal } = receipt
  const offsetText = offset === undefined ? '' : `,"offset":${offset}`
  const journalText = journal === undefined ? '' : `,"journal":${quoted(journal)}`
  return `${opening}"outcome":"${outcome}","id":${quoted(id)},${placeText(receipt)}${offsetText}${journalText}}`
}

/** One event of many: its receipt, or its refusal without the members that only a whole answer has. */
export function resultText (index: number, outcome: Outcome): string {
  if (isReceipt(outcome)) return receiptText(outcome, `{"index":${index},`)
  const { code, detail, pointer, retryAfterMs } = outcome
  return JSON.stringify({
    index, outcome: outcome.outcome, code, detail, pointer, retryable: retryable(code), retryAfterMs
  })
}

/** The last line of a stream that ends early: it stands for everything that has no result of its own. */
export function endingText ({ outcome, code, detail, retryable, retryAfterMs }: Problem): string {
  return JSON.stringify({ outcome, code, detail, retryable, retryAfterMs })
}

const plain = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/

/** Of the receipt before: those of one batch share these members, and one flat text is cheaper than many parts. */
let placed: Pick<Receipt, 'source' | 'ack' | 'topic' | 'partition'> | undefined
let placedText = ''

/** The members of a receipt between its id and its offset: source, ack, and where in Kafka it is. */
export function placeText ({ source, ack, topic, partition }: Receipt): string {
  if (source !== placed?.source || ack !== placed.ack || topic !== placed.topic || partition !== placed.partition) {
    placed = { source, ack, topic, partition }
    placedText = JSON.stringify(placed).slice(1, -1)
  }
  return placedText
}

/** JSON text of a string; most need no escaping. */
function quoted (text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text)
}

/** What every code means, for documents. */
export function meaningOf (code: RefusalCode | DoorCode): string {
  return code in refusals ? refusals[code as RefusalCode].meaning : doorReplies[code as DoorCode].meaning
}

/** RFC 9110 section 11.6.1: a 401 names at least one way to prove who one is. */
export function challengesOf (schemes: readonly string[]): string[] {
  const names = schemes.length === 0 ? ['ApiKey'] : schemes
  return names.flatMap(scheme => ['www-authenticate', `${scheme} realm="sluice"`])
}
