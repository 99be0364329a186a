// Data and attributes to envelopes: wrapped events, and CloudEvents in binary and structured mode.

import { AddedAttributes } from '../../src/contract/added-attributes.ts'
import { decodeStructured } from '../../src/contract/cloudevents-json.ts'
import { finishContext, newDraft, setAttribute } from '../../src/contract/cloudevents.ts'
import type { Attributes, Context, Envelope, Peer, Principal } from '../../src/contract/envelope.ts'
import { noExtensions } from '../../src/contract/envelope.ts'
import { mediaType } from '../../src/contract/media-type.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { mergePairs } from './pairs.ts'
import { readTraceparent, readTracestate } from '../../src/contract/trace-context.ts'

/** Who sends, and when it was read: the same for all events of one read. */
export interface Sender {
  readonly principal: Principal
  readonly peer: Peer
  readonly receivedAtMs: number
}

/** A channel, and what its events have in common. Made once, so that most events cost no more than their envelope. */
export interface Destination {
  readonly channel: string
  /** Attributes that its declaration gave: name, value, name, value. */
  readonly pairs: readonly string[]
  /** What stands before all that a channel or an event adds. */
  readonly base: Attributes
  /** Of events that give none of their own. */
  readonly attributes: Attributes
  readonly contentType: string | undefined
  /** True where no attribute of the channel makes more of its data than a wrapped event. */
  readonly plain: boolean
}

/** The data of one event. */
export interface Body {
  readonly data: Buffer | null
  /** What it is where no attribute says so. */
  readonly contentType: string | undefined
  /** True where it has been found to be well-formed JSON. */
  readonly checked: boolean
}

export const structuredType = 'application/cloudevents+json'
const idempotencyKeyLengthMax = 255
const noBytes = Buffer.alloc(0)

export function destinationOf (channel: string, pairs: readonly string[], base: Attributes): Destination {
  let contentType: string | undefined
  let plain = true
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] ?? ''
    if (name === 'content-type') contentType = pairs[at + 1]
    else if (describes(name)) plain = false
  }
  // What is no media type is refused with each event.
  if (isStructured(contentType) || checkType(contentType) !== undefined) plain = false
  const attributes = pairs.length === 0 ? base : new AddedAttributes(base, pairs)
  return { channel, pairs, base, attributes, contentType, plain }
}

function describes (name: string): boolean {
  return name.startsWith('ce-') || name === 'idempotency-key' || name === 'traceparent' || name === 'tracestate'
}

function isStructured (contentType: string | undefined): boolean {
  return contentType !== undefined && mediaType(contentType).startsWith('application/cloudevents')
}

/** What CloudEvents says against a content type. */
function checkType (contentType: string | undefined): Refusal | undefined {
  return contentType === undefined || contentType === 'application/json'
    ? undefined
    : setAttribute(newDraft(), 'datacontenttype', contentType)
}

/** An event without attributes of its own, on a plain channel: the way that most events take. */
export function wrapPlain (sender: Sender, to: Destination, data: Buffer | null): Envelope {
  return {
    id: '', source: '', type: '', subject: undefined, time: undefined, datacontenttype: to.contentType,
    dataschema: undefined, extensions: noExtensions, channel: to.channel, wrapped: true, data, dataChecked: false,
    principal: sender.principal, attributes: to.attributes, peer: sender.peer, receivedAtMs: sender.receivedAtMs,
    traceparent: undefined, tracestate: undefined, patient: false
  }
}

/** What the attributes of one event say of it. */
interface Description {
  contentType: string | undefined
  key: string | undefined
  traceparent: string | undefined
  tracestate: string | undefined
  /** Names without their prefix, and values. */
  context: string[] | undefined
}

function describe (pairs: readonly string[]): Description {
  const found: Description = {
    contentType: undefined, key: undefined, traceparent: undefined, tracestate: undefined, context: undefined
  }
  for (let at = 0; at < pairs.length; at += 2) {
    const name = pairs[at] ?? ''
    const value = pairs[at + 1] ?? ''
    if (name === 'content-type') found.contentType = value
    else if (name === 'idempotency-key') found.key = value
    else if (name === 'traceparent') found.traceparent = readTraceparent(value)
    else if (name === 'tracestate') found.tracestate = value
    else if (name.startsWith('ce-')) (found.context ??= []).push(name.slice(3), value)
  }
  found.tracestate = readTracestate(found.tracestate, found.traceparent)
  return found
}

