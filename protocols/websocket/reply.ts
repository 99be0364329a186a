// The only place that knows how an outcome looks on a WebSocket: statuses of the upgrade, messages, close codes.

import { STATUS_CODES } from 'node:http'
import { refuse, retryable } from '../../src/contract/outcome.ts'
import type { Receipt, Refusal, RefusalCode } from '../../src/contract/outcome.ts'

interface Reply {
  /** Of the answer to the upgrade, where it is refused for this. */
  readonly status: number
  readonly retryAfter?: true
  /** An open connection ends with it, once the event is told and nothing is in flight. */
  readonly close?: number
}

/** The wire form of every refusal. In an open connection each is a nack of its event. */
export const replies = {
  'malformed': { status: 400 },
  'too-large': { status: 413 },
  'unauthenticated': { status: 401, close: 4401 },
  'unverifiable': { status: 503, retryAfter: true, close: 1013 },
  'forbidden': { status: 403 },
  'no-route': { status: 404 },
  'invalid-event': { status: 422 },
  'rate-limited': { status: 429, retryAfter: true },
  'overloaded': { status: 503, retryAfter: true },
  'undeliverable': { status: 502 },
  'sink-unavailable': { status: 503, retryAfter: true },
  'journal-full': { status: 507 },
  'delivery-timeout': { status: 504 },
  'shutting-down': { status: 503, retryAfter: true, close: 1012 },
  'internal': { status: 500 }
} as const satisfies Record<RefusalCode, Reply>

export function closeCodeOf (code: RefusalCode): number | undefined {
  const reply: Reply = replies[code]
  return reply.close
}

/** Why the door itself ends a connection. 1009 and the 1002 and 1007 of broken frames are the library's. */
export const closings = {
  idle: 1000, wrongFrame: 1003, unreadable: 1007, policy: 1008, fault: 1011, restart: 1012, overloaded: 1013,
  unauthenticated: 4401
} as const

const reasonBytesMax = 123

/** A reason that fits into a close frame (RFC 6455 5.5), cut between characters. */
export function closeReason (text: string): string {
  let cut = text
  while (Buffer.byteLength(cut) > reasonBytesMax) cut = cut.slice(0, -1).replace(/[\ud800-\udbff]$/, '')
  return cut
}

/** Refusals of the upgrade that only this door knows: they have a status of their own. */
export interface Problem {
  readonly status: number
  readonly refusal: Refusal
  /** Header lines beside those of every problem: name, value, name, value. */
  readonly headers?: readonly string[]
}

export function problemOf (refusal: Refusal): Problem {
  return { status: replies[refusal.code].status, refusal }
}

/** RFC 6455 4.4: which version is spoken here. */
export const otherVersion: Problem = {
  status: 426, headers: ['sec-websocket-version', '13'],
  refusal: refuse('malformed', 'the WebSocket protocol spoken here is version 13 (RFC 6455)')
}

export const unknownPath: Problem = {
  status: 404, refusal: refuse('malformed', 'no WebSocket is served here; connect to /v1/stream')
}

/** The whole answer to an upgrade that is refused: a problem document (RFC 9457), after which the connection ends. */
export function problemText (problem: Problem, schemes: readonly string[]): string {
  const { status, refusal: { code, detail, outcome, retryAfterMs } } = problem
  const reply: Reply = replies[code]
  const title = STATUS_CODES[status] ?? ''
  const waitMs = retryAfterMs ?? (reply.retryAfter === true ? 1_000 : undefined)
  const body = JSON.stringify({
    type: `urn:sluice:refusal:${code}`, title, status, code, detail, outcome, retryable: retryable(code),
    retryAfterMs: waitMs
  })
  const lines = [
    `HTTP/1.1 ${status} ${title}`, 'connection: close', 'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`
  ]
  if (status === 401) lines.push(...challengesOf(schemes))
  if (waitMs !== undefined && (status === 429 || status === 503)) {
    lines.push(`retry-after: ${Math.max(1, Math.ceil(waitMs / 1_000))}`)
  }
  const { headers = [] } = problem
  for (let at = 0; at < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`)
  return lines.join('\r\n') + '\r\n\r\n' + body
}

/** RFC 9110 section 11.6.1: a 401 names at least one way to prove who one is. */
function challengesOf (schemes: readonly string[]): string[] {
  return (schemes.length === 0 ? ['ApiKey'] : schemes).map(scheme => `www-authenticate: ${scheme} realm="sluice"`)
}

export function ackText (id: number): string { return `{"type":"ack","id":${id}}` }
export function windowText (window: number): string { return `{"type":"window","window":${window}}` }

/** A refusal is often one object for many events: what was made of the last one is kept. */
let lastRefusal: Refusal | undefined
let lastNack = ''

export function nackText (id: number, refusal: Refusal): string {
  if (refusal !== lastRefusal) {
    const { code, outcome, detail, pointer, retryAfterMs } = refusal
    const rest = { code, outcome, detail, pointer, retryable: retryable(code), retryAfterMs }
    lastNack = JSON.stringify(rest).slice(1)
    lastRefusal = refusal
  }
  return `{"type":"nack","id":${id},${lastNack}`
}

export function receiptText (id: number, receipt: Receipt): string {
  return `{"type":"receipt","id":${id},"receipt":${JSON.stringify(receipt)}}`
}

/** The first message of a connection, and what a connection is told that has proved who it is. */
export interface Greeting {
  readonly authenticated: boolean
  readonly window: number
  readonly messageBytesMax: number
  readonly channelsMax: number
  /** How long it may take to authenticate, where it has not. */
  readonly authenticateTimeoutMs?: number
}

export function helloText (protocol: string, greeting: Greeting): string {
  return JSON.stringify({ type: 'hello', protocol, ...greeting })
}

export function authenticatedText (principal: string, window: number, expiresAtMs: number | undefined): string {
  return JSON.stringify({ type: 'authenticated', principal, window, expiresAtMs })
}

