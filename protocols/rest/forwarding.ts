// Who sends a request that came through proxies: the address that the first untrusted of them, or of the senders, has.

import type { IncomingMessage } from 'node:http'
import { addressSet, isAddress, plainAddress } from '../../src/contract/address.ts'
import type { AddressSet } from '../../src/contract/address.ts'
import type { Peer } from '../../src/contract/envelope.ts'
import type { RestConfig } from './config.ts'

/** The peer of a request on a connection. */
export type SenderOf = (connection: Peer, request: IncomingMessage) => Peer

/** Where an address and its port stand in one element of the header; undefined: it tells none. */
type ReadElement = (element: string) => FarEnd | undefined
interface FarEnd { readonly address: string, readonly port: number }

/** Proxies in a row that are looked at. */
const hopsMax = 32

/**
 * Reads the header from its right end, where the nearest proxy wrote, and goes on only while the one that wrote is
 * trusted: what stands further left may be the sender's own invention. Only the header that the config names is read,
 * because a proxy that writes the one lets the other pass as it came.
 */
export function createForwarding (config: Pick<RestConfig, 'trustedProxies' | 'forwardedHeader'>): SenderOf {
  const trusted = addressSet(config.trustedProxies)
  if (trusted.isEmpty) return connection => connection
  const read = config.forwardedHeader === 'forwarded' ? readForwarded : readPlain
  // One for each connection: a proxy that keeps one for each sender makes its requests look the same.
  const last = new WeakMap<Peer, Peer>()

  return (connection, request) => {
    if (!trusted.has(connection.address)) return connection
    const value = headerOf(request, config.forwardedHeader)
    const sender = value === '' ? undefined : farthest(value, trusted, read)
    if (sender === undefined) return connection
    const known = last.get(connection)
    if (known?.address === sender.address && known.port === sender.port) return known
    const peer: Peer = {
      address: sender.address, port: sender.port, secure: connection.secure, connectionId: connection.connectionId,
      certificate: connection.certificate, via: connection
    }
    last.set(connection, peer)
    return peer
  }
}

/** All lines of that name as one list, in order (RFC 9110 section 5.3). */
function headerOf (request: IncomingMessage, name: string): string {
  const found = request.headers[name]
  return Array.isArray(found) ? found.join(',') : found ?? ''
}

function farthest (value: string, trusted: AddressSet, read: ReadElement): FarEnd | undefined {
  let found: FarEnd | undefined
  let end = value.length
  for (let hop = 0; hop < hopsMax && end >= 0; hop++) {
    const start = lastComma(value, end)
    const next = read(value.slice(start + 1, end).trim())
    if (next === undefined) return found
    found = next
    if (!trusted.has(next.address)) return found
    end = start
  }
  return found
}

/** The last comma before `end` that stands in no quoted text; -1 where there is none. */
function lastComma (value: string, end: number): number {
  let quoted = false
  for (let at = end - 1; at >= 0; at--) {
    const char = value[at]
    if (char === ',' && !quoted) return at
    if (char === '"' && !isEscaped(value, at)) quoted = !quoted
  }
  return -1
}

function isEscaped (value: string, at: number): boolean {
  let start = at
  while (start > 0 && value[start - 1] === '\\') start--
  return (at - start) % 2 === 1
}

/** An element of X-Forwarded-For: an address, with some proxies a port too. */
function readPlain (element: string): FarEnd | undefined {
  if (isAddress(element)) return { address: plainAddress(element), port: 0 }
  const [, bracketed, plain, port = '0'] = /^(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?$/.exec(element) ?? []
  const address = bracketed ?? plain ?? ''
  if (!isAddress(address) || Number(port) > 65_535) return undefined
  return { address: plainAddress(address), port: Number(port) }
}

const pair = /[ \t]*([A-Za-z0-9!#$%&'*+.^_`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^;,"\s]*))[ \t]*(?:;|$)/y

/**
 * The `for` of an element of Forwarded (RFC 7239 section 4); a name that is no address tells nothing. Pair by pair,
 * because another value may hold the sender's own words.
 */
function readForwarded (element: string): FarEnd | undefined {
  pair.lastIndex = 0
  for (let match = pair.exec(element); match !== null; match = pair.exec(element)) {
    const [, name = '', quoted, token] = match
    if (name.toLowerCase() === 'for') return readPlain(quoted ?? token ?? '')
    if (pair.lastIndex >= element.length) return undefined
  }
  return undefined
}