/** Any event. `own` are the attributes that it gives itself. */
export function decodeEvent (
  sender: Sender, to: Destination, body: Body, own: readonly string[]
): Envelope | Refusal {
  const pairs = own.length === 0 ? to.pairs : mergePairs(own, to.pairs)
  const described = describe(pairs)
  const attributes = own.length === 0 ? to.attributes : new AddedAttributes(to.base, pairs)
  const { context, key } = described
  const contentType = described.contentType ?? body.contentType
  if (key !== undefined && (context !== undefined || isStructured(contentType))) {
    return refuse('malformed', 'an idempotency-key goes with no CloudEvent, which has an id; send one of them')
  }
  const place = { to, sender, attributes, described }
  if (isStructured(contentType)) {
    return context === undefined
      ? decodeOne(place, contentType, body.data)
      : refuse('malformed', 'ce- attributes do not go with an event that describes itself; leave them out')
  }
  if (context !== undefined) return decodeBinary(place, { ...body, contentType }, context)
  const id = key ?? ''
  if (key !== undefined && (key === '' || key.length > idempotencyKeyLengthMax)) {
    return refuse('malformed', `an idempotency-key has 1 to ${idempotencyKeyLengthMax} characters`, {
      pointer: '/attributes/idempotency-key'
    })
  }
  return checkType(described.contentType) ??
    envelopeOf(place, { ...noContext, id, datacontenttype: contentType }, body)
}

interface Place {
  readonly to: Destination
  readonly sender: Sender
  readonly attributes: Attributes
  readonly described: Description
}

const noContext: Context = {
  id: '', source: '', type: '', subject: undefined, time: undefined, datacontenttype: undefined, dataschema: undefined,
  extensions: noExtensions
}

/** A CloudEvent in JSON, whole, in the place of the data. */
function decodeOne (place: Place, contentType: string | undefined, data: Buffer | null): Envelope | Refusal {
  if (mediaType(contentType) !== structuredType) {
    return refuse('malformed', `of the formats of CloudEvents ${structuredType} is spoken here, one event in each message`)
  }
  const bytes = data ?? noBytes
  const event = decodeStructured(bytes, 0, bytes.length)
  if (isRefusal(event)) return event
  return envelopeOf(place, event.context, { data: event.data, checked: event.dataChecked }, false)
}

/** A CloudEvent whose context stands in `ce-` attributes, as in the binary mode of HTTP but for their encoding. */
function decodeBinary (place: Place, body: Body, context: readonly string[]): Envelope | Refusal {
  const draft = newDraft()
  for (let at = 0; at < context.length; at += 2) {
    const name = context[at] ?? ''
    if (name === 'datacontenttype') {
      return refuse('invalid-event', 'ce-datacontenttype may not be sent; its place is content-type')
    }
    const refusal = setAttribute(draft, name, context[at + 1] ?? '')
    if (refusal !== undefined) return refusal
  }
  if (body.contentType !== undefined) {
    const refusal = setAttribute(draft, 'datacontenttype', body.contentType)
    if (refusal !== undefined) return refusal
  }
  const finished = finishContext(draft)
  return isRefusal(finished) ? finished : envelopeOf(place, finished, body, false)
}

function envelopeOf (
  { to, sender, attributes, described }: Place, context: Context, body: Pick<Body, 'data' | 'checked'>, wrapped = true
): Envelope {
  return {
    id: context.id, source: context.source, type: context.type, subject: context.subject, time: context.time,
    datacontenttype: context.datacontenttype, dataschema: context.dataschema, extensions: context.extensions,
    channel: to.channel, wrapped, data: body.data, dataChecked: body.checked, principal: sender.principal,
    attributes, peer: sender.peer, receivedAtMs: sender.receivedAtMs, traceparent: described.traceparent,
    tracestate: described.tracestate, patient: false
  }
}
