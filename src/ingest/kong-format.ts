// `format: kong`: the JSON wrapper that Kong's kafka-upstream plugin writes, for consumers that were built on it.

import type { Envelope } from '../contract/envelope.ts'
import { checkJson } from '../contract/json.ts'
import { isJson, mediaType } from '../contract/media-type.ts'
import { isRefusal, refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'
import { multipartFields } from './multipart.ts'

type Fields = Record<string, string | true | (string | true)[]>

const formType = 'application/x-www-form-urlencoded'
const multipartType = 'multipart/form-data'
/** Content types whose body Kong writes as text; any other is base64. */
const textTypes = new Set(['text/plain', 'text/html', 'application/xml', 'text/xml', 'application/soap+xml', ''])

/** Repeats become a list, in order; null prototype, so a field named `__proto__` is only a field. */
function add (fields: Fields, name: string, value: string | true): void {
  const standing = fields[name]
  if (standing === undefined) fields[name] = value
  else if (Array.isArray(standing)) standing.push(value)
  else fields[name] = [standing, value]
}

function emptyFields (): Fields { return Object.create(null) as Fields }

function decodeArgument (text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

/** `a=1&b` -> { a: '1', b: true }, without the arguments that carry secrets. */
function argumentsOf (query: string, secretNames: ReadonlySet<string>): Fields {
  const fields = emptyFields()
  for (const pair of query.split('&')) {
    if (pair === '') continue
    const at = pair.indexOf('=')
    const name = decodeArgument(at === -1 ? pair : pair.slice(0, at))
    if (!secretNames.has(name.toLowerCase())) add(fields, name, at === -1 ? true : decodeArgument(pair.slice(at + 1)))
  }
  return fields
}

/** The path with its query as received, without the arguments that carry secrets. */
function cleanUri (uri: string, secretNames: ReadonlySet<string>): { uri: string, args: Fields } {
  const at = uri.indexOf('?')
  if (at === -1) return { uri, args: emptyFields() }
  const kept = uri.slice(at + 1).split('&').filter(pair => {
    const name = decodeArgument(pair.split('=', 1)[0] ?? '')
    return !secretNames.has(name.toLowerCase())
  })
  const query = kept.join('&')
  return { uri: uri.slice(0, at) + (query === '' ? '' : `?${query}`), args: argumentsOf(query, secretNames) }
}

function headersOf (envelope: Envelope, secretNames: ReadonlySet<string>): Fields {
  const fields = emptyFields()
  envelope.attributes.forEach((name, value) => { if (!secretNames.has(name)) add(fields, name, value) })
  return fields
}

/** The members about the body, as JSON text that begins with a comma. */
function bodyMembers (envelope: Envelope): string | Refusal {
  const data = envelope.data ?? Buffer.alloc(0)
  const contentType = envelope.datacontenttype
  const essence = mediaType(contentType)
  if (data.length === 0) return ',"body":"","body_args":{}'
  if (isJson(essence)) {
    const mistake = envelope.dataChecked ? undefined : checkJson(data, 0, data.length)
    if (mistake !== undefined) {
      return refuse('malformed', `the body is not well-formed JSON: ${mistake.problem} at byte ${mistake.offset}`)
    }
    const text = data.toString('utf8')
    return `,"body":${JSON.stringify(text)},"body_args":${text}`
  }
  if (essence === formType) {
    const text = data.toString('utf8')
    return `,"body":${JSON.stringify(text)},"body_args":${JSON.stringify(argumentsOf(text, new Set()))}`
  }
  if (essence === multipartType) {
    const parts = multipartFields(contentType ?? '', data)
    if (isRefusal(parts)) return parts
    const fields = emptyFields()
    for (const [name, value] of parts) add(fields, name, value)
    return `,"body":${JSON.stringify(data.toString('utf8'))},"body_args":${JSON.stringify(fields)}`
  }
  if (textTypes.has(essence)) return `,"body":${JSON.stringify(data.toString('utf8'))},"body_args":{}`
  return `,"body":${JSON.stringify(data.toString('base64'))},"body_args":{},"body_base64":true`
}

/**
 * The value of a `kong` record: method, uri, uri_args, headers, body, body_args and, for binary types, body_base64.
 * Where an event did not come with a method and a path, those two are empty. Secrets are left out everywhere.
 */
export function kongValue (envelope: Envelope, secretNames: ReadonlySet<string>): Buffer | Refusal {
  const { uri, args } = cleanUri(envelope.attributes.get(':path') ?? '', secretNames)
  const body = bodyMembers(envelope)
  if (isRefusal(body)) return body
  const method = JSON.stringify(envelope.attributes.get(':method') ?? '')
  return Buffer.from(
    `{"method":${method},"uri":${JSON.stringify(uri)},"uri_args":${JSON.stringify(args)}` +
    `,"headers":${JSON.stringify(headersOf(envelope, secretNames))}${body}}`
  )
}
