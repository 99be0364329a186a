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

function addLast (
  headers: (string | Buffer)[], envelope: Envelope, extra: readonly (string | Buffer)[]
): (string | Buffer)[] {
  if (envelope.traceparent !== undefined) headers.push('traceparent', envelope.traceparent)
  if (envelope.tracestate !== undefined) headers.push('tracestate', envelope.tracestate)
  for (let i = 0; i < extra.length; i++) headers.push(extra[i] ?? '')
  return headers
}

/**
 * Flat pairs for the binary mode (3.2): every attribute as `ce_` header, `datacontenttype` as `content-type`, then the
 * trace context under its plain names, then `extra`.
 */
export function binaryHeaders (envelope: Envelope, extra: readonly (string | Buffer)[]): (string | Buffer)[] {
  const { id, source, type, subject, time, dataschema, extensions, datacontenttype } = envelope
  const headers: (string | Buffer)[] = ['ce_specversion', '1.0', 'ce_id', id, 'ce_source', source, 'ce_type', type]
  if (subject !== undefined) headers.push('ce_subject', subject)
  if (time !== undefined) headers.push('ce_time', time)
  if (dataschema !== undefined) headers.push('ce_dataschema', dataschema)
  for (const [name, value] of extensions) headers.push(extensionName(name), String(value))
  if (datacontenttype !== undefined) headers.push('content-type', datacontenttype)
  return addLast(headers, envelope, extra)
}

/** Flat pairs for the structured mode (3.3): the content type, the trace context, then `extra`. */
export function structuredHeaders (envelope: Envelope, extra: readonly (string | Buffer)[]): (string | Buffer)[] {
  return addLast(['content-type', structuredContentType], envelope, extra)
}
