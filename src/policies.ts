// Turns what an operator wrote under `authentication:` and `policies:` into authenticators and judges of the registry.

import { policies } from '../plugins/index.ts'
import type { Log } from './contract/adapter.ts'
import type { Authenticator, PolicyModule, PolicySetup } from './contract/policy.ts'
import type { PrincipalSettings } from './contract/principal.ts'
import type { SeatedGate } from './ingest/gates.ts'
import type { SeatedJudge } from './ingest/policy-chain.ts'
import type { Named } from './settings.ts'

const byName = new Map(policies.map(module => [module.name, module]))

/** Every name a decision can be counted under. */
export const policyNames: readonly string[] = policies.filter(one => one.kind !== 'authenticator').map(one => one.name)

interface Shared { readonly principals: readonly PrincipalSettings[], readonly log: Log }

function pick (entry: Named): { module: PolicyModule, settings: unknown } {
  const [name = '', settings] = Object.entries(entry)[0] ?? []
  const module = byName.get(name)
  if (module === undefined) throw new Error(`the schema let the unknown policy "${name}" pass`)
  return { module, settings }
}

/** The authenticators of `authentication:`, in its order. */
export function createAuthenticators (entries: readonly Named[], shared: Shared): Authenticator[] {
  return entries.map(entry => {
    const { module, settings } = pick(entry)
    if (module.kind !== 'authenticator') throw new Error(`the schema let "${module.name}" pass as authenticator`)
    return module.create({ config: settings, tables: [], ...shared } satisfies PolicySetup<unknown>)
  })
}

/** The judges of a `policies:` list, in its order. */
export function createJudges (entries: readonly Named[], shared: Shared): SeatedJudge[] {
  return entries.flatMap(entry => {
    const { module, settings } = pick(entry)
    if (module.kind !== 'judge') return []
    const judge = module.create({ config: settings, tables: [], ...shared })
    return { name: module.name, scope: module.scope, judge }
  })
}

/** The gates of the top-level `policies:`, in its order. */
export function createPolicyGates (entries: readonly Named[], shared: Shared): SeatedGate[] {
  return entries.flatMap(entry => {
    const { module, settings } = pick(entry)
    if (module.kind !== 'gate') return []
    return { name: module.name, gate: module.create({ config: settings, tables: [], ...shared }) }
  })
}
