// Principals as the gateway makes them: from the config, or for whoever need not prove anything.

import type { Principal } from './envelope.ts'

/** One principal of the config. A credential has one key, the `credential` name of the authenticator that reads it. */
export interface PrincipalSettings {
  readonly name: string
  readonly groups: readonly string[]
  readonly credentials: readonly Readonly<Record<string, unknown>>[]
  readonly sources?: readonly string[] | undefined
  readonly attributes?: Readonly<Record<string, string>> | undefined
}

/** Whoever sends where nobody is asked. */
export const anonymousPrincipal: Principal = Object.freeze({ name: 'anonymous', groups: Object.freeze([]), anonymous: true })

/** The frozen principal of a config entry, to be made once and given out for every request. */
export function principalOf ({ name, groups, sources, attributes }: PrincipalSettings): Principal {
  return Object.freeze({ name, groups: Object.freeze([...groups]), anonymous: false, sources, attributes })
}

/** True where this principal may send events of this source. */
export function maySend ({ sources }: Principal, source: string): boolean {
  if (sources === undefined) return true
  return sources.some(allowed => allowed.endsWith('*') ? source.startsWith(allowed.slice(0, -1)) : source === allowed)
}
