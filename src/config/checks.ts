// Rules over several settings: the sink and its sections, who may listen where, principals, limits that must agree.

import { isIPv4 } from 'node:net'
import { showBytes } from './byte-size.ts'
import { bridgedPrincipals, bridgesActAsSomebody } from './bridge-checks.ts'
import { compressionHasKafka, driverKnowsTheCodec } from './codec-checks.ts'
import {
  certificatesCanBeShown, clientCertificatesHaveAnAuthority, networksAreNetworks, pagesWithCredentialsAreNamed,
  proxiesAreNamed
} from './edge-checks.ts'
import { sharedLimitsHaveAStore } from './limit-checks.ts'
import type { Check, ConfigDocument } from './load.ts'
import { at, listAt, numberAt, recordAt, textAt } from './lookup.ts'
import { quote, showPath } from './mistake.ts'
import type { CheckMistake, Path } from './mistake.ts'
import { routeNamesAreUnique, topicsAreLegal, topicParametersAreBounded } from './route-checks.ts'
import { awsCredentialsAreOne, driverKnowsTheMechanism, tokenHasOneOrigin } from './sasl-checks.ts'

const forwardingLater = 'forwarding from the journal to Kafka does not exist yet'

function sinkHasItsSection (document: ConfigDocument): CheckMistake[] {
  const kafka = at(document, 'kafka')
  const sink = textAt(document, 'sink')
  if (sink === 'kafka' && kafka === undefined) {
    return [{
      path: ['kafka'], problem: 'missing, and the sink is kafka',
      expected: 'a kafka section, or "sink: journal" to keep events in the journal of this machine'
    }]
  }
  if (sink === 'journal' && kafka !== undefined) {
    return [{
      path: ['kafka'], problem: `a kafka section beside "sink: journal": events would stay in the journal; ${forwardingLater}`,
      expected: 'no kafka section, or "sink: kafka"'
    }]
  }
  return []
}

function acksFitTheSink (document: ConfigDocument): CheckMistake[] {
  const sink = textAt(document, 'sink')
  return listAt(document, 'routes').flatMap((route, index) => {
    const ack = textAt(route, 'ack')
    const path = ['routes', index, 'ack']
    if (sink === 'kafka' && ack === 'disk') {
      return [{
        path, problem: `"disk" beside a kafka section: ${forwardingLater}`,
        expected: '"kafka" or "none"; or "sink: journal" and no kafka section'
      }]
    }
    if (sink === 'journal' && ack === 'kafka') {
      return [{ path, problem: '"kafka", and the sink is the journal', expected: '"disk" or "none"' }]
    }
    return []
  })
}

/** True for addresses that only this machine can reach. */
export function isLoopback (host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'))
}

function exposedListenersAreProtected (document: ConfigDocument): CheckMistake[] {
  const asked = listAt(document, 'authentication').length > 0
  return listAt(document, 'listeners').flatMap((listener, index) => {
    const host = textAt(listener, 'host') ?? '127.0.0.1'
    // Health shows nothing secret and takes no data.
    if (isLoopback(host) || textAt(listener, 'protocol') === 'health' || at(listener, 'insecure') === true) return []
    const secure = at(listener, 'tls') !== undefined && at(listener, 'tls') !== false
    // The admin listener has tokens of its own.
    const authenticated = asked || textAt(listener, 'protocol') === 'admin'
    if (secure && authenticated) return []
    const lacks = [secure ? '' : 'TLS', authenticated ? '' : 'authentication'].filter((part) => part !== '').join(' and ')
    return [{
      path: ['listeners', index],
      problem: `${quote(host)} can be reached from other machines, and this listener is without ${lacks}`,
      expected: `${lacks}, a loopback host such as 127.0.0.1, or "insecure: true" if that is what you want`
    }]
  })
}

function adminHasTokens (document: ConfigDocument): CheckMistake[] {
  const listens = listAt(document, 'listeners').some(listener => textAt(listener, 'protocol') === 'admin')
  if (!listens || listAt(document, 'admin', 'tokens').length > 0) return []
  return [{
    path: ['admin', 'tokens'], problem: 'no token, and there is an admin listener: nobody could use it',
    expected: 'the hash that "sluice key new" prints, e.g. admin: { tokens: [ "sha256:..." ] }; its key is the token'
  }]
}

function addressesAreUnique (document: ConfigDocument): CheckMistake[] {
  const taken = new Map<string, string>()
  return listAt(document, 'listeners').flatMap((listener, index) => {
    const port = numberAt(listener, 'port')
    if (port === undefined || port === 0) return []
    const address = `${textAt(listener, 'host') ?? '127.0.0.1'}:${port}`
    return twice(taken, address, ['listeners', index], `address ${quote(address)}`)
  })
}

/** Remembers `value` at `path`; a mistake where another path has it already. */
function twice (taken: Map<string, string>, value: string, path: Path, what: string): CheckMistake[] {
  const first = taken.get(value)
  if (first === undefined) {
    taken.set(value, showPath(path))
    return []
  }
  return [{ path, problem: `${what} is taken by ${first} already`, expected: 'each of them once' }]
}

