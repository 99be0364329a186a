// The adapters of one worker: which of the registry it has, what each is made from, and those that begin by themselves.

import { adapters } from '../protocols/index.ts'
import { sectionOf } from './contract/adapter.ts'
import type { Adapter, AdapterModule, Log } from './contract/adapter.ts'
import { principalOf } from './contract/principal.ts'
import { createIngress } from './ingest/ingress.ts'
import type { IngressParts } from './ingest/ingress.ts'
import { isConfigured, routeViewOf } from './settings.ts'
import type { Settings } from './settings.ts'

/** An adapter of the registry whose protocol is listened on, or which works without a listener. */
export interface Door extends Pick<AdapterModule, 'name' | 'protocol'> { readonly adapter: Adapter }

/** In the order of the registry. */
export function createDoors (settings: Settings, parts: IngressParts, version: string, log: Log): Door[] {
  const doors: Door[] = []
  for (const [at, module] of (adapters as readonly AdapterModule[]).entries()) {
    const { name, protocol } = module
    const isHeard = protocol === undefined || settings.listeners.some(listener => listener.protocol === protocol)
    if (!isHeard || !isConfigured(module, settings)) continue
    const routes = settings.routes.map(route => routeViewOf(module, route))
    const ingress = createIngress(parts, at)
    const adapter = module.create({ config: settings[sectionOf(module)], routes, ingress, version, log })
    doors.push({ name, protocol, adapter })
  }
  return doors
}

/** Those that call others themselves. */
export function startDoors (doors: readonly Door[], { principals }: Settings, worker: number): void {
  const known = new Map(principals.map(one => [one.name, principalOf(one)]))
  for (const { adapter } of doors) adapter.start?.({ worker, principalNamed: name => known.get(name) })
}
