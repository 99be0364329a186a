// Composes the admin listeners of a node: what they show, who may use them, and how workers hear of it.

import { createHostCheck } from './admin/hosts.ts'
import { createOperations } from './admin/operations.ts'
import type { Level, NodeStatus } from './admin/operations.ts'
import { createPrincipalList } from './admin/principals.ts'
import { createAdminServer } from './admin/server.ts'
import type { AdminServer } from './admin/server.ts'
import { createTokenCheck } from './admin/tokens.ts'
import { isLoopback } from './config/checks.ts'
import { hideSecrets } from './config/hidden.ts'
import type { Log } from './contract/adapter.ts'
import { followTls, readTls } from './listen/certificates.ts'
import type { AdminListenerSettings } from './listen/config.ts'
import { prefix } from './observe/metric.ts'
import type { Snapshot } from './observe/metric.ts'
import { readiness } from './observe/readiness.ts'
import type { HealthStatus } from './observe/readiness.ts'
import { schema } from './settings.ts'
import type { Explanation, Question } from './explain.ts'
import type { Origin, Settings } from './settings.ts'
import { createNoticeWriter } from './shared/notice.ts'
import type { Address } from './supervisor.ts'

/** What the node knows of itself. */
export interface NodeFacts {
  health (): Promise<HealthStatus>
  metrics (): Promise<Snapshot>
  restartCount (): number
  listening (): readonly Address[]
  /** Asks one worker; undefined where none answers in time. */
  explain (question: Question): Promise<Explanation[] | string | undefined>
}

export interface AdministrationOptions {
  readonly origin: Origin
  readonly settings: Settings
  readonly version: string
  readonly configHash: string
  /** Memory in which workers read who is disabled. */
  readonly disabled: SharedArrayBuffer
  readonly node: NodeFacts
  readonly log: Log
}

export interface Administration {
  open (listener: AdminListenerSettings): Promise<Address>
  close (): Promise<void>
  readonly gauges: ReadonlyMap<string, () => number>
}

/** Creates it without opening a socket. */
export function createAdministration (options: AdministrationOptions): Administration {
  const { origin, settings, version, disabled, node, log } = options
  const { tokens: hashes, hosts } = settings.admin
  const tokens = createTokenCheck(hashes)
  const principals = createPrincipalList(settings.principals, createNoticeWriter(disabled))
  const operations = createOperations({
    principals,
    status: () => statusOf(options),
    config: () => hideSecrets(schema, origin.document),
    explain: async sample => await node.explain(sample) ?? 'no worker answered in time; ask again',
    levels: async () => levelsOf(await node.metrics()),
    limits: settings.limits
  })
  const open: { server: AdminServer, stopFollowing: () => void }[] = []

  return {
    async open ({ host, port, tls }) {
      const server = createAdminServer({
        host, port, tls: tls === undefined ? undefined : readTls(tls), operations, version, tokens, log,
        checkHost: createHostCheck({ isLoopback, known: [host, ...hosts] })
      })
      const secure = tls !== undefined && server.secured !== undefined
      open.push({ server, stopFollowing: secure ? followTls(server.secured, tls, log) : () => {} })
      return { protocol: 'admin', secure, ...await server.start() }
    },
    async close () {
      for (const { stopFollowing } of open) stopFollowing()
      await Promise.all(open.map(({ server }) => server.close()))
    },
    gauges: new Map([...tokens.gauges, ...principals.gauges])
  }
}

const startedAtMs = (): number => Date.now() - process.uptime() * 1_000

async function statusOf ({ settings, version, configHash, node }: AdministrationOptions): Promise<NodeStatus> {
  const [health, metrics] = await Promise.all([node.health(), node.metrics()])
  const { workers, kafka, journal } = health
  const sink = kafka ?? journal ?? { ready: false, reason: 'the sink has not told its state' }
  return {
    ...readiness(health, settings.readiness),
    version,
    configHash,
    startedAt: new Date(startedAtMs()).toISOString(),
    uptimeSeconds: Math.round(process.uptime()),
    workers: { alive: workers.aliveCount, wanted: workers.wantedCount, restarts: node.restartCount() },
    listeners: node.listening().map(({ protocol, host, port, secure }) => ({ protocol, host, port, secure })),
    sink: { kind: settings.sink, ready: sink.ready, reason: sink.reason },
    budget: { usedBytes: valueOf(metrics, 'budget_used_bytes'), limitBytes: settings.limits.bufferBytesMax }
  }
}

function valueOf (metrics: Snapshot, name: string): number {
  const found = metrics.find(family => family.name === `${prefix}${name}`)
  return found?.samples.reduce((sum, { value }) => sum + value, 0) ?? 0
}

/** Every level of the gateway; what only grows is for /metrics. */
function levelsOf (metrics: Snapshot): Level[] {
  return metrics
    .filter(({ kind, name }) => kind === 'gauge' && name.startsWith(prefix))
    .flatMap(({ name, samples }) => samples.map(({ labels, value }) => ({ name, labels, value })))
}

