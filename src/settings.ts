// The settings of the whole gateway: one schema assembled from every room, the rules over it, and its type.

import { adapters } from '../protocols/index.ts'
import { policies } from '../plugins/index.ts'
import { adminConfig } from './admin/config.ts'
import type { AdminSettings } from './admin/config.ts'
import { showBytes } from './config/byte-size.ts'
import { checks } from './config/checks.ts'
import { codecsAreInstalled } from './config/codec-checks.ts'
import { networksAreNetworks } from './config/edge-checks.ts'
import { freezeConfig } from './config/freeze.ts'
import { credentialsAreAsked, listedNamesExist, restrictionsRestrict } from './config/identity-checks.ts'
import type { Method } from './config/identity-checks.ts'
import { isRecord } from './config/json-schema.ts'
import type { Check, ConfigDocument } from './config/load.ts'
import { listAt, numberAt, textAt } from './config/lookup.ts'
import { quote } from './config/mistake.ts'
import type { Path } from './config/mistake.ts'
import { assembleSchema } from './config/schema.ts'
import { limitsConfig, routeConfig } from './ingest/config.ts'
import type { LimitsSettings, RouteSettings } from './ingest/config.ts'
import { compileCondition } from './ingest/condition.ts'
import { conductProperties } from './ingest/conduct.ts'
import { createRouter } from './ingest/router.ts'
import { contradictions } from './ingest/topic-overlap.ts'
import { journalConfig } from './journal/config.ts'
import type { JournalConfig } from './journal/config.ts'
import { canCompress } from './kafka/compression.ts'
import type { Compression } from './kafka/compression.ts'
import { kafkaConfig } from './kafka/config.ts'
import type { KafkaSettings } from './kafka/config.ts'
import { connectionsConfig, listenersConfig } from './listen/config.ts'
import type { ConnectionsSettings, ListenerSettings } from './listen/config.ts'
import { sharedLimitsConfig } from './redis/config.ts'
import type { SharedLimitsSettings } from './redis/config.ts'
import { observeSections } from './observe/config.ts'
import type { LogSettings, ReadinessSettings, TracingSettings } from './observe/config.ts'
import type { CountersLayout } from './observe/event-counters.ts'
import { grantSession } from './contract/session.ts'
import { sectionOf } from './contract/adapter.ts'
import type { AdapterModule, Ingress, Log, RouteView, Signal } from './contract/adapter.ts'
import { refuse } from './contract/outcome.ts'
import type { AuthenticatorModule, PolicyModule, PolicySetup } from './contract/policy.ts'
import type { PrincipalSettings } from './contract/principal.ts'
import { SettingError } from './contract/setting-error.ts'
import { connectionsThatFit, memoryBytesMin, workersThatFit } from './worker-memory.ts'

/** One entry of `authentication:` or `policies:`: one key, the policy's name, and its settings. */
export type Named = Readonly<Record<string, unknown>>

export type RouteEntry = RouteSettings & { readonly policies: readonly Named[] } & Readonly<Record<string, unknown>>

/** The frozen config. Sections of adapters stand under their names. */
export interface Settings {
  readonly listeners: readonly ListenerSettings[]
  readonly workers: 'auto' | number
  readonly sink: 'kafka' | 'journal'
  readonly limits: LimitsSettings
  readonly kafka?: KafkaSettings
  readonly journal: JournalConfig
  /** Absent: every limit counts in its node. */
  readonly sharedLimits?: SharedLimitsSettings
  readonly principals: readonly PrincipalSettings[]
  readonly authentication: readonly Named[]
  readonly policies: readonly Named[]
  readonly routes: readonly RouteEntry[]
  readonly connections: ConnectionsSettings
  readonly admin: AdminSettings
  readonly log: LogSettings
  readonly readiness: ReadinessSettings
  readonly tracing: TracingSettings
  readonly [adapter: string]: unknown
}

/** The schema of `sluice.yaml`. */
export const schema = assembleSchema({
  listeners: listenersConfig,
  limits: limitsConfig,
  kafka: kafkaConfig,
  journal: journalConfig,
  sharedLimits: sharedLimitsConfig,
  observe: { ...observeSections, connections: connectionsConfig, admin: adminConfig },
  routes: routeConfig,
  adapters,
  policies,
  conduct: conductProperties
})

/** Routes that cannot be told apart, and templates over parameters that do not exist. */
const routesCompile: Check = (document, sound) => {
  if (!sound('routes')) return []
  const compiled = createRouter(listAt(document, 'routes') as RouteSettings[])
  if ('match' in compiled) return []
  return compiled.map(({ route, path, message }) => ({
    path: ['routes', route, ...path.split('.')], problem: message, expected: ''
  }))
}

