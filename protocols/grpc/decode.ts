// Bytes of a message to envelopes: which event is in it, what it is by the rules of CloudEvents, or why it is refused.

import { AddedAttributes } from '../../src/contract/added-attributes.ts'
import { parseChannel } from '../../src/contract/channel.ts'
import { finishContext, newDraft, refuseAttribute, setAttribute, specVersion } from '../../src/contract/cloudevents.ts'
import { noExtensions } from '../../src/contract/envelope.ts'
import type { Attributes, Envelope, ExtensionValue, Peer, Principal } from '../../src/contract/envelope.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { readTraceparent, readTracestate } from '../../src/contract/trace-context.ts'
import { isUri } from '../../src/contract/uri.ts'
import { EventReading, readFlat, readOfficial } from './event-reading.ts'
import { bytesTag, varintTag, WireReader } from './wire-reader.ts'

/** What all events of one call share. */
export interface Shared {
  readonly principal: Principal
  readonly attributes: Attributes
  readonly peer: Peer
  readonly receivedAtMs: number
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
}

/** The channel of events that name none, and who sends them. */
interface Place { readonly shared: Shared, readonly channel: string }

/**
 * What a message of a stream is. `event`: with the id that its sender gave it. `broken`: nothing more can be read of
 * this stream.
 */
export type StreamMessage =
  | { readonly kind: 'open', readonly receipts: boolean, readonly channel: string }
  | { readonly kind: 'event', readonly id: number, readonly event: Envelope | Refusal }
  | { readonly kind: 'broken', readonly refusal: Refusal }

const broken = refuse(
  'malformed', 'the message is not what the proto file says: its bytes end early, or are not protobuf or UTF-8'
)
const noEvent = refuse('malformed', 'the request has no event; set flat or cloud_event')
const wrongId = refuse('malformed', 'an event of a stream has an id of 1 to 2^53 - 1; number them upwards')

const request = { flat: bytesTag(1), cloudEvent: bytesTag(2), channel: bytesTag(3) } as const
const batch = { events: bytesTag(1), channel: bytesTag(2) } as const
const stream = {
  id: varintTag(1), flat: bytesTag(2), cloudEvent: bytesTag(3), open: bytesTag(4), channel: bytesTag(5)
} as const
const open = { receipts: varintTag(1), channel: bytesTag(2) } as const

/** The names of attributes that have a field of their own. */
const flatNames = new Set([
  'id', 'source', 'type', 'specversion', 'subject', 'time', 'datacontenttype', 'dataschema'
])
const officialNames = new Set(['id', 'source', 'type', 'specversion'])
const optionalNames = new Set(['subject', 'time', 'datacontenttype', 'dataschema'])

/** Longest id of an event that is no CloudEvent: it is a key for recognising copies. */
const keyLengthMax = 255

type TextName = 'id' | 'source' | 'type' | 'subject' | 'time' | 'datacontenttype' | 'dataschema'

/** Reads the messages of one stream or of many calls; remembers what it found fine last, for most is the same again. */
export class Decoder {
  readonly #reader = new WireReader()
  readonly #reading = new EventReading()
  #channelText = ''
  #channel: string | Refusal = ''
  #source = ''
  #type = ''
  #datacontenttype = ''

  /** A PublishRequest. */
  one (bytes: Buffer, shared: Shared): Envelope | Refusal {
    this.#reader.begin(bytes)
    const event = this.#request(bytes.length, { shared, channel: '' })
    return this.#reader.broken ? broken : event
  }

  /** A PublishBatchRequest: an envelope or a refusal for each event, or one refusal for all. */
  many (bytes: Buffer, shared: Shared, eventsMax: number): (Envelope | Refusal)[] | Refusal {
    const reader = this.#reader
    reader.begin(bytes)
    const starts: number[] = []
    const ends: number[] = []
    let channel = ''
    for (let tag = reader.tag(bytes.length); tag !== 0; tag = reader.tag(bytes.length)) {
      if (tag === batch.channel) channel = reader.text(bytes.length)
      else if (tag !== batch.events) reader.skip(tag, bytes.length)
      else if (reader.span(bytes.length)) {
        if (starts.length === eventsMax) {
          return refuse('too-large', `a batch holds at most ${eventsMax} events; send less at once`)
        }
        starts.push(reader.start)
        ends.push(reader.end)
      }
    }
    if (reader.broken) return broken
    const place: Place = { shared, channel }
    return starts.map((start, index) => {
      reader.at = start
      reader.broken = false
      const event = this.#request(ends[index] ?? start, place)
      return reader.broken ? broken : event
    })
  }

