// The settings of the whole gateway: one schema assembled from every room, the rules over it, and its type.

import { adapters } from '../protocols/index.ts'
import { policies } from '../plugins/index.ts'
import { checks } from './config/checks.ts'
import { freezeConfig } from './config/freeze.ts'
import type { Check, ConfigDocument } from './config/load.ts'
import { listAt } from './config/lookup.ts'
import { assembleSchema } from './config/schema.ts'
import { limitsConfig, routeConfig } from './ingest/config.ts'
import type { LimitsSettings, RouteSettings } from './ingest/config.ts'
import { createRouter } from './ingest/router.ts'
import { journalConfig } from './journal/config.ts'
import type { JournalConfig } from './journal/config.ts'
import { kafkaConfig } from './kafka/config.ts'
import type { KafkaSettings } from './kafka/config.ts'
import { connectionsConfig, listenersConfig } from './listen/config.ts'
import type { ConnectionsSettings, DataListenerSettings, HealthListenerSettings } from './listen/config.ts'
import { observeSections } from './observe/config.ts'
import type { LogSettings, ReadinessSettings, TracingSettings } from './observe/config.ts'
import type { CountersLayout } from './observe/event-counters.ts'
import type { PrincipalSettings } from './contract/policy.ts'

/** One entry of `authentication:` or `policies:`: one key, the policy's name, and its settings. */
export type Named = Readonly<Record<string, unknown>>

export type RouteEntry = RouteSettings & { readonly policies: readonly Named[] } & Readonly<Record<string, unknown>>

/** The frozen config. Sections of adapters stand under their names. */
export interface Settings {
  readonly listeners: readonly (DataListenerSettings | HealthListenerSettings)[]
  readonly workers: 'auto' | number
  readonly sink: 'kafka' | 'journal'
  readonly limits: LimitsSettings
  readonly kafka?: KafkaSettings
  readonly journal: JournalConfig
  readonly principals: readonly PrincipalSettings[]
  readonly authentication: readonly Named[]
  readonly policies: readonly Named[]
  readonly routes: readonly RouteEntry[]
  readonly connections: ConnectionsSettings
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
  observe: { ...observeSections, connections: connectionsConfig },
  routes: routeConfig,
  adapters,
  policies
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

export const settingChecks: readonly Check[] = [...checks, routesCompile]

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
