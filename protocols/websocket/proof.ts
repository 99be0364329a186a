// Asks who sends, by an upgrade or by a message in an open connection. The answer is a refusal where asking fails.

import type { Credentials, Eventually, Ingress, Log } from '../../src/contract/adapter.ts'
import type { Attributes, Peer, Principal } from '../../src/contract/envelope.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { UpgradeCredentials } from './credentials.ts'

interface Asker {
  readonly door: { readonly ingress: Ingress, readonly log: Log }
  readonly base: Attributes
  readonly peer: Peer
}

const failed = refuse('internal', 'who sends could not be found out, for a reason of the gateway')

/** `pairs` are shown in place of the headers of the upgrade: name, value, name, value. */
export function findPrincipal (
  { door: { ingress, log }, base, peer }: Asker, pairs: readonly string[]
): Eventually<Principal | Refusal> {
  const credentials: Credentials = new UpgradeCredentials(base, pairs)
  const found = ingress.authenticate(credentials, peer)
  if (!(found instanceof Promise)) return found
  return found.catch((error: unknown) => {
    log.error({ error }, 'authentication threw')
    return failed
  })
}
