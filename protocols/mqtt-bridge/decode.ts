// PUBLISH to envelope: topic to channel, CloudEvents in binary and structured mode, and everything else wrapped.

import { parseChannel } from '../../src/contract/channel.ts'
import { decodeStructured } from '../../src/contract/cloudevents-json.ts'
import { finishContext, newDraft, setAttribute } from '../../src/contract/cloudevents.ts'
import { noExtensions } from '../../src/contract/envelope.ts'
import type { Attributes, Context, Envelope, Peer, Principal } from '../../src/contract/envelope.ts'
import { mediaType } from '../../src/contract/media-type.ts'
import { isRefusal } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { PublishPacket } from '../mqtt/codec/packet.ts'
import type { UserProperty } from '../mqtt/codec/properties.ts'
import type { BridgeSettings } from './config.ts'

/** What all messages of one connection share. */
export interface Shared {
  readonly settings: Pick<BridgeSettings, 'stripPrefix' | 'addPrefix' | 'contentType'>
  readonly principal: Principal
  readonly peer: Peer
}

const none: readonly UserProperty[] = []
const traceparentShape = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/
const traceTextMax = 512
const attributeName = /^[a-z0-9]+$/

/** User properties, and ahead of them what the packet itself says; a property of such a name does not hide it. */
class PublishAttributes implements Attributes {
  readonly #packet: PublishPacket

  constructor (packet: PublishPacket) {
    this.#packet = packet
  }

  get (name: string): string | undefined {
    if (ownNames.has(name)) return this.#own(name)
    // Those names are for methods and paths, which MQTT does not have.
    if (name.startsWith(':')) return undefined
    return this.#packet.properties.userProperties?.find(([candidate]) => candidate.toLowerCase() === name)?.[1]
  }

  forEach (visit: (name: string, value: string) => void): void {
    for (const name of ownNames) {
      const value = this.#own(name)
      if (value !== undefined) visit(name, value)
    }
    for (const [name, value] of this.#packet.properties.userProperties ?? none) {
      const lower = name.toLowerCase()
      if (!ownNames.has(lower) && !lower.startsWith(':')) visit(lower, value)
    }
  }

  #own (name: string): string | undefined {
    const { topicName, qos, retain, dup, properties } = this.#packet
    switch (name) {
      case 'mqtt-topic': return topicName
      case 'mqtt-qos': return String(qos)
      case 'mqtt-retain': return String(retain)
      case 'mqtt-dup': return String(dup)
      case 'mqtt-response-topic': return properties.responseTopic
      case 'mqtt-correlation-data': return properties.correlationData?.toString('base64')
      case 'content-type': return properties.contentType
      default: return undefined
    }
  }
}

const ownNames: ReadonlySet<string> = new Set([
  'mqtt-topic', 'mqtt-qos', 'mqtt-retain', 'mqtt-dup', 'mqtt-response-topic', 'mqtt-correlation-data', 'content-type'
])

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
  // The standard of the binding names these two forms: a content type, and a property that says the version.
  if (mediaType(contentType) === 'application/cloudevents+json') {
    const event = decodeStructured(payload, 0, payload.length)
    return isRefusal(event) ? event : envelopeOf(form, event.context, event.data, event.dataChecked)
  }
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
    if (!attributeName.test(name) || name === 'traceparent' || name === 'tracestate') continue
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
  const traceparent = traceOf(packet, 'traceparent')
  const isTraced = traceparent !== undefined && traceparentShape.test(traceparent)
  return {
    id, source, type, subject, time, datacontenttype, dataschema, extensions, channel, data, dataChecked,
    wrapped: false, principal: shared.principal, peer: shared.peer, attributes: new PublishAttributes(packet),
    receivedAtMs, traceparent: isTraced ? traceparent : undefined,
    tracestate: isTraced ? traceOf(packet, 'tracestate') : undefined,
    // The broker keeps the message until it is told: there is no hurry.
    patient: true
  }
}

function traceOf ({ properties }: PublishPacket, wanted: string): string | undefined {
  const value = properties.userProperties?.find(([name]) => name === wanted)?.[1]
  return value !== undefined && value !== '' && value.length <= traceTextMax ? value : undefined
}
