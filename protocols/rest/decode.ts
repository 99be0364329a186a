// Bytes and headers to envelopes: wrapped events, and CloudEvents in binary, structured and batched mode.

import { decodeBatch, decodeStructured } from '../../src/contract/cloudevents-json.ts'
import type { StructuredEvent } from '../../src/contract/cloudevents-json.ts'
import { decodeHeaderValue, finishContext, newDraft, setAttribute } from '../../src/contract/cloudevents.ts'
import type { Attributes, Context, Envelope, Peer, Principal } from '../../src/contract/envelope.ts'
import { noExtensions } from '../../src/contract/envelope.ts'
import { splitArray, tooManyItems } from '../../src/contract/json.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
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

const identifiedTwice = refuse('malformed', 'ce-id and Idempotency-Key both name this event; send one of them')

/** One event: a CloudEvent in binary mode where there are ce- headers, else whatever the body is, wrapped. */
export function decodeSingle (request: SingleRequest, data: Buffer | null): Envelope | Refusal {
  const { head } = request
  if (head.contextPairs !== undefined) {
    return head.idempotencyKey === undefined ? decodeBinary(request, head.contextPairs, data) : identifiedTwice
  }
  if (head.idempotencyKey === undefined) return wrap(request, head.contentType, data, '')
  const id = readIdempotencyKey(head.idempotencyKey, request.idempotencyKeyBytesMax)
  return isRefusal(id) ? id : wrap(request, head.contentType, data, id)
}

/** The binary mode (HTTP binding 3.1): attributes in ce- headers, the data is the body, its type the Content-Type. */
function decodeBinary (request: SingleRequest, pairs: readonly string[], data: Buffer | null): Envelope | Refusal {
  const draft = newDraft()
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] ?? ''
    if (name === 'datacontenttype') {
      return refuse('invalid-event', 'ce-datacontenttype may not be sent; its place is Content-Type')
    }
    const value = decodeHeaderValue(pairs[at + 1] ?? '')
    const refusal = isRefusal(value) ? value : setAttribute(draft, name, value)
    if (refusal !== undefined) return refusal
  }
  const { contentType } = request.head
  if (contentType !== undefined) {
    const refusal = setAttribute(draft, 'datacontenttype', contentType)
    if (refusal !== undefined) return refusal
  }
  const context = finishContext(draft)
  return isRefusal(context) ? context : envelopeOf(request, context, data, false)
}

/** One CloudEvent in JSON. */
export function decodeOne (shared: Shared, body: Buffer): Envelope | Refusal {
  const event = decodeStructured(body, 0, body.length)
  return isRefusal(event) ? event : envelopeOfEvent(shared, event)
}

/** A JSON array of CloudEvents: an envelope or a refusal for each, or one refusal for all. */
export function decodeMany (shared: Shared, body: Buffer, eventsMax: number): (Envelope | Refusal)[] | Refusal {
  const events = decodeBatch(body, 0, body.length, eventsMax)
  if (isRefusal(events)) return events
  return events.map(event => isRefusal(event) ? event : envelopeOfEvent(shared, event))
}

/** A JSON array: the bytes of each item are the data of one event. */
export function decodeItems (shared: Shared, body: Buffer, eventsMax: number): Envelope[] | Refusal {
  const spans = splitArray(body, 0, body.length, eventsMax)
  if (!('problem' in spans)) {
    return spans.starts.map((start, at) => wrapJson(shared, body.subarray(start, spans.ends[at]), true))
  }
  return spans.problem === tooManyItems
    ? refuse('too-large', `a batch holds at most ${eventsMax} events; send less at once`)
    : refuse('malformed', `the body is not one well-formed JSON array: ${spans.problem}, at byte ${spans.offset}; none of it was written`)
}

function envelopeOfEvent (shared: Shared, event: StructuredEvent): Envelope {
  return envelopeOf(shared, event.context, event.data, event.dataChecked)
}

function envelopeOf (shared: Shared, context: Context, data: Buffer | null, dataChecked: boolean): Envelope {
  return {
    id: context.id, source: context.source, type: context.type, subject: context.subject, time: context.time,
    datacontenttype: context.datacontenttype, dataschema: context.dataschema, extensions: context.extensions,
    channel: shared.channel, wrapped: false, data, dataChecked, principal: shared.principal,
    attributes: shared.attributes, peer: shared.peer, receivedAtMs: shared.receivedAtMs,
    traceparent: shared.traceparent, tracestate: shared.tracestate, patient: false
  }
}

/** An event of a JSON format: one line or one item. `checked` where its grammar has been looked at already. */
export function wrapJson (shared: Shared, data: Buffer, checked: boolean): Envelope {
  return wrapWith(shared, 'application/json', data, checked)
}

/** An event that its sender did not describe: the router gives it source and type, and an id where this one is ''. */
function wrap (shared: Shared, contentType: string | undefined, data: Buffer | null, id: string): Envelope {
  const envelope = wrapWith(shared, contentType, data, false)
  return id === '' ? envelope : { ...envelope, id }
}

function wrapWith (
  shared: Shared, datacontenttype: string | undefined, data: Buffer | null, dataChecked: boolean
): Envelope {
  return {
    id: '', source: '', type: '', subject: undefined, time: undefined, datacontenttype, dataschema: undefined,
    extensions: noExtensions, channel: shared.channel, wrapped: true, data, dataChecked, principal: shared.principal,
    attributes: shared.attributes, peer: shared.peer, receivedAtMs: shared.receivedAtMs,
    traceparent: shared.traceparent, tracestate: shared.tracestate, patient: false
  }
}