function principalsAreDistinct (document: ConfigDocument): CheckMistake[] {
  const names = new Map<string, string>()
  const credentials = new Map<string, string>()
  return listAt(document, 'principals').flatMap((principal, index) => {
    const name = textAt(principal, 'name')
    const found = name === undefined ? [] : twice(names, name, ['principals', index, 'name'], `the name ${quote(name)}`)
    for (const [place, credential] of listAt(principal, 'credentials').entries()) {
      const path = ['principals', index, 'credentials', place]
      found.push(...twice(credentials, JSON.stringify(credential), path, 'this credential'))
    }
    return found
  })
}

function principalsAreAsked (document: ConfigDocument): CheckMistake[] {
  const bridged = bridgedPrincipals(document)
  const unasked = listAt(document, 'principals').filter((one) => !bridged.has(textAt(one, 'name') ?? ''))
  if (unasked.length === 0 || listAt(document, 'authentication').length > 0) return []
  return [{
    path: ['principals'], problem: 'principals are listed, and nothing asks who is sending: everyone would be anonymous',
    expected: 'an authentication section, or no principals'
  }]
}

/** A setting that must not be above another one. */
interface Order { readonly low: Path, readonly high: Path, readonly bytes: boolean, readonly why: string }

const orders: readonly Order[] = [
  {
    low: ['limits', 'bufferBytesMax'], high: ['limits', 'memoryBytesMax'], bytes: true,
    why: 'events are buffered in memory'
  },
  {
    low: ['limits', 'replyTimeoutMs'], high: ['kafka', 'producer', 'deliveryTimeoutMs'], bytes: false,
    why: 'delivery would be given up before the sender is answered'
  },
  {
    low: ['limits', 'requestTimeoutMs'], high: ['kafka', 'producer', 'deliveryTimeoutMs'], bytes: false,
    why: 'one request to Kafka would outlast the delivery'
  },
  {
    low: ['kafka', 'producer', 'batchBytesMax'], high: ['limits', 'bufferBytesMax'], bytes: true,
    why: 'a batch could never fill up'
  },
  {
    low: ['journal', 'groupBytesMax'], high: ['journal', 'bufferBytesMax'], bytes: true,
    why: 'a group could never fill up'
  },
  {
    low: ['rest', 'bodyBytesMax'], high: ['rest', 'decompressedBytesMax'], bytes: true,
    why: 'no body of that size could be taken'
  },
  {
    low: ['rest', 'decompressedBytesMax'], high: ['limits', 'bufferBytesMax'], bytes: true,
    why: 'no body of that size could be taken'
  },
  {
    low: ['websocket', 'messageBytesMax'], high: ['limits', 'bufferBytesMax'], bytes: true,
    why: 'no message of that size could be taken'
  },
  {
    low: ['grpc', 'messageBytesMax'], high: ['limits', 'bufferBytesMax'], bytes: true,
    why: 'no message of that size could be taken'
  },
  {
    low: ['mqtt', 'packetBytesMax'], high: ['limits', 'bufferBytesMax'], bytes: true,
    why: 'no packet of that size could be taken'
  }
]

function limitsAgree (document: ConfigDocument): CheckMistake[] {
  return [...orders, ...payloadOrders(document)].flatMap(({ low, high, bytes, why }) => {
    const lower = numberAt(document, ...low)
    const higher = numberAt(document, ...high)
    if (lower === undefined || higher === undefined || lower <= higher) return []
    const show = (size: number): string => bytes ? showBytes(size) : `${size}`
    return [{
      path: low, problem: `${show(lower)} is above ${showPath(high)}, which is ${show(higher)}: ${why}`,
      expected: `at most ${show(higher)}`
    }]
  })
}

/** Every payload-limit against the largest body that a door takes. */
function payloadOrders (document: ConfigDocument): Order[] {
  const lists: Path[] = [['policies'], ...listAt(document, 'routes').map((_, index) => ['routes', index, 'policies'])]
  const why = 'no body of that size is read, so the policy could never refuse'
  return lists.flatMap((list) => listAt(document, ...list).map((_, index) => ({
    low: [...list, index, 'payload-limit', 'bytesMax'], high: ['rest', 'decompressedBytesMax'], bytes: true, why
  })))
}

function journalHasRoom (document: ConfigDocument): CheckMistake[] {
  const { segmentBytesMax: segmentBytes, bytesMax } = recordAt(document, 'journal')
  if (typeof segmentBytes !== 'number' || typeof bytesMax !== 'number' || segmentBytes * 2 <= bytesMax) return []
  return [{
    path: ['journal', 'bytesMax'], problem: `${showBytes(bytesMax)} does not hold two segments of ${showBytes(segmentBytes)}`,
    expected: `at least ${showBytes(segmentBytes * 2)}`
  }]
}

/** The rules that concern what every gateway has. Rooms add theirs where the program is put together. */
export const checks: readonly Check[] = [
  sinkHasItsSection, acksFitTheSink, exposedListenersAreProtected, adminHasTokens, addressesAreUnique,
  principalsAreDistinct, principalsAreAsked, limitsAgree, journalHasRoom, compressionHasKafka, driverKnowsTheCodec,
  driverKnowsTheMechanism, tokenHasOneOrigin, awsCredentialsAreOne, routeNamesAreUnique, topicParametersAreBounded,
  topicsAreLegal, clientCertificatesHaveAnAuthority, certificatesCanBeShown, proxiesAreNamed,
  pagesWithCredentialsAreNamed, networksAreNetworks, sharedLimitsHaveAStore, bridgesActAsSomebody
]
