// Bytes and headers to envelopes: one wrapped event, CloudEvents in binary, structured and batched mode. Pure; settles nothing.

import type { Attributes, Envelope, Peer, Principal } from '../../src/contract/envelope.ts'
import { noExtensions } from '../../src/contract/envelope.ts'
import { isRefusal } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Head } from './head.ts'
import { readIdempotencyKey } from './idempotency-key.ts'

/** What all events of one request share. */
export interface Shared {
  readonly channel: string
  readonly principal: Principal
  readonly attributes: Attributes
  readonly peer: Peer
  readonly receivedAtMs: number
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
}

/** What a decoder of a single event reads beside the bytes. */
export interface SingleRequest extends Shared {
  readonly head: Head
  readonly idempotencyKeyBytesMax: number
}

/** One event: a CloudEvent in binary mode where there are ce- headers, else whatever the body is, wrapped. */
export function decodeSingle (request: SingleRequest, data: Buffer | null): Envelope | Refusal {
  const { head } = request
  if (head.idempotencyKey === undefined) return wrap(request, '', head.contentType, data)
  const id = readIdempotencyKey(head.idempotencyKey, request.idempotencyKeyBytesMax)
  return isRefusal(id) ? id : wrap(request, id, head.contentType, data)
}

/** An event that its sender did not describe: the router gives it source and type. */
export function wrap (shared: Shared, id: string, datacontenttype: string | undefined, data: Buffer | null): Envelope {
  return {
    id, source: '', type: '', subject: undefined, time: undefined, datacontenttype, dataschema: undefined,
    extensions: noExtensions, channel: shared.channel, wrapped: true, data, dataChecked: false,
    principal: shared.principal, attributes: shared.attributes, peer: shared.peer, receivedAtMs: shared.receivedAtMs,
    traceparent: shared.traceparent, tracestate: shared.tracestate, patient: false
  }
}

/** An event of a JSON format: one line or one item. `checked` where its grammar has been looked at already. */
export function wrapChecked (shared: Shared, data: Buffer, checked: boolean): Envelope {
  return {
    id: '', source: '', type: '', subject: undefined, time: undefined, datacontenttype: 'application/json',
    dataschema: undefined, extensions: noExtensions, channel: shared.channel, wrapped: true, data, dataChecked: checked,
    principal: shared.principal, attributes: shared.attributes, peer: shared.peer, receivedAtMs: shared.receivedAtMs,
    traceparent: shared.traceparent, tracestate: shared.tracestate, patient: false
  }
}
