// Turns what an operator wrote under `authentication:` and `policies:` into authenticators, gates and chains.

import { policies } from '../plugins/index.ts'
import type { Log } from './contract/adapter.ts'
import type { Ack, PolicyPlace } from './contract/outcome.ts'
import type { Authenticator, PolicyModule, PolicySetup } from './contract/policy.ts'
import type { PrincipalSettings } from './contract/principal.ts'
import type { Table } from './contract/table.ts'
import { secretNamesOf } from './ingest/authentication.ts'
import { compileCondition } from './ingest/condition.ts'
import type { ConductSettings } from './ingest/conduct.ts'
import { failedLoginTables } from './ingest/failed-logins.ts'
import type { SeatedGate } from './ingest/gates.ts'
import type { RouteRun } from './ingest/passage.ts'
import { createPolicyChain } from './ingest/policy-chain.ts'
import { planRecord } from './ingest/record.ts'
import type { DecisionListener, SeatedJudge } from './ingest/seat.ts'
import { createSharedLimits } from './redis/shared-limits.ts'
import type { SharedLimits } from './redis/shared-limits.ts'
import type { Named, RouteEntry, Settings } from './settings.ts'
import { createTable } from './shared/table.ts'
import type { TablePlan } from './shared/node-tables.ts'

const byName = new Map(policies.map(module => [module.name, module]))

interface Shared {
  readonly principals: readonly PrincipalSettings[]
  readonly log: Log
  /** Of `openTables`. */
  readonly tables: OpenTables
}

/** The tables of each entry of the config that asks for some, and the store of those that count over all nodes. */
export interface OpenTables {
  readonly byEntry: ReadonlyMap<Named, readonly Table[]>
  readonly failedLogins: readonly Table[]
  /** Absent: all count in this node. */
  readonly sharedLimits: SharedLimits | undefined
}

interface PoliciesParts { readonly settings: Settings, readonly tables: OpenTables, readonly log: Log }

/** All policies of one worker: one of each entry, so that what it counts is counted once. */
export interface Policies {
  readonly authenticators: readonly Authenticator[]
  readonly gates: readonly SeatedGate[]
  /** One per route, in their order. `ack` is what the sink can promise. */
  runs (ack: Ack, decided: DecisionListener): RouteRun[]
  /** Resolves when what they need of other machines is there, or has failed once. */
  start (): Promise<void>
  close (): void
  readonly gauges: ReadonlyMap<string, () => number>
}

export function createPolicies ({ settings, tables, log }: PoliciesParts): Policies {
  const shared = { principals: settings.principals, tables, log }
  const authenticators = createAuthenticators(settings.authentication, shared)
  const gates = createGates(settings.policies, shared)
  const common = createJudges(settings.policies, 'policies', shared)
  const own = settings.routes.map(route => createJudges(route.policies, placeOf(route), shared))
  const secretNames = secretNamesOf(authenticators)
  return {
    authenticators,
    gates,
    runs: (ack, decided) => settings.routes.map((route, at) => createRun(route, {
      settings, ack, secretNames, decided, log, judges: [...common, ...own[at] ?? []]
    })),
    // No event is judged without the store only because it was faster than the first connection.
    async start () { await tables.sharedLimits?.start() },
    gauges: tables.sharedLimits?.gauges ?? new Map(),
    close () {
      tables.sharedLimits?.close()
      const judges = [...common, ...own.flat()].map(({ judge }) => judge)
      for (const policy of [...authenticators, ...gates.map(({ gate }) => gate), ...judges]) policy.close?.()
    }
  }
}

function pick (entry: Named): { module: PolicyModule, settings: unknown } {
  const [name = '', settings] = Object.entries(entry)[0] ?? []
  const module = byName.get(name)
  if (module === undefined) throw new Error(`the schema let the unknown policy "${name}" pass`)
  return { module, settings }
}

function setupOf (entry: Named, config: unknown, { principals, log, tables }: Shared): PolicySetup<unknown> {
  return { config, principals, log, tables: tables.byEntry.get(entry) ?? [] }
}

function placeOf ({ name }: RouteEntry): string { return `routes.${name}.policies` }

/** Every entry that decides about events or connections: what decisions can be counted under. */
export function policyPlaces (settings: Settings): PolicyPlace[] {
  return placesIn(settings).map(({ place, entry }) => ({ name: pick(entry).module.name, place }))
    .filter(({ place }) => !place.startsWith('authentication'))
}