/** What an adapter cannot be built from, e.g. two aliases on one path. Creating one has no side effects. */
const adaptersAccept: Check = (document, sound) => {
  const sections = ['routes', ...adapters.map(sectionOf)]
  // A wrong network is told by its own rule, at its place.
  if (!sections.every(section => sound(section)) || networksAreNetworks(document, sound).length > 0) return []
  return adapters.filter(module => isConfigured(module, document)).flatMap(module => {
    const routes = listAt(document, 'routes').map(route => routeViewOf(module, route as RouteEntry))
    const config = document[sectionOf(module)] as never
    const mistakes = module.examine?.(config) ?? []
    if (mistakes.length > 0) return mistakes.map(({ path, message }) => ({ path, problem: message, expected: '' }))
    try {
      module.create({ config, routes, ingress: closedIngress, version: '', log: silentLog })
      return []
    } catch (error) {
      const path = error instanceof SettingError ? error.path : ['routes']
      return [{ path, problem: (error as Error).message, expected: '' }]
    }
  })
}

/** Stands for a principal that has mistakes, so that the others keep their places. */
const noPrincipal = { name: '', groups: [], credentials: [] }

/** What an authenticator cannot be built from, e.g. a hash that is none. Creating one has no side effects. */
const authenticatorsAccept: Check = (document, sound) => {
  const own = {
    authentication: listAt(document, 'authentication').filter((_, at) => sound('authentication', at)),
    principals: listAt(document, 'principals').map((one, at) => sound('principals', at) ? one : noPrincipal)
  }
  const places = listAt(document, 'authentication').flatMap((_, at) => sound('authentication', at) ? at : [])
  // The folder of the config is not known here: secrets in files are not read.
  const readFile = (): string => { throw new Error('not read') }
  const frozen = freezeConfig({ document: own, schema, baseDir: '.', env: process.env, readFile }) as Pick<Settings, keyof typeof own>
  return frozen.authentication.flatMap((entry, index) => {
    const [[name, config] = []] = Object.entries(entry)
    const module = policies.find(one => one.name === name)
    if (module?.kind !== 'authenticator') return []
    const setup = { config, principals: frozen.principals, tables: [], log: silentLog } as PolicySetup<unknown>
    return mistakesOf(module, setup).map(error => {
      const path = error instanceof SettingError ? error.path : ['authentication', places[index] ?? 0]
      return { path, problem: error.message, expected: '' }
    })
  })
}

function mistakesOf (module: AuthenticatorModule, setup: PolicySetup<unknown>): readonly Error[] {
  const weak = module.examine?.(setup) ?? []
  try {
    module.create(setup).close?.()
    return weak
  } catch (error) {
    return [error as Error, ...weak]
  }
}

const methods: readonly Method[] = (policies as readonly PolicyModule[]).flatMap(module => module.kind !== 'authenticator' ? [] : {
  name: module.name, credential: module.credential?.name,
  // Settings that are wrong are told as such; until then nobody knows what they make.
  makesPrincipals (settings) {
    try {
      return module.makesPrincipals?.(settings) ?? false
    } catch {
      return true
    }
  }
})

/** Compression is a setting of a topic's batches, whichever route they come from. */
const topicsHaveOneCodec: Check = (document, sound) => {
  const routes = listAt(document, 'routes') as RouteSettings[]
  if (!sound('routes') || !sound('kafka') || 'length' in createRouter(routes)) return []
  const standard = textAt(document, 'kafka', 'producer', 'compression') ?? 'none'
  const codecs = routes.map(({ compression }) => compression ?? standard)
  return contradictions(routes, codecs).map(({ route, other, topic }) => {
    const [here, there] = routes[route]?.compression === undefined ? [other, route] : [route, other]
    return {
      path: ['routes', here, 'compression'],
      problem: `"${codecs[here]}", and routes[${there}] with "${codecs[there]}" can feed the same topic ${quote(topic)}`,
      expected: 'the same compression for both (a route without one has that of kafka.producer), or topics that differ'
    }
  })
}

/** Conditions of policies are compiled here once to see that they can be. */
const conditionsCompile: Check = (document) => {
  const lists: Path[] = [['policies'], ...listAt(document, 'routes').map((_, at): Path => ['routes', at, 'policies'])]
  return lists.flatMap(list =>
    listAt(document, ...list).flatMap((entry, at) => Object.keys(isRecord(entry) ? entry : {}).flatMap(name => {
      const when = textAt(entry, name, 'when')
      const condition = when === undefined ? undefined : compileCondition(when)
      if (condition === undefined || !('mistake' in condition)) return []
      const expected = 'a CEL expression that is true or false'
      return [{ path: [...list, at, name, 'when'], problem: condition.mistake, expected }]
    })))
}

