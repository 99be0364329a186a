// Reads what a peer shows under an authentication scheme, the same on every door: from attribute, else from argument.

import type { Credentials } from './adapter.ts'
import type { Attributes } from './envelope.ts'

/** Shown more than once: nobody can tell which one counts. */
export const repeated = Symbol('repeated')

let sought = ''
let foundCount = 0
// One visitor for all, so that nothing is closed over per request.
const countSought = (name: string): void => { if (name === sought) foundCount++ }

/** How often an attribute was sent. */
export function timesSent (attributes: Attributes, name: string): number {
  sought = name
  foundCount = 0
  attributes.forEach(countSought)
  return foundCount
}

/** Where a token may be shown. `scheme` is that of RFC 9110 section 11.1, in lower case; `argument` is one by name. */
export interface TokenPlace {
  readonly scheme: string
  readonly argument: string | undefined
}

/**
 * What stands behind the scheme and its spaces (RFC 9110 section 11.4: 1*SP), which may be ''; undefined: nothing, or
 * another scheme. It is as it was sent: check its form before you use it.
 */
export function shownToken (credentials: Credentials, place: TokenPlace): string | typeof repeated | undefined {
  const { attributes } = credentials
  const line = attributes.get('authorization')
  const inAttribute = line === undefined ? undefined : behind(place.scheme, line)
  if (line !== undefined && timesSent(attributes, 'authorization') > 1) return repeated
  if (place.argument === undefined) return inAttribute
  const inArgument = credentials.argument(place.argument)
  if (inArgument === undefined || inAttribute === undefined) return inAttribute ?? inArgument
  return repeated
}

function behind (scheme: string, line: string): string | undefined {
  const { length } = scheme
  if (line.length < length || (line.length > length && line.charCodeAt(length) !== 0x20)) return undefined
  if (line.slice(0, length).toLowerCase() !== scheme) return undefined
  let start = length + 1
  while (line.charCodeAt(start) === 0x20) start++
  return line.slice(start)
}
