// By what a limit counts: a word or a small template over the principal, the route, the channel and the peer's address.

import type { Envelope, Peer, Principal } from './envelope.ts'

const placeholder = '\\{(?:principal(?:\\.[A-Za-z0-9_-]{1,64})?|route|channel|peer)\\}'

/** What a `per` setting may be: one word, or text with at least one placeholder. */
export const limitKeyPattern = `^(?:principal|route|channel|peer|[^{}]*(?:${placeholder}[^{}]*)+)$`

/** The sentence that tells an operator what a `per` setting may be. */
export const limitKeyAdvice = 'one of `principal`, `route`, `channel` and `peer` (its address), or text with these and ' +
  '`principal.NAME` (an attribute) in braces, e.g. `{principal}/{channel}`'

/** What a key is made of: the sender, and where it sends to. */
export type LimitKeySource = Pick<Envelope, 'channel' | 'principal' | 'peer'>

/** The key under which an event is counted. */
export type LimitKey = (source: LimitKeySource, route: string) => string

/**
 * Compiles a `per` setting that matches the pattern. Several parts are told apart by their lengths, so that nobody can
 * choose a channel or a name that looks like those of somebody else.
 */
export function compileLimitKey (per: string): LimitKey {
  const names = per.includes('{') ? [...per.matchAll(/\{([^{}]+)\}/g)].map(([, name = '']) => name) : [per]
  const parts = names.map(partOf)
  const [only, ...others] = parts
  if (only !== undefined && others.length === 0) return only
  return (source, route) => {
    let key = ''
    for (const part of parts) {
      const text = part(source, route)
      key += `${text.length}:${text}`
    }
    return key
  }
}

/** True where such a key counts no two senders together. */
export function countsSenderAlone (per: string): boolean {
  return per === 'principal' || per.includes('{principal}')
}

function partOf (name: string): LimitKey {
  switch (name) {
    case 'principal': return ({ principal, peer }) => senderKey(principal, peer)
    case 'route': return (_source, route) => route
    case 'channel': return ({ channel }) => channel
    case 'peer': return ({ peer }) => peerKey(peer)
    default: {
      const attribute = name.slice('principal.'.length)
      return ({ principal: { attributes } }) =>
        attributes !== undefined && Object.hasOwn(attributes, attribute) ? attributes[attribute] ?? '' : ''
    }
  }
}

/** A principal by its name; whoever is anonymous by its address, which no principal can have as its name. */
export function senderKey (principal: Principal, peer: Peer): string {
  return principal.anonymous ? `\u0000${peerKey(peer)}` : principal.name
}

const prefixes = new WeakMap<Peer, string>()

/** An address, of IPv6 its first 64 bits: a host has all addresses below them to itself (RFC 6177). */
function peerKey (peer: Peer): string {
  if (!peer.address.includes(':')) return peer.address
  let prefix = prefixes.get(peer)
  if (prefix === undefined) prefixes.set(peer, prefix = networkOf(peer.address))
  return prefix
}

function networkOf (address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [head = '', tail] = (address.split('%')[0] ?? '').split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length)
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after].slice(0, 4)
  return `${groups.map(group => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
