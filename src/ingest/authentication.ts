// Who is sending: asks the authenticators in the operator's order. Without any, everyone is the anonymous principal.

import type { Credentials, Eventually } from '../contract/adapter.ts'
import type { Peer, Principal } from '../contract/envelope.ts'
import { isRefusal, refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'
import type { Authenticator } from '../contract/policy.ts'

const anonymous: Principal = { name: 'anonymous', groups: [], anonymous: true }

/** Attributes that carry secrets on every protocol, whatever is configured. */
const alwaysSecret = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie']

/** The names that must never travel to Kafka. */
export function secretNamesOf (authenticators: readonly Authenticator[]): ReadonlySet<string> {
  return new Set([...alwaysSecret, ...authenticators.flatMap(one => one.secretNames)])
}

export type Authenticate = (credentials: Credentials, peer: Peer) => Eventually<Principal | Refusal>

/** `onAuthenticated` is told of every peer that proved who it is, or need not. */
export function createAuthentication (
  authenticators: readonly Authenticator[], onAuthenticated: (peer: Peer) => void
): Authenticate {
  const nothingShown = refuse('unauthenticated', authenticators.map(one => one.advice).join(', or '))

  function accept (answer: Principal | Refusal, peer: Peer): Principal | Refusal {
    if (!isRefusal(answer)) onAuthenticated(peer)
    return answer
  }

  async function goOn (from: number, first: Promise<Principal | Refusal | undefined>, asked: [Credentials, Peer]):
  Promise<Principal | Refusal> {
    const answer = await first
    return answer === undefined ? run(from, ...asked) : accept(answer, asked[1])
  }

  function run (from: number, credentials: Credentials, peer: Peer): Eventually<Principal | Refusal> {
    for (let at = from; at < authenticators.length; at++) {
      const answer = authenticators[at]?.authenticate(credentials, peer)
      if (answer instanceof Promise) return goOn(at + 1, answer, [credentials, peer])
      if (answer !== undefined) return accept(answer, peer)
    }
    return nothingShown
  }

  return authenticators.length === 0
    ? (_credentials, peer) => accept(anonymous, peer)
    : (credentials, peer) => run(0, credentials, peer)
}
