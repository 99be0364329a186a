// Builds the text that is signed, out of a message and the list of what a signature covers (RFC 9421 section 2.5).

import { serializeInnerList, serializeItem } from 'structured-headers'
import type { InnerList, Item } from 'structured-headers'
import type { Mistake } from './signature-input.ts'

/** What is signed. `fields` are all attributes, repeats joined by a comma and a space. */
export interface Message {
  readonly fields: ReadonlyMap<string, string>
  readonly method: string
  /** With its query, as received. */
  readonly target: string
  readonly secure: boolean
  /** The beginning of the address, where it is known. */
  readonly origin: string | undefined
}

const componentsCountMax = 64

/** The names that are covered whole: those with parameters stand for a part, or for something else. */
export function coveredBy (input: InnerList): Set<string> {
  return new Set(input[0].flatMap(([name, parameters]) => typeof name === 'string' && parameters.size === 0 ? name : []))
}

export function signatureBase (input: InnerList, message: Message): Buffer | Mistake {
  const [items] = input
  if (items.length > componentsCountMax) return { mistake: `a signature may cover ${componentsCountMax} components` }
  const lines = new Map<string, string>()
  for (const item of items) {
    const identifier = serializeItem(item)
    const value = valueOf(item, message)
    if (value === undefined) return { mistake: `the component ${identifier} is not in the request, or cannot be checked here` }
    if (lines.has(identifier)) return { mistake: `the component ${identifier} is covered twice` }
    lines.set(identifier, value)
  }
  lines.set('"@signature-params"', serializeInnerList(input))
  return Buffer.from([...lines].map(([identifier, value]) => `${identifier}: ${value}`).join('\n'), 'latin1')
}

function valueOf ([name, parameters]: Item, message: Message): string | undefined {
  if (typeof name !== 'string') return undefined
  if (name === '@query-param') {
    const wanted = parameters.get('name')
    return parameters.size === 1 && typeof wanted === 'string' ? queryValue(wanted, message.target) : undefined
  }
  // Parts of fields, trailers, and requests beside an answer: nobody has missed them here yet.
  if (parameters.size > 0) return undefined
  if (!name.startsWith('@')) return message.fields.get(name)
  return Object.hasOwn(derived, name) ? derived[name]?.(message) : undefined
}

function queryAt (target: string): number {
  const mark = target.indexOf('?')
  return mark < 0 ? target.length : mark
}

const derived: Record<string, (message: Message) => string | undefined> = {
  '@method': ({ method }) => method,
  '@request-target': ({ target }) => target,
  '@path': ({ target }) => target.slice(0, queryAt(target)) || '/',
  '@query': ({ target }) => target.slice(queryAt(target)) || '?',
  '@authority': ({ fields, secure }) => fields.get('host')?.toLowerCase().replace(secure ? /:443$/ : /:80$/, ''),
  '@scheme': ({ origin }) => origin?.slice(0, origin.indexOf(':')),
  '@target-uri': ({ origin, target }) => origin === undefined ? undefined : origin + target
}

/** A name that comes more than once may not be covered: nobody could tell which one is meant (section 2.2.8). */
function queryValue (wanted: string, target: string): string | undefined {
  const all = [...new URLSearchParams(target.slice(queryAt(target)))].filter(([name]) => encode(name) === wanted)
  return all.length === 1 ? encode(all[0]?.[1] ?? '') : undefined
}

/** The encoding of forms, but with %20 for a space. */
function encode (text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(/[!'()~]/g, one => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)
}