/** Every entry of the config that names a policy, in the one order by which tables are numbered. */
function placesIn ({ authentication, policies, routes }: Settings): { place: string, entry: Named }[] {
  const lists = [
    { place: 'authentication', entries: authentication }, { place: 'policies', entries: policies },
    ...routes.map(route => ({ place: placeOf(route), entries: route.policies }))
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
  const failedLogins = failedLoginTables(settings.limits.failedLoginsMax)
  return [
    ...placesIn(settings).flatMap(({ place, entry }) => plansOf(place, entry)),
    ...failedLogins.map((table, at) => ({ policy: 'failed-logins', place: `limits.failedLoginsMax[${at}]`, settings: table }))
  ]
}

/** Whose tables are opened. Without a log all of them count in this node: nobody is asked. */
interface TableOwner { readonly worker: number, readonly log?: Log }

/** One worker's view of these tables. `memory` is that of `planTables` for the same settings. */
export function openTables (
  settings: Settings, memory: readonly SharedArrayBuffer[], { worker, log }: TableOwner
): OpenTables {
  const shared = settings.sharedLimits
  const sharedLimits = shared && log && createSharedLimits({ settings: shared, log })
  const opened = new Map<Named, Table[]>()
  let at = 0
  for (const { place, entry } of placesIn(settings)) {
    opened.set(entry, plansOf(place, entry).map((plan, index) => {
      const cells = memory[at++]
      if (cells === undefined) throw new Error(`the node keeps no table for ${place}`)
      const local = createTable(cells, plan.settings, { worker })
      if (plan.settings.across !== 'cluster') return local
      return sharedLimits?.share(`${place}/${plan.policy}/${index}`, local) ?? local
    }))
  }
  const failedLogins = failedLoginTables(settings.limits.failedLoginsMax).map(table => {
    const cells = memory[at++]
    if (cells === undefined) throw new Error('the node keeps no table for failed logins')
    return createTable(cells, table, { worker })
  })
  return { byEntry: opened, failedLogins, sharedLimits }
}

function createAuthenticators (entries: readonly Named[], shared: Shared): Authenticator[] {
  return entries.map(entry => {
    const { module, settings } = pick(entry)
    if (module.kind !== 'authenticator') throw new Error(`the schema let "${module.name}" pass as authenticator`)
    return module.create(setupOf(entry, settings, shared))
  })
}

/** The judges of a `policies:` list, in its order. */
function createJudges (entries: readonly Named[], list: string, shared: Shared): SeatedJudge[] {
  return entries.flatMap((entry, at) => {
    const { module, settings } = pick(entry)
    if (module.kind !== 'judge') return []
    const judge = module.create(setupOf(entry, settings, shared))
    const conduct = settings as ConductSettings
    // A condition may look at the event, and a mark is put on it: neither holds for all events of a request.
    const scope = conduct.when === undefined && conduct.onError !== 'mark' ? module.scope : 'event'
    return { name: module.name, place: `${list}[${at}]`, scope, judge, conduct, when: conditionOf(conduct) }
  })
}

function conditionOf ({ when }: ConductSettings): SeatedJudge['when'] {
  const condition = when === undefined ? undefined : compileCondition(when)
  if (condition !== undefined && 'mistake' in condition) throw new Error('a condition that does not compile passed validation')
  return condition
}

/** The gates of the top-level `policies:`, in its order. */
function createGates (entries: readonly Named[], shared: Shared): SeatedGate[] {
  return entries.flatMap((entry, at) => {
    const { module, settings } = pick(entry)
    if (module.kind !== 'gate') return []
    return { name: module.name, place: `policies[${at}]`, gate: module.create(setupOf(entry, settings, shared)) }
  })
}

interface RunParts {
  readonly settings: Settings
  readonly ack: Ack
  readonly judges: readonly SeatedJudge[]
  readonly secretNames: ReadonlySet<string>
  readonly decided: DecisionListener
  readonly log: Log
}

function createRun (route: RouteEntry, { settings, ack, judges, secretNames, decided, log }: RunParts): RouteRun {
  const { replyTimeoutMs, keyBytesMax } = settings.limits
  const chain = (perEvent: boolean): RouteRun['perEvent'] => createPolicyChain({
    judges: judges.filter(one => (one.scope === 'event') === perEvent),
    judgeTimeoutMs: replyTimeoutMs,
    onDecision: decided,
    onFault: (policy, error) => log.error({ policy, route: route.name, error }, 'policy failed')
  })
  return {
    plan: planRecord(route, { secretNames, keyBytesMax }),
    context: { route: route.name, ack: route.ack ?? ack },
    perRequest: chain(false),
    perEvent: chain(true)
  }
}
