// Reads one event of a message, flat or in the protobuf format of CloudEvents, into fields: the wire, no rules yet.

import { bytesTag, varintTag } from './wire-reader.ts'
import type { WireReader } from './wire-reader.ts'

/** The value of an attribute as the wire tells it; undefined: the entry has none, which is as good as no entry. */
type WireValue = string | number | boolean | undefined

/** What has been read of one event. One of these serves many events, one after the other. */
export class EventReading {
  /** True for the protobuf format of CloudEvents. */
  official = false
  channel = ''
  id = ''
  source = ''
  type = ''
  specversion = ''
  subject = ''
  datacontenttype = ''
  dataschema = ''
  time = ''
  data: Buffer | null = null
  traceparent = ''
  tracestate = ''
  /** The type of a protobuf message that is the data. */
  typeUrl: string | undefined
  extensions: Map<string, string | number | boolean> | undefined
  /** Names and values, one after the other. */
  attributes: string[] | undefined
  /** The texts of the events before that are most often the same. */
  readonly known = { channel: '', source: '', type: '', datacontenttype: '' }

  clear (): void {
    this.official = false
    this.channel = this.id = this.source = this.type = this.specversion = this.subject = ''
    this.datacontenttype = this.dataschema = this.time = this.traceparent = this.tracestate = ''
    this.data = null
    this.typeUrl = undefined
    this.extensions = undefined
    this.attributes = undefined
  }

  addExtension (name: string, value: WireValue): void {
    if (value === undefined) return
    this.extensions ??= new Map()
    this.extensions.set(name, value)
  }
}

const flat = {
  channel: bytesTag(1), id: bytesTag(2), source: bytesTag(3), type: bytesTag(4), subject: bytesTag(5),
  datacontenttype: bytesTag(6), dataschema: bytesTag(7), time: bytesTag(8), data: bytesTag(9),
  traceparent: bytesTag(10), tracestate: bytesTag(11), extensions: bytesTag(12), attributes: bytesTag(13)
} as const

/** Reads a sluice.v1.Event that ends at `limit`. */
export function readFlat (reader: WireReader, limit: number, into: EventReading): void {
  const { known } = into
  into.clear()
  for (let tag = reader.tag(limit); tag !== 0; tag = reader.tag(limit)) {
    switch (tag) {
      case flat.channel: into.channel = known.channel = reader.textLike(known.channel, limit); break
      case flat.id: into.id = reader.text(limit); break
      case flat.source: into.source = known.source = reader.textLike(known.source, limit); break
      case flat.type: into.type = known.type = reader.textLike(known.type, limit); break
      case flat.subject: into.subject = reader.text(limit); break
      case flat.datacontenttype:
        into.datacontenttype = known.datacontenttype = reader.textLike(known.datacontenttype, limit)
        break
      case flat.dataschema: into.dataschema = reader.text(limit); break
      case flat.time: into.time = reader.text(limit); break
      case flat.data: into.data = readBytes(reader, limit); break
      case flat.traceparent: into.traceparent = reader.text(limit); break
      case flat.tracestate: into.tracestate = reader.text(limit); break
      case flat.extensions: readEntry(reader, limit, readExtension, into); break
      case flat.attributes: readEntry(reader, limit, readAttribute, into); break
      default: reader.skip(tag, limit)
    }
  }
}

const official = {
  id: bytesTag(1), source: bytesTag(2), specversion: bytesTag(3), type: bytesTag(4), attributes: bytesTag(5),
  binaryData: bytesTag(6), textData: bytesTag(7), protoData: bytesTag(8)
} as const

/** Reads an io.cloudevents.v1.CloudEvent that ends at `limit`. */
export function readOfficial (reader: WireReader, limit: number, into: EventReading): void {
  into.clear()
  into.official = true
  for (let tag = reader.tag(limit); tag !== 0; tag = reader.tag(limit)) {
    switch (tag) {
      case official.id: into.id = reader.text(limit); break
      case official.source: into.source = reader.text(limit); break
      case official.specversion: into.specversion = reader.text(limit); break
      case official.type: into.type = reader.text(limit); break
      case official.attributes: readEntry(reader, limit, readOfficialValue, into); break
      case official.binaryData:
        into.data = readBytes(reader, limit)
        into.typeUrl = undefined
        break
      case official.textData: readTextData(reader, limit, into); break
      case official.protoData: readAny(reader, limit, into); break
      default: reader.skip(tag, limit)
    }
  }
}

function readBytes (reader: WireReader, limit: number): Buffer | null {
  return reader.span(limit) ? reader.bytes.subarray(reader.start, reader.end) : null
}

/** Text as it is on the wire, where it is UTF-8. */
function readTextData (reader: WireReader, limit: number, into: EventReading): void {
  const { at } = reader
  into.data = readBytes(reader, limit)
  into.typeUrl = undefined
  if (reader.broken) return
  reader.at = at
  reader.text(limit)
}

const any = { typeUrl: bytesTag(1), value: bytesTag(2) } as const

