// Remembers for each connection the key that was right last, so that a keep-alive connection is not hashed every time.

import type { Peer } from '../../src/contract/envelope.ts'

export interface LastKey<Owner> {
  /** The owner, where this key is the one that was right on this connection before. */
  find (peer: Peer, key: string): Owner | undefined
  /** The key is right. */
  keep (peer: Peer, key: string, owner: Owner): void
}

/** One key per connection at most, gone with the connection: whoever holds it has it in its own requests anyway. */
export function createLastKey<Owner> (): LastKey<Owner> {
  const kept = new WeakMap<Peer, { readonly key: string, readonly owner: Owner }>()
  return {
    find (peer, key) {
      const last = kept.get(peer)
      return last !== undefined && isEqual(last.key, key) ? last.owner : undefined
    },
    keep (peer, key, owner) { kept.set(peer, { key, owner }) }
  }
}

/** In a time that depends on nothing but the lengths: a proxy may bring several senders over one connection. */
function isEqual (one: string, other: string): boolean {
  if (one.length !== other.length) return false
  let difference = 0
  for (let at = 0; at < one.length; at++) difference |= one.charCodeAt(at) ^ other.charCodeAt(at)
  return difference === 0
}