  /** A PublishStreamRequest. */
  streamed (bytes: Buffer, shared: Shared, channel: string): StreamMessage {
    const reader = this.#reader
    reader.begin(bytes)
    let id = 0
    let kind: 'none' | 'event' | 'open' = 'none'
    let openAt = 0
    let ownChannel = ''
    for (let tag = reader.tag(bytes.length); tag !== 0; tag = reader.tag(bytes.length)) {
      switch (tag) {
        case stream.id: id = reader.varint(bytes.length); break
        case stream.channel: ownChannel = reader.text(bytes.length); break
        case stream.flat: this.#event(bytes.length, readFlat); kind = 'event'; break
        case stream.cloudEvent: this.#event(bytes.length, readOfficial); kind = 'event'; break
        case stream.open:
          openAt = reader.at
          reader.span(bytes.length)
          kind = 'open'
          break
        default: reader.skip(tag, bytes.length)
      }
    }
    if (reader.broken) return { kind: 'broken', refusal: broken }
    if (kind === 'open') return this.#open(openAt, bytes.length)
    if (kind === 'none') return { kind: 'broken', refusal: noEvent }
    if (id < 1 || id > Number.MAX_SAFE_INTEGER) return { kind: 'broken', refusal: wrongId }
    return { kind: 'event', id, event: this.#envelope({ shared, channel: ownChannel === '' ? channel : ownChannel }) }
  }

  #open (at: number, limit: number): StreamMessage {
    const reader = this.#reader
    reader.at = at
    reader.span(limit)
    const { end } = reader
    reader.at = reader.start
    let receipts = false
    let channel = ''
    for (let tag = reader.tag(end); tag !== 0; tag = reader.tag(end)) {
      if (tag === open.receipts) receipts = reader.varint(end) !== 0
      else if (tag === open.channel) channel = reader.text(end)
      else reader.skip(tag, end)
    }
    return reader.broken ? { kind: 'broken', refusal: broken } : { kind: 'open', receipts, channel }
  }

  #request (limit: number, place: Place): Envelope | Refusal {
    const reader = this.#reader
    let found = false
    let { channel } = place
    for (let tag = reader.tag(limit); tag !== 0; tag = reader.tag(limit)) {
      switch (tag) {
        case request.flat: this.#event(limit, readFlat); found = true; break
        case request.cloudEvent: this.#event(limit, readOfficial); found = true; break
        case request.channel: {
          const own = reader.text(limit)
          if (own !== '') channel = own
          break
        }
        default: reader.skip(tag, limit)
      }
    }
    if (reader.broken) return broken
    return found ? this.#envelope({ shared: place.shared, channel }) : noEvent
  }

  #event (limit: number, read: typeof readFlat): void {
    const reader = this.#reader
    if (!reader.span(limit)) return
    const { end } = reader
    reader.at = reader.start
    read(reader, end, this.#reading)
    reader.at = end
  }

  /** What has been read as an envelope: by the rules of CloudEvents where it is one. */
  #envelope ({ shared, channel: standing }: Place): Envelope | Refusal {
    const reading = this.#reading
    const channel = this.#channelOf(reading.channel === '' ? standing : reading.channel)
    if (isRefusal(channel)) return channel
    if (reading.official) {
      const refusal = settleOfficial(reading)
      if (refusal !== undefined) return refusal
    }
    const wrapped = !reading.official && reading.source === '' && reading.type === '' && reading.subject === '' &&
      reading.time === '' && reading.dataschema === '' && reading.extensions === undefined
    if (wrapped && reading.id.length > keyLengthMax) {
      return refuse('malformed', `the id is longer than ${keyLengthMax} characters; shorten it`)
    }
    const extensions = reading.extensions === undefined ? noExtensions : extensionsOf(reading.extensions)
    if (extensions !== noExtensions && isRefusal(extensions)) return extensions
    const refusal = this.#check(reading) ?? (wrapped ? undefined : required(reading))
    if (refusal !== undefined) return refusal
    const { attributes } = reading
    const own = reading.traceparent !== '' && readTraceparent(reading.traceparent) !== undefined
    return {
      id: reading.id, source: reading.source, type: reading.type, subject: orNone(reading.subject),
      time: orNone(reading.time), datacontenttype: orNone(reading.datacontenttype),
      dataschema: orNone(reading.dataschema), extensions, channel, wrapped, data: reading.data, dataChecked: false,
      principal: shared.principal,
      attributes: attributes === undefined ? shared.attributes : new AddedAttributes(shared.attributes, attributes),
      peer: shared.peer, receivedAtMs: shared.receivedAtMs,
      traceparent: own ? reading.traceparent : shared.traceparent,
      tracestate: own ? readTracestate(reading.tracestate, reading.traceparent) : shared.tracestate, patient: false
    }
  }

  #channelOf (text: string): string | Refusal {
    if (text !== this.#channelText || text === '') {
      this.#channel = parseChannel(text)
      this.#channelText = text
    }
    return this.#channel
  }

  /** The rules of every text that is there. */
  #check (reading: EventReading): Refusal | undefined {
    let refusal = checkText('id', reading.id)
    if (refusal === undefined && reading.source !== this.#source) {
      refusal = checkText('source', reading.source)
      if (refusal === undefined) this.#source = reading.source
    }
    if (refusal === undefined && reading.type !== this.#type) {
      refusal = checkText('type', reading.type)
      if (refusal === undefined) this.#type = reading.type
    }
    if (refusal === undefined && reading.datacontenttype !== this.#datacontenttype) {
      refusal = checkText('datacontenttype', reading.datacontenttype)
      if (refusal === undefined) this.#datacontenttype = reading.datacontenttype
    }
    return refusal ?? checkText('subject', reading.subject) ?? checkText('time', reading.time) ??
      checkText('dataschema', reading.dataschema)
  }
}