/** A google.protobuf.Any: its message is the data. */
function readAny (reader: WireReader, limit: number, into: EventReading): void {
  if (!reader.span(limit)) return
  const { end } = reader
  reader.at = reader.start
  into.typeUrl = ''
  into.data = reader.bytes.subarray(end, end)
  for (let tag = reader.tag(end); tag !== 0; tag = reader.tag(end)) {
    if (tag === any.typeUrl) into.typeUrl = reader.text(end)
    else if (tag === any.value) into.data = readBytes(reader, end)
    else reader.skip(tag, end)
  }
}

const entry = { key: bytesTag(1), value: bytesTag(2) } as const

type ReadValue = (reader: WireReader, limit: number, name: string, into: EventReading) => void

/** One entry of a map. The key may stand behind the value. */
function readEntry (reader: WireReader, limit: number, readValue: ReadValue, into: EventReading): void {
  if (!reader.span(limit)) return
  const { end } = reader
  reader.at = reader.start
  let name = ''
  let valueAt = -1
  for (let tag = reader.tag(end); tag !== 0; tag = reader.tag(end)) {
    if (tag === entry.key) name = reader.text(end)
    else if (tag === entry.value) {
      valueAt = reader.at
      reader.span(end)
    } else reader.skip(tag, end)
  }
  if (reader.broken) return
  // A value that is not there is that of its type that says nothing.
  reader.at = valueAt < 0 ? end : valueAt
  readValue(reader, end, name, into)
  reader.at = end
}

function readAttribute (reader: WireReader, limit: number, name: string, into: EventReading): void {
  into.attributes ??= []
  into.attributes.push(name, reader.at < limit ? reader.text(limit) : '')
}

const extension = { text: bytesTag(1), integer: varintTag(2), boolean: varintTag(3) } as const

/** A sluice.v1.ExtensionValue. */
function readExtension (reader: WireReader, limit: number, name: string, into: EventReading): void {
  if (reader.at === limit || !reader.span(limit)) return
  const { end } = reader
  reader.at = reader.start
  let value: WireValue
  for (let tag = reader.tag(end); tag !== 0; tag = reader.tag(end)) {
    switch (tag) {
      case extension.text: value = reader.text(end); break
      case extension.integer: value = reader.int32(end); break
      case extension.boolean: value = reader.varint(end) !== 0; break
      default: reader.skip(tag, end)
    }
  }
  into.addExtension(name, value)
}

const attribute = {
  boolean: varintTag(1), integer: varintTag(2), text: bytesTag(3), bytes: bytesTag(4), uri: bytesTag(5),
  uriReference: bytesTag(6), timestamp: bytesTag(7)
} as const

/** A CloudEventAttributeValue: of an optional attribute or an extension. */
function readOfficialValue (reader: WireReader, limit: number, name: string, into: EventReading): void {
  if (reader.at === limit || !reader.span(limit)) return
  const { end } = reader
  reader.at = reader.start
  let value: WireValue
  for (let tag = reader.tag(end); tag !== 0; tag = reader.tag(end)) {
    switch (tag) {
      case attribute.boolean: value = reader.varint(end) !== 0; break
      case attribute.integer: value = reader.int32(end); break
      case attribute.text: case attribute.uri: case attribute.uriReference: value = reader.text(end); break
      // CloudEvents writes Binary as base64 ("Type System").
      case attribute.bytes: value = readBytes(reader, end)?.toString('base64'); break
      case attribute.timestamp: value = readTimestamp(reader, end); break
      default: reader.skip(tag, end)
    }
  }
  into.addExtension(name, value)
}

const timestamp = { seconds: varintTag(1), nanos: varintTag(2) } as const
/** The years that RFC 3339 can write. */
const earliestSeconds = -62_135_596_800
const latestSeconds = 253_402_300_799

/** A google.protobuf.Timestamp as RFC 3339, with no more digits than it needs. */
function readTimestamp (reader: WireReader, limit: number): string | undefined {
  if (!reader.span(limit)) return undefined
  const { end } = reader
  reader.at = reader.start
  let seconds = 0
  let nanos = 0
  for (let tag = reader.tag(end); tag !== 0; tag = reader.tag(end)) {
    if (tag === timestamp.seconds) seconds = readInt64(reader, end)
    else if (tag === timestamp.nanos) nanos = reader.int32(end)
    else reader.skip(tag, end)
  }
  if (seconds < earliestSeconds || seconds > latestSeconds || nanos < 0 || nanos > 999_999_999) {
    reader.broken = true
    return undefined
  }
  const whole = new Date(seconds * 1_000).toISOString().slice(0, 19)
  const part = nanos === 0 ? '' : `.${String(nanos).padStart(9, '0').replace(/0+$/, '')}`
  return `${whole}${part}Z`
}

/** 64 bits with sign; beyond 2^53 only near enough to be recognised as too large. */
function readInt64 (reader: WireReader, limit: number): number {
  const from = reader.at
  const value = reader.varint(limit)
  if (reader.broken || value < 2 ** 63) return value
  // Negative numbers have ten bytes: read them again, inverted.
  let inverted = 0
  let scale = 1
  for (let at = from; at < reader.at; at++) {
    const byte = ~(reader.bytes[at] ?? 0) & (at === from + 9 ? 1 : 0x7f)
    inverted += byte * scale
    scale *= 128
  }
  return -inverted - 1
}
