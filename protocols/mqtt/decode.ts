// Messages to envelopes: wrapped events, and CloudEvents in binary and structured mode (MQTT protocol binding 1.0.2).

import { decodeStructured } from '../../src/contract/cloudevents-json.ts'
import { finishContext, newDraft, refuseAttribute, setAttribute } from '../../src/contract/cloudevents.ts'
import { noExtensions } from '../../src/contract/envelope.ts'
import type { Attributes, Context, Envelope, Peer, Principal } from '../../src/contract/envelope.ts'
import { mediaType } from '../../src/contract/media-type.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { readTraceparent, readTracestate } from '../../src/contract/trace-context.ts'
import { MessageAttributes } from './attributes.ts'
import type { PublishPacket } from './codec/packet.ts'
import { noProperties } from './codec/properties.ts'
import type { Properties, UserProperty } from './codec/properties.ts'
import { payloadViolation } from './codec/publish.ts'
import type { ProtocolVersion } from './codec/rules.ts'

/** What all messages of one connection share. */
export interface Sender {
  readonly version: ProtocolVersion
  readonly clientId: string
  readonly principal: Principal
  readonly peer: Peer
  /** Of a message that has nothing of its own. One object, by which events of one kind are known. */
  readonly plain: Attributes
  /** Every message of MQTT 3.1.1 is a CloudEvent in JSON. */
  readonly structured311: boolean
  /** Of messages that tell none. */
  readonly contentType: string | undefined
}

/** A PUBLISH, or a will. */
export type Message = Pick<PublishPacket, 'qos' | 'retain' | 'properties' | 'payload'>

const structuredType = 'application/cloudevents+json'
/** RFC 3629 text is looked at where the sender promises it (section 3.3.2.3.2 of MQTT 5). */
const notUtf8 = refuse('invalid-event', 'the payload is announced as UTF-8 and is not; send it as it is announced')
const foreignFormat = refuse('invalid-event',
  'this format of CloudEvents is not read here; send application/cloudevents+json, or the binary mode')

/** `channel` has been read already. The data is a view of the packet. */
export function decodeMessage (
  message: Message, sender: Sender, channel: string, receivedAtMs: number
): Envelope | Refusal {
  const { properties } = message
  if (properties === noProperties && !message.retain) {
    if (sender.structured311 && sender.version === 4) return decodeJson(message, sender, channel, receivedAtMs)
    return wrap(message, sender, channel, receivedAtMs)
  }
  if (payloadViolation(message as PublishPacket, sender.version) !== undefined) return notUtf8
  const essence = mediaType(properties.contentType)
  if (essence === structuredType || (sender.structured311 && sender.version === 4)) {
    return decodeJson(message, sender, channel, receivedAtMs)
  }
  if (essence.startsWith('application/cloudevents')) return foreignFormat
  const { userProperties } = properties
  if (userProperties === undefined || userProperty(userProperties, 'specversion') === undefined) {
    return wrap(message, sender, channel, receivedAtMs)
  }
  const context = readContext(userProperties, properties.contentType)
  if (isRefusal(context)) return context
  return envelopeOf(message, sender, channel, { ...context, receivedAtMs, data: dataOf(message), dataChecked: false })
}

interface Found extends Context {
  readonly receivedAtMs: number
  readonly data: Buffer | null
  readonly dataChecked: boolean
}

function decodeJson (message: Message, sender: Sender, channel: string, receivedAtMs: number): Envelope | Refusal {
  const { payload } = message
  const event = decodeStructured(payload, 0, payload.length)
  if (isRefusal(event)) return event
  const { context, data, dataChecked } = event
  return envelopeOf(message, sender, channel, { ...context, receivedAtMs, data, dataChecked })
}

const attributeName = /^[a-z0-9]+$/

/**
 * Binding 3.1.3: each attribute is the user property of its name, and the Content Type is `datacontenttype`, which
 * emitters may say twice. Properties whose names no attribute can have are none.
 */
function readContext (pairs: readonly UserProperty[], contentType: string | undefined): Context | Refusal {
  const draft = newDraft()
  for (const [name, value] of pairs) {
    if (!attributeName.test(name)) continue
    if (name === 'datacontenttype' && contentType !== undefined) {
      if (value !== contentType) return refuseAttribute(name, 'is not what the Content Type says; send one of them')
      continue
    }
    const refusal = setAttribute(draft, name, value)
    if (refusal !== undefined) return refusal
  }
  const refusal = contentType === undefined ? undefined : setAttribute(draft, 'datacontenttype', contentType)
  return refusal ?? finishContext(draft)
}

/** A payload of no bytes is no data. */
function dataOf ({ payload }: Message): Buffer | null {
  return payload.length === 0 ? null : payload
}

function userProperty (pairs: readonly UserProperty[] | undefined, name: string): string | undefined {
  if (pairs === undefined) return undefined
  for (const [key, value] of pairs) if (key === name) return value
  return undefined
}

function attributesOf ({ retain, properties }: Message, { clientId, plain }: Sender): Attributes {
  return properties === noProperties && !retain ? plain : new MessageAttributes({ clientId, retain, properties })
}

function envelopeOf (message: Message, sender: Sender, channel: string, found: Found): Envelope {
  const { userProperties }: Properties = message.properties
  const traceparent = readTraceparent(userProperty(userProperties, 'traceparent'))
  const tracestate = readTracestate(userProperty(userProperties, 'tracestate'), traceparent)
  return {
    id: found.id, source: found.source, type: found.type, subject: found.subject, time: found.time,
    datacontenttype: found.datacontenttype, dataschema: found.dataschema, extensions: found.extensions, channel,
    wrapped: false, data: found.data, dataChecked: found.dataChecked, principal: sender.principal,
    attributes: attributesOf(message, sender), peer: sender.peer, receivedAtMs: found.receivedAtMs, traceparent,
    tracestate, patient: message.qos > 0
  }
}

/** An event that its sender did not describe: the router gives it id, source and type. */
function wrap (message: Message, sender: Sender, channel: string, receivedAtMs: number): Envelope | Refusal {
  const { userProperties, contentType } = message.properties
  if (contentType !== undefined && contentType !== 'application/json') {
    const refusal = setAttribute(newDraft(), 'datacontenttype', contentType)
    if (refusal !== undefined) return refusal
  }
  const traceparent = readTraceparent(userProperty(userProperties, 'traceparent'))
  return {
    id: '', source: '', type: '', subject: undefined, time: undefined,
    datacontenttype: contentType ?? sender.contentType, dataschema: undefined, extensions: noExtensions,
    channel, wrapped: true, data: dataOf(message), dataChecked: false, principal: sender.principal,
    attributes: attributesOf(message, sender), peer: sender.peer, receivedAtMs, traceparent,
    tracestate: readTracestate(userProperty(userProperties, 'tracestate'), traceparent), patient: message.qos > 0
  }
}
