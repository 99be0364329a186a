// PUBLISH to envelope: topic to channel, CloudEvents in binary and structured mode, and everything else wrapped.

import { parseChannel } from '../../src/contract/channel.ts'
import { decodeStructured } from '../../src/contract/cloudevents-json.ts'
import { finishContext, newDraft, refuseAttribute, setAttribute } from '../../src/contract/cloudevents.ts'
import { noExtensions } from '../../src/contract/envelope.ts'
import type { Attributes, Context, Envelope, Peer, Principal } from '../../src/contract/envelope.ts'
import { mediaType } from '../../src/contract/media-type.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { readTraceparent, readTracestate } from '../../src/contract/trace-context.ts'
import type { PublishPacket } from '../mqtt/codec/packet.ts'
import type { UserProperty } from '../mqtt/codec/properties.ts'
import { payloadViolation } from '../mqtt/codec/publish.ts'
import type { BridgeSettings } from './config.ts'

/** What all messages of one connection share. */
export interface Shared {
  readonly settings: Pick<BridgeSettings, 'stripPrefix' | 'addPrefix' | 'contentType'>
  readonly principal: Principal
  readonly peer: Peer
}

const structuredType = 'application/cloudevents+json'
const notUtf8 = refuse('invalid-event', 'the payload is announced as UTF-8 and is not; send it as it is announced')
const foreignFormat = refuse('invalid-event',
  `this format of CloudEvents is not read here; send ${structuredType}, or the binary mode`)
const none: readonly UserProperty[] = []
const attributeName = /^[a-z0-9]+$/

/** Names that begin so say what the packet itself says: a user property of such a name is left out. */
const ownPrefix = 'mqtt-'

const own: Readonly<Record<string, (packet: PublishPacket) => string | undefined>> = {
  'mqtt-topic': ({ topicName }) => topicName,
  'mqtt-qos': ({ qos }) => String(qos),
  'mqtt-retain': ({ retain }) => retain ? 'true' : undefined,
  'mqtt-duplicate': ({ dup }) => dup ? 'true' : undefined,
  'mqtt-response-topic': ({ properties }) => properties.responseTopic,
  'mqtt-correlation-data': ({ properties }) => properties.correlationData?.toString('base64'),
  'mqtt-message-expiry-interval': ({ properties }) => properties.messageExpiryInterval?.toString(),
  'mqtt-payload-format-indicator': ({ properties }) => properties.payloadFormatIndicator?.toString()
}

class PublishAttributes implements Attributes {
  readonly #packet: PublishPacket

  constructor (packet: PublishPacket) {
    this.#packet = packet
  }

  get (name: string): string | undefined {
    if (name.startsWith(ownPrefix)) return Object.hasOwn(own, name) ? own[name]?.(this.#packet) : undefined
    // Those names are for methods and paths, which MQTT does not have.
    if (name.startsWith(':')) return undefined
    return this.#packet.properties.userProperties?.find(([candidate]) => candidate.toLowerCase() === name)?.[1]
  }

  forEach (visit: (name: string, value: string) => void): void {
    for (const [name, read] of Object.entries(own)) {
      const value = read(this.#packet)
      if (value !== undefined) visit(name, value)
    }
    for (const [name, value] of this.#packet.properties.userProperties ?? none) {
      const lower = name.toLowerCase()
      if (!lower.startsWith(ownPrefix) && !lower.startsWith(':')) visit(lower, value)
    }
  }
}

/** The channel that a topic stands for. */
export function channelOf (topic: string, { stripPrefix, addPrefix }: Shared['settings']): string | Refusal {
  const rest = stripPrefix !== '' && topic.startsWith(stripPrefix) ? topic.slice(stripPrefix.length) : topic
  return parseChannel(addPrefix + rest)
}

/** A message without a payload is an event without data. */
export function decode (packet: PublishPacket, shared: Shared, receivedAtMs: number): Envelope | Refusal {
  const channel = channelOf(packet.topicName, shared.settings)
  if (isRefusal(channel)) return channel
  const { properties, payload } = packet
  const contentType = properties.contentType ?? shared.settings.contentType
  const form: Form = { packet, shared, receivedAtMs, channel }
  if (payloadViolation(packet, 5) !== undefined) return notUtf8
  // The binding knows two forms by these marks: a content type, and a property that says the version.
  const essence = mediaType(contentType)
  if (essence === structuredType) {
    const event = decodeStructured(payload, 0, payload.length)
    return isRefusal(event) ? event : envelopeOf(form, event.context, event.data, event.dataChecked)
  }
  if (essence.startsWith('application/cloudevents')) return foreignFormat
  const data = payload.length === 0 ? null : payload
  const pairs = properties.userProperties
  if (pairs?.some(([name]) => name === 'specversion') === true) {
    const context = contextOf(pairs, contentType)
    return isRefusal(context) ? context : envelopeOf(form, context, data, false)
  }
  return { ...envelopeOf(form, { ...plain, datacontenttype: contentType }, data, false), wrapped: true }
}

/** Binary mode (MQTT binding 3.1). Properties whose names no attribute can have are the application's own. */
function contextOf (pairs: readonly UserProperty[], contentType: string | undefined): Context | Refusal {
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

/** The router fills in what is empty. */
const plain: Context = {
  id: '', source: '', type: '', subject: undefined, time: undefined, datacontenttype: undefined, dataschema: undefined,
  extensions: noExtensions
}

interface Form {
  readonly packet: PublishPacket
  readonly shared: Shared
  readonly receivedAtMs: number
  readonly channel: string
}

function envelopeOf (form: Form, context: Context, data: Buffer | null, dataChecked: boolean): Envelope {
  const { packet, shared, receivedAtMs, channel } = form
  const { id, source, type, subject, time, datacontenttype, dataschema, extensions } = context
  const traceparent = readTraceparent(userProperty(packet, 'traceparent'))
  return {
    id, source, type, subject, time, datacontenttype, dataschema, extensions, channel, data, dataChecked,
    wrapped: false, principal: shared.principal, peer: shared.peer, attributes: new PublishAttributes(packet),
    receivedAtMs, traceparent, tracestate: readTracestate(userProperty(packet, 'tracestate'), traceparent),
    // The broker keeps the message until it is told: there is no hurry.
    patient: true
  }
}

function userProperty ({ properties }: PublishPacket, wanted: string): string | undefined {
  return properties.userProperties?.find(([name]) => name === wanted)?.[1]
}
