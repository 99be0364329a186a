// CloudEvents on Kafka (Kafka protocol binding 1.0.2): the record headers of its binary and its structured mode.

import type { Envelope } from './envelope.ts'

/** The content type of a record whose value is a whole event. */
export const structuredContentType = 'application/cloudevents+json; charset=UTF-8'

const extensionNameCountMax = 256
const extensionNameLengthMax = 64
/** Header names of extensions that have been seen. Emptied when full, so that senders cannot make it grow. */
const extensionNames = new Map<string, string>()

function extensionName (name: string): string {
  const known = extensionNames.get(name)
  if (known !== undefined) return known
  const made = `ce_${name}`
  if (name.length <= extensionNameLengthMax) {
    if (extensionNames.size === extensionNameCountMax) extensionNames.clear()
    extensionNames.set(name, made)
  }
  return made
}

/** The header that holds the id in the binary mode. It is the record's own: all others are mostly shared. */
export const idName = 'ce_id'

type Headers = readonly (string | Buffer)[]

const structured: Headers = ['content-type', structuredContentType]

/** What was joined last. */
const joined = { headers: structured, extra: structured, all: structured }

function withLast (headers: Headers, { traceparent, tracestate }: Envelope, extra: Headers): Headers {
  if (traceparent !== undefined || tracestate !== undefined) {
    const trace = traceparent === undefined ? [] : ['traceparent', traceparent]
    if (tracestate !== undefined) trace.push('tracestate', tracestate)
    return [...headers, ...trace, ...extra]
  }
  if (extra.length === 0) return headers
  if (headers !== joined.headers || extra !== joined.extra) {
    Object.assign(joined, { headers, extra, all: [...headers, ...extra] })
  }
  return joined.all
}

/** The attributes of the event before, and its headers: events of one sender and one millisecond often share them. */
const before = {
  source: '', type: '', subject: undefined as Envelope['subject'], time: undefined as Envelope['time'],
  dataschema: undefined as Envelope['dataschema'], extensions: undefined as Envelope['extensions'] | undefined,
  datacontenttype: undefined as Envelope['datacontenttype'], headers: [] as Headers
}

function attributeHeaders (envelope: Envelope): Headers {
  const { source, type, subject, time, dataschema, extensions, datacontenttype } = envelope
  const isLike = source === before.source && type === before.type && time === before.time &&
    subject === before.subject && extensions === before.extensions && datacontenttype === before.datacontenttype &&
    dataschema === before.dataschema
  if (isLike) return before.headers
  const headers: string[] = ['ce_specversion', '1.0', 'ce_source', source, 'ce_type', type]
  if (subject !== undefined) headers.push('ce_subject', subject)
  if (time !== undefined) headers.push('ce_time', time)
  if (dataschema !== undefined) headers.push('ce_dataschema', dataschema)
  for (const [name, value] of extensions) headers.push(extensionName(name), String(value))
  if (datacontenttype !== undefined) headers.push('content-type', datacontenttype)
  Object.assign(before, { source, type, subject, time, dataschema, extensions, datacontenttype, headers })
  return headers
}

/**
 * Flat pairs for the binary mode (3.2) but for the id: every attribute as `ce_` header, `datacontenttype` as
 * `content-type`, then the trace context under its plain names, then `extra`.
 */
export function binaryHeaders (envelope: Envelope, extra: Headers): Headers {
  return withLast(attributeHeaders(envelope), envelope, extra)
}

/** Flat pairs for the structured mode (3.3): the content type, the trace context, then `extra`. */
export function structuredHeaders (envelope: Envelope, extra: Headers): Headers {
  return withLast(structured, envelope, extra)
}
