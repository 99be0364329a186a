// Who is sending: asks the authenticators in the operator's order. Without any, everyone is the anonymous principal.

import type { Credentials, Eventually } from '../contract/adapter.ts'
import type { Peer, Principal } from '../contract/envelope.ts'
import { isRefusal, refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'
import type { Authenticator } from '../contract/policy.ts'
import { anonymousPrincipal } from '../contract/principal.ts'
import type { Access } from './access.ts'
import type { FailedLogins } from './failed-logins.ts'
import type { Gates } from './gates.ts'

/** Attributes that carry secrets on every protocol, whatever is configured. */
const alwaysSecret = ['authorization', 'proxy-authorization', 'cookie', 'set-cookie']

/** The names that must never travel to Kafka. */
export function secretNamesOf (authenticators: readonly Authenticator[]): ReadonlySet<string> {
  return new Set([...alwaysSecret, ...authenticators.flatMap(one => one.secretNames)])
}

/** What may be told to whoever showed nothing, in the operator's order. */
export function schemesOf (authenticators: readonly Authenticator[]): readonly string[] {
  return [...new Set(authenticators.flatMap(one => one.scheme ?? []))]
}

export type Authenticate = (credentials: Credentials, peer: Peer) => Eventually<Principal | Refusal>

interface AuthenticationOptions {
  /** In the operator's order. */
  readonly authenticators: readonly Authenticator[]
  /** Whose access has ended. */
  readonly access: Access
  readonly gates: Gates
  readonly failedLogins: FailedLogins
  /** Told of every peer that proved who it is, or need not. */
  readonly onAuthenticated: (peer: Peer) => void
  /** Told of an authenticator that threw: a bug, not an answer. */
  readonly onFault: (fault: unknown) => void
}

const failed: Refusal = {
  ...refuse('internal', 'authentication failed for a reason of this gateway; its log tells the operator more'),
  outcome: 'refused'
}

/** Asks one authenticator after the other. One that throws ends the search: a check that cannot run has not passed. */
export function createAuthentication (options: AuthenticationOptions): Authenticate {
  const { authenticators, access, gates, failedLogins, onAuthenticated, onFault } = options
  const nothingShown = refuse('unauthenticated', authenticators.map(one => one.advice).join(', or '))

  /** Nobody hears of this principal, so nobody else would give its proof back. */
  function turnAway ({ singleUse }: Principal, refusal: Refusal): Refusal {
    singleUse?.giveBack()
    return refusal
  }

  function accept (answer: Principal | Refusal, peer: Peer): Principal | Refusal {
    if (isRefusal(answer)) {
      if (answer.code === 'unauthenticated' && answer.proven !== true) failedLogins.failed(peer)
      return answer
    }
    // Whose access has ended has neither guessed wrong nor proved anything: nobody is spared for it.
    const ended = access.ended(answer, Date.now())
    if (ended !== undefined) return turnAway(answer, ended)
    failedLogins.succeeded(peer)
    const refusal = gates.enter(answer, peer)
    if (refusal !== undefined) return turnAway(answer, refusal)
    onAuthenticated(peer)
    return answer
  }

  function fault (error: unknown): Refusal {
    onFault(error)
    return failed
  }

  async function goOn (from: number, first: Promise<Principal | Refusal | undefined>, asked: [Credentials, Peer]):
  Promise<Principal | Refusal> {
    try {
      const answer = await first
      return answer === undefined ? await run(from, ...asked) : accept(answer, asked[1])
    } catch (error) {
      return fault(error)
    }
  }

  function run (from: number, credentials: Credentials, peer: Peer): Eventually<Principal | Refusal> {
    for (let at = from; at < authenticators.length; at++) {
      let answer
      try {
        answer = authenticators[at]?.authenticate(credentials, peer)
      } catch (error) {
        return fault(error)
      }
      if (answer instanceof Promise) return goOn(at + 1, answer, [credentials, peer])
      if (answer !== undefined) return accept(answer, peer)
    }
    return nothingShown
  }

  return authenticators.length === 0
    ? (_credentials, peer) => accept(anonymousPrincipal, peer)
    : (credentials, peer) => {
        const heldUp = failedLogins.heldUp(peer)
        if (heldUp !== undefined) return heldUp
        const answer = run(0, credentials, peer)
        return answer instanceof Promise ? failedLogins.during(peer, answer) : answer
      }
}
