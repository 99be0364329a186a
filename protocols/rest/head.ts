// One pass over the raw headers of a request: the few that this door itself reads, and whether one came twice.

import type { IncomingMessage } from 'node:http'

/** What the door reads of a request's header section. Values are as received. */
export interface Head {
  host: string | undefined
  origin: string | undefined
  contentType: string | undefined
  contentEncoding: string | undefined
  transferEncoding: string | undefined
  /** From Content-Length; undefined where there is none. The platform's parser has checked its digits. */
  contentLength: number | undefined
  idempotencyKey: string | undefined
  requestId: string | undefined
  traceparent: string | undefined
  tracestate: string | undefined
  /** Pairs of `ce-` headers without their prefix, lower case: name, value, name, value. */
  contextPairs: string[] | undefined
  /** The name of a header that may come once and came twice. */
  repeated: string | undefined
}

/** Reads it. Costs one comparison of lengths for every header that the door does not know. */
export function readHead (request: IncomingMessage): Head {
  const head: Head = {
    host: undefined, origin: undefined, contentType: undefined, contentEncoding: undefined, transferEncoding: undefined,
    contentLength: undefined, idempotencyKey: undefined, requestId: undefined, traceparent: undefined,
    tracestate: undefined, contextPairs: undefined, repeated: undefined
  }
  const raw = request.rawHeaders
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = raw[at] ?? ''
    if (name.charCodeAt(2) === 0x2d && isContextName(name)) readContext(head, name, raw[at + 1] ?? '')
    else readKnown(head, name, raw[at + 1] ?? '')
  }
  return head
}

function isContextName (name: string): boolean {
  return (name.charCodeAt(0) | 0x20) === 0x63 && (name.charCodeAt(1) | 0x20) === 0x65
}

function readContext (head: Head, name: string, value: string): void {
  const attribute = name.slice(3).toLowerCase()
  const pairs = head.contextPairs ??= []
  for (let at = 0; at < pairs.length; at += 2) {
    if (pairs[at] === attribute) head.repeated = `ce-${attribute}`
  }
  pairs.push(attribute, value)
}

function readKnown (head: Head, name: string, value: string): void {
  switch (name.length) {
    case 4:
      if (is(name, 'host')) head.host = once(head, head.host, value, 'host')
      return
    case 6:
      if (is(name, 'origin')) head.origin ??= value
      return
    case 10:
      // A list header: RFC 9110 section 5.3 allows repeats, W3C Trace Context asks to join them in order.
      if (is(name, 'tracestate')) head.tracestate = head.tracestate === undefined ? value : `${head.tracestate},${value}`
      return
    case 11:
      if (is(name, 'traceparent')) head.traceparent = head.traceparent === undefined ? value : 'repeated'
      return
    case 12:
      if (is(name, 'content-type')) head.contentType = once(head, head.contentType, value, 'content-type')
      else if (is(name, 'x-request-id')) head.requestId ??= value
      return
    case 14:
      if (is(name, 'content-length')) head.contentLength = Number(value)
      return
    case 15:
      if (is(name, 'idempotency-key')) head.idempotencyKey = once(head, head.idempotencyKey, value, 'idempotency-key')
      return
    case 16:
      if (is(name, 'content-encoding')) head.contentEncoding = joined(head.contentEncoding, value)
      return
    case 17:
      if (is(name, 'transfer-encoding')) head.transferEncoding = joined(head.transferEncoding, value)
      return
    default:
  }
}

function is (name: string, lower: string): boolean {
  return name === lower || name.toLowerCase() === lower
}

function joined (before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`
}

function once (head: Head, before: string | undefined, value: string, name: string): string {
  if (before !== undefined) head.repeated = name
  return before ?? value
}
