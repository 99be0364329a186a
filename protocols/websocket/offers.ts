// What a client offers in Sec-WebSocket-Protocol: the protocols spoken here, and credentials of pages without headers.

import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'

export const protocols = ['sluice.v1', 'cloudevents.json'] as const
export type Protocol = (typeof protocols)[number]

const laterOffer = 'sluice.authenticate'
const tokenPrefix = 'sluice.token.'
const headerPrefix = 'sluice.header.'

export interface Offers {
  /** The first that is spoken here. */
  readonly protocol: Protocol | undefined
  /** True where the client proves who it is by its first message. */
  readonly later: boolean
  /** Shown as if they were headers: name, value, name, value. They are never sent back. */
  readonly pairs: readonly string[]
}

const none: Offers = { protocol: undefined, later: false, pairs: [] }
const offersCountMax = 16
const name = /^[a-z0-9!#$%&'*+^_`|~-]+$/
const malformed = refuse(
  'malformed', 'a credential among the subprotocols cannot be read; send sluice.token.{base64url of the token}'
)

/** Reads the header's value. What is offered and not known is passed over. */
export function readOffers (value: string | undefined): Offers | Refusal {
  if (value === undefined) return none
  const offered = value.split(',', offersCountMax + 1).map(one => one.trim())
  if (offered.length > offersCountMax) {
    return refuse('malformed', `more than ${offersCountMax} subprotocols are offered; offer the one you speak`)
  }
  const pairs: string[] = []
  for (const one of offered) {
    if (one.startsWith(tokenPrefix)) {
      const token = textOf(one.slice(tokenPrefix.length))
      if (token === undefined) return malformed
      pairs.push('authorization', `Bearer ${token}`)
    } else if (one.startsWith(headerPrefix)) {
      const [header = '', encoded = '', ...more] = one.slice(headerPrefix.length).split('.')
      const text = textOf(encoded)
      if (!name.test(header) || text === undefined || more.length > 0) return malformed
      pairs.push(header, text)
    }
  }
  const protocol = protocolOf(offered)
  return { protocol, later: offered.includes(laterOffer), pairs }
}

/** The first of the client's order that is spoken here. */
export function protocolOf (offered: Iterable<string>): Protocol | undefined {
  for (const one of offered) {
    const found = protocols.find(protocol => protocol === one)
    if (found !== undefined) return found
  }
  return undefined
}

/** The text behind base64url without padding; undefined for anything that could not stand in a header. */
function textOf (encoded: string): string | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(encoded)) return undefined
  const text = Buffer.from(encoded, 'base64url').toString()
  return /^[^\0-\x1f\x7f\ufffd]+$/.test(text) ? text : undefined
}
