// The acl policy: decides by the principal's name and groups who may send to a route. Deny wins over allow.

import type { Principal } from '../../src/contract/envelope.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { JudgeModule } from '../../src/contract/policy.ts'
import { aclConfig } from './config.ts'
import type { AclConfig } from './config.ts'

// The same words for everyone who is refused: they tell neither who may send nor which list refused.
const refusal = refuse('forbidden', 'you may not send to this channel; ask its operator for access')

export const acl: JudgeModule<AclConfig> = {
  name: 'acl',
  kind: 'judge',
  // The principal and the route are the same for all events of a request.
  scope: 'request',
  config: aclConfig,

  create ({ config }) {
    const allowed = matcher(config.allow)
    const denied = matcher(config.deny)
    return {
      judge: ({ principal }) => allowed(principal) && !denied(principal) ? undefined : refusal
    }
  }
}

/** Compiles a list once. An anonymous principal has no name or group of its own, so that only `*` names it. */
function matcher (entries: readonly string[]): (principal: Principal) => boolean {
  const everyone = entries.includes('*')
  const principals = new Set(named(entries, 'principal:'))
  const groups = new Set(named(entries, 'group:'))
  return principal => everyone ||
    (!principal.anonymous && (principals.has(principal.name) || principal.groups.some(group => groups.has(group))))
}

function named (entries: readonly string[], prefix: string): string[] {
  return entries.filter(entry => entry.startsWith(prefix)).map(entry => entry.slice(prefix.length))
}