function orNone (text: string): string | undefined {
  return text === '' ? undefined : text
}

/** What CloudEvents says of one attribute's text. */
function checkText (name: TextName, text: string): Refusal | undefined {
  return text === '' ? undefined : setAttribute(newDraft(), name, text)
}

function required ({ id, source, type }: EventReading): Refusal | undefined {
  if (id !== '' && source !== '' && type !== '') return undefined
  const context = finishContext({ ...newDraft(), id, source, type, specversion: specVersion })
  return isRefusal(context) ? context : undefined
}

/** Extensions by the rules of CloudEvents, in the order in which they came. */
function extensionsOf (found: ReadonlyMap<string, ExtensionValue>): ReadonlyMap<string, ExtensionValue> | Refusal {
  const draft = newDraft()
  for (const [name, value] of found) {
    if (flatNames.has(name)) return refuseAttribute(name, 'has a field of its own; set that, and leave it out of the map')
    const refusal = setAttribute(draft, name, value)
    if (refusal !== undefined) return refusal
  }
  return draft.extensions ?? noExtensions
}

/** Puts what the protobuf format keeps in its map, or implies by its data, where the flat event has it. */
function settleOfficial (reading: EventReading): Refusal | undefined {
  if (reading.specversion !== specVersion) {
    return reading.specversion === ''
      ? refuseAttribute('specversion', 'is missing; a CloudEvent has specversion, id, source and type')
      : setAttribute(newDraft(), 'specversion', reading.specversion)
  }
  for (const [name, value] of reading.extensions ?? []) {
    if (officialNames.has(name)) return refuseAttribute(name, 'has a field of its own; leave it out of the map')
    if (!optionalNames.has(name)) continue
    if (typeof value !== 'string') return refuseAttribute(name, 'must be a string')
    if (value === '') return refuseAttribute(name, 'is empty; give it a value')
    reading[name as 'subject' | 'time' | 'datacontenttype' | 'dataschema'] = value
    reading.extensions?.delete(name)
  }
  // Protobuf format 2.3: a message as data implies its type, which other bindings would not know.
  if (reading.typeUrl === undefined) return undefined
  if (reading.datacontenttype === '') reading.datacontenttype = 'application/protobuf'
  if (reading.dataschema === '' && isUri(reading.typeUrl)) reading.dataschema = reading.typeUrl
  return undefined
}
