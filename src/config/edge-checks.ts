// Rules over what stands at the edge: client certificates, proxies that name their peers, networks, pages of browsers.

import { networkOf } from '../contract/address.ts'
import type { Check } from './load.ts'
import { at, listAt, textAt } from './lookup.ts'
import { quote } from './mistake.ts'
import type { CheckMistake, Path } from './mistake.ts'

function each (document: unknown, key: string, look: (one: unknown, path: Path) => CheckMistake[]): CheckMistake[] {
  return listAt(document, key).flatMap((one, index) => look(one, [key, index]))
}

/** What is said of client certificates while none is asked for would protect nothing. */
export const clientCertificatesHaveAnAuthority: Check = (document) => each(document, 'listeners', (listener, path) => {
  if (at(listener, 'tls') === undefined || at(listener, 'tls', 'clientCa') !== undefined) return []
  return ['clientCertificate', 'crl'].filter((key) => at(listener, 'tls', key) !== undefined).map((key) => ({
    path: [...path, 'tls', key], problem: 'set, and without clientCa no client is asked for a certificate',
    expected: 'clientCa beside it, or neither'
  }))
})

export const certificatesCanBeShown: Check = (document) => {
  if (listAt(document, 'listeners').some((listener) => at(listener, 'tls', 'clientCa') !== undefined)) return []
  return each(document, 'authentication', (entry, path) => at(entry, 'auth-mtls') === undefined ? [] : [{
    path, problem: 'auth-mtls, and no listener asks for client certificates: nobody could ever be known by one',
    expected: 'tls.clientCa at a listener'
  }])
}

export const proxiesAreNamed: Check = (document) => each(document, 'listeners', (listener, path) => {
  const proxied = at(listener, 'proxyProtocol') === true
  const trustsSome = listAt(listener, 'trustedProxies').length > 0
  if (proxied === trustsSome) return []
  return proxied
    ? [{
        path: [...path, 'proxyProtocol'], problem: 'on, and no proxy is trusted: every connection would be cut',
        expected: 'trustedProxies with the addresses of the proxies'
      }]
    : [{
        path: [...path, 'trustedProxies'], problem: 'set, and nothing is read from these proxies without proxyProtocol',
        expected: '"proxyProtocol: true"; for forwarding headers of HTTP rest.trustedProxies'
      }]
})

export const pagesWithCredentialsAreNamed: Check = (document) => {
  if (at(document, 'rest', 'cors', 'credentials') !== true) return []
  if (!listAt(document, 'rest', 'cors', 'origins').includes('*')) return []
  return [{
    path: ['rest', 'cors', 'credentials'], problem: 'true beside the origin "*": any page could send as whoever looks at it',
    expected: 'origins by name, or "credentials: false"'
  }]
}

/** Every place that has a list of networks. */
function networkLists (document: unknown): Path[] {
  const policies = [['policies'], ...listAt(document, 'routes').map((_, index) => ['routes', index, 'policies'])]
    .flatMap((list: Path) => listAt(document, ...list).map((_, index): Path => [...list, index, 'ip-restriction']))
  return [
    ['rest', 'trustedProxies'],
    ...listAt(document, 'listeners').map((_, index): Path => ['listeners', index, 'trustedProxies']),
    ...policies.flatMap((path): Path[] => [[...path, 'allow'], [...path, 'deny']])
  ]
}

export const networksAreNetworks: Check = (document) => networkLists(document).flatMap((list) =>
  listAt(document, ...list).flatMap((_, index) => {
    const entry = textAt(document, ...list, index)
    if (entry === undefined) return []
    const right = networkOf(entry)
    if (right === entry) return []
    if (right !== undefined) {
      const problem = `${quote(entry)} names an address within a network: is it that one address, or all of the network?`
      return [{ path: [...list, index], problem, expected: `"${right}", or the address alone`, suggestion: right }]
    }
    return [{
      path: [...list, index], problem: `${quote(entry)} is no address and no network`,
      expected: 'such as 10.1.2.3, 10.0.0.0/8 or 2001:db8::/32'
    }]
  }))