/** More workers than memory is set aside for would run out of their heaps one by one. */
const workersHaveRoom: Check = (document, sound) => {
  const workers = numberAt(document, 'workers')
  const memoryBytesMax = numberAt(document, 'limits', 'memoryBytesMax')
  if (!sound('workers') || workers === undefined || memoryBytesMax === undefined) return []
  const neededBytes = memoryBytesMin(workers)
  if (memoryBytesMax >= neededBytes) return []
  return [{
    path: ['workers'],
    problem: `${workers} need ${showBytes(neededBytes)}, and limits.memoryBytesMax is ${showBytes(memoryBytesMax)}`,
    expected: `at most ${Math.max(1, workersThatFit(memoryBytesMax))}, or "auto", or a limits.memoryBytesMax of at least ${showBytes(neededBytes)}`
  }]
}

/** Connections that no heap has room for would not be refused at their limit, but take the worker with them. */
const connectionsHaveRoom: Check = (document, sound) => {
  const connectionsMax = numberAt(document, 'limits', 'connectionsMax')
  const memoryBytesMax = numberAt(document, 'limits', 'memoryBytesMax')
  if (!sound('workers') || !sound('limits') || connectionsMax === undefined || memoryBytesMax === undefined) return []
  const workers = numberAt(document, 'workers') ?? workersThatFit(memoryBytesMax)
  const fitting = connectionsThatFit(memoryBytesMax, workers)
  if (connectionsMax <= fitting) return []
  const memory = `limits.memoryBytesMax of ${showBytes(memoryBytesMax)} for ${workers} ${workers === 1 ? 'worker' : 'workers'}`
  return [{
    path: ['limits', 'connectionsMax'],
    problem: `${connectionsMax} connections do not fit into a ${memory}`,
    expected: `at most ${fitting}, or more memory`
  }]
}

const codecsAreThere: Check = (document, sound) =>
  codecsAreInstalled(document, codec => canCompress(codec as Compression)).filter(({ path }) => sound(String(path[0])))

/** False for an adapter that works by itself, where the operator gave it nothing to do. */
export function isConfigured (module: AdapterModule, settings: Readonly<Record<string, unknown>>): boolean {
  return module.protocol !== undefined || settings[sectionOf(module)] !== undefined
}

/** What an adapter may know of a route. */
export function routeViewOf (module: AdapterModule, route: RouteEntry): RouteView {
  const own = Object.fromEntries(Object.keys(module.routeConfig).map(key => [key, route[key]]))
  return { name: route.name, channel: route.channel, format: route.format, own }
}

const off: Signal = { on: false, watch: () => () => {} }
const silentLog: Log = { debug () {}, info () {}, warn () {}, error () {} }
/** For an adapter that is only built to see whether it can be. */
const closedIngress: Ingress = {
  authenticate: () => refuse('shutting-down', ''),
  schemes: [],
  reservePreAuth: () => refuse('shutting-down', ''),
  releasePreAuth () {},
  reserve: () => refuse('shutting-down', ''),
  release () {},
  ingest () {},
  ingestMany () {},
  limitsOf: () => [],
  conclude () {},
  refused () {},
  pressure: off,
  draining: off,
  watchRevoked: () => () => {},
  claimSession: grantSession
}

export const settingChecks: readonly Check[] = [
  ...checks, routesCompile, adaptersAccept, authenticatorsAccept, topicsHaveOneCodec, codecsAreThere, conditionsCompile,
  workersHaveRoom, connectionsHaveRoom,
  credentialsAreAsked(methods), listedNamesExist(methods), restrictionsRestrict
]

/** Where a config came from, so that every thread can freeze it for itself. */
export interface Origin {
  readonly document: ConfigDocument
  /** Folder of the config file, against which its paths are resolved. */
  readonly baseDir: string
}

/** The frozen settings of a validated document. */
export function settingsOf ({ document, baseDir }: Origin): Settings {
  return freezeConfig({ document, schema, baseDir, env: process.env }) as unknown as Settings
}

/** Doors and routes in the order by which event counters number them. */
export function countersLayout (settings: Settings): CountersLayout {
  return { doors: adapters.map(one => one.name), routes: settings.routes.map(route => route.name) }
}
