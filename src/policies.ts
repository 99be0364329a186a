// Turns what an operator wrote under `authentication:` and `policies:` into authenticators and judges of the registry.

import { policies } from '../plugins/index.ts'
import type { Log } from './contract/adapter.ts'
import type { Authenticator, PolicyModule, PolicySetup } from './contract/policy.ts'
import type { PrincipalSettings } from './contract/principal.ts'
import type { Table } from './contract/table.ts'
import type { SeatedGate } from './ingest/gates.ts'
import type { SeatedJudge } from './ingest/policy-chain.ts'
import type { Named, Settings } from './settings.ts'
import { createTable } from './shared/table.ts'
import type { TablePlan } from './shared/node-tables.ts'

const byName = new Map(policies.map(module => [module.name, module]))

/** Every name a decision can be counted under. */
export const policyNames: readonly string[] = policies.filter(one => one.kind !== 'authenticator').map(one => one.name)

interface Shared {
  readonly principals: readonly PrincipalSettings[]
  readonly log: Log
  /** Of `openTables`. */
  readonly tables: OpenTables
}

/** The tables of each entry of the config that asks for some. */
export type OpenTables = ReadonlyMap<Named, readonly Table[]>

function pick (entry: Named): { module: PolicyModule, settings: unknown } {
  const [name = '', settings] = Object.entries(entry)[0] ?? []
  const module = byName.get(name)
  if (module === undefined) throw new Error(`the schema let the unknown policy "${name}" pass`)
  return { module, settings }
}

function setupOf (entry: Named, config: unknown, { principals, log, tables }: Shared): PolicySetup<unknown> {
  return { config, principals, log, tables: tables.get(entry) ?? [] }
}

/** Every entry of the config that names a policy, in the one order by which tables are numbered. */
function placesIn ({ authentication, policies, routes }: Settings): { place: string, entry: Named }[] {
  const lists = [
    { place: 'authentication', entries: authentication }, { place: 'policies', entries: policies },
    ...routes.map(({ name, policies }) => ({ place: `routes.${name}.policies`, entries: policies }))
  ]
  return lists.flatMap(({ place, entries }) => entries.map((entry, at) => ({ place: `${place}[${at}]`, entry })))
}

function plansOf (place: string, entry: Named): TablePlan[] {
  const { module, settings } = pick(entry)
  const wanted = module.tables?.(settings as never) ?? []
  return wanted.map(table => ({ policy: module.name, place, settings: table }))
}

/** The tables that the node has to keep for all its workers. */
export function planTables (settings: Settings): TablePlan[] {
  return placesIn(settings).flatMap(({ place, entry }) => plansOf(place, entry))
}

/** One worker's view of these tables. `memory` is that of `planTables` for the same settings. */
export function openTables (settings: Settings, memory: readonly SharedArrayBuffer[], worker: number): OpenTables {
  const opened = new Map<Named, Table[]>()
  let at = 0
  for (const { place, entry } of placesIn(settings)) {
    opened.set(entry, plansOf(place, entry).map(plan => {
      const shared = memory[at++]
      if (shared === undefined) throw new Error(`the node keeps no table for ${place}`)
      return createTable(shared, plan.settings, { worker })
    }))
  }
  return opened
}

/** The authenticators of `authentication:`, in its order. */
export function createAuthenticators (entries: readonly Named[], shared: Shared): Authenticator[] {
  return entries.map(entry => {
    const { module, settings } = pick(entry)
    if (module.kind !== 'authenticator') throw new Error(`the schema let "${module.name}" pass as authenticator`)
    return module.create(setupOf(entry, settings, shared))
  })
}

/** The judges of a `policies:` list, in its order. */
export function createJudges (entries: readonly Named[], shared: Shared): SeatedJudge[] {
  return entries.flatMap(entry => {
    const { module, settings } = pick(entry)
    if (module.kind !== 'judge') return []
    const judge = module.create(setupOf(entry, settings, shared))
    return { name: module.name, scope: module.scope, judge }
  })
}

/** The gates of the top-level `policies:`, in its order. */
export function createPolicyGates (entries: readonly Named[], shared: Shared): SeatedGate[] {
  return entries.flatMap(entry => {
    const { module, settings } = pick(entry)
    if (module.kind !== 'gate') return []
    return { name: module.name, gate: module.create(setupOf(entry, settings, shared)) }
  })
}
