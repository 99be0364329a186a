// The ip-restriction policy: decides by the address of the peer who may send to a route. Deny wins over allow.

import { addressSet, isAddress } from '../../src/contract/address.ts'
import type { Peer } from '../../src/contract/envelope.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { JudgeModule } from '../../src/contract/policy.ts'
import { ipRestrictionConfig } from './config.ts'
import type { IpRestrictionConfig } from './config.ts'

// The same words for everyone who is refused: they tell neither who may send nor which list refused.
const refusal = refuse('forbidden', 'you may not send to this channel from here; ask its operator for access')

export const ipRestriction: JudgeModule<IpRestrictionConfig> = {
  name: 'ip-restriction',
  kind: 'judge',
  // The peer is the same for all events of a request.
  scope: 'request',
  config: ipRestrictionConfig,

  create ({ config }) {
    const allowed = config.allow === undefined ? undefined : addressSet(config.allow)
    const denied = addressSet(config.deny)
    // Gone with the connection; requests of one that is kept alive cost one look-up.
    const passed = new WeakMap<Peer, boolean>()

    function passes (address: string): boolean {
      // What cannot be read cannot be looked for in `deny` either.
      if (!isAddress(address)) return false
      return !denied.has(address) && (allowed === undefined || allowed.has(address))
    }

    return {
      judge ({ peer }) {
        let known = passed.get(peer)
        if (known === undefined) passed.set(peer, known = passes(peer.address))
        return known ? undefined : refusal
      }
    }
  }
}
