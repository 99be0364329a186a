// Composes the node: the journal thread, the workers, its own listeners and what they share in memory.

import { createHash } from 'node:crypto'
import type { MessagePort, ResourceLimits } from 'node:worker_threads'
import { createAdministration } from './administration.ts'
import type { Administration } from './administration.ts'
import type { Log } from './contract/adapter.ts'
import type { Explanation } from './explain.ts'
import type { HealthListenerSettings } from './listen/config.ts'
import { startJournal } from './journal/thread-handle.ts'
import type { JournalHandle } from './journal/thread-handle.ts'
import { createHealthServer } from './observe/health.ts'
import type { HealthServer } from './observe/health.ts'
import { createLog } from './observe/log.ts'
import { family, prefix, renderPrometheus } from './observe/metric.ts'
import type { Snapshot } from './observe/metric.ts'
import { createMetrics, processFamilies } from './observe/metrics.ts'
import { NodeMetrics } from './observe/node-metrics.ts'
import { worstOf } from './observe/readiness.ts'
import type { HealthStatus } from './observe/readiness.ts'
import { lockQuotaFile, provePortsFree, proveTlsFits } from './preflight.ts'
import type { QuotaFile } from './preflight.ts'
import { planTables } from './policies.ts'
import type { Report, ServerData } from './server.ts'
import { countersLayout, settingsOf } from './settings.ts'
import type { Origin, Settings } from './settings.ts'
import { createBudgetCells, reclaim } from './shared/budget.ts'
import { readCounts, startCountsFile } from './shared/counts-file.ts'
import type { CountsFile } from './shared/counts-file.ts'
import { createPulseCells, watchPulse } from './shared/heartbeat.ts'
import { createNoticeMemory } from './shared/notice.ts'
import { createNodeTables } from './shared/node-tables.ts'
import type { NodeTables } from './shared/node-tables.ts'
import { SessionTable } from './sessions/table.ts'
import { Supervisor } from './supervisor.ts'
import type { Address } from './supervisor.ts'
import { heapLimitsOf, tuneCollector, workersThatFit } from './worker-memory.ts'

export interface GatewayOptions extends Origin {
  readonly version: string
  /** Node options of the worker threads, e.g. a module that a test wants in them. */
  readonly workerExecArgv?: readonly string[]
}

export interface Gateway {
  readonly listening: readonly Address[]
  readonly supervisor: Supervisor
  /** Drains and ends everything. False: something had to be ended by force. */
  stop (): Promise<boolean>
}

const journalRetryMs = 1_000
/** How long a client that comes back waits for the connection that has its session. */
const handOverTimeoutMs = 5_000

/** What stands before there is a node. */
interface Ground {
  readonly settings: Settings
  readonly log: Log
  /** Undefined where there are no quotas, or no locks. */
  readonly quotaFile: QuotaFile | undefined
}

function hasQuotas (settings: Settings): boolean {
  return planTables(settings).some(plan => plan.settings.kind === 'window')
}

/** One running node. */
class Node implements Gateway {
  readonly #settings: Settings
  readonly #options: GatewayOptions
  readonly #log: Log
  readonly #metrics: NodeMetrics
  readonly #workerCount: number
  readonly #heapLimits: ResourceLimits
  readonly #budget: SharedArrayBuffer
  readonly #pulse: SharedArrayBuffer
  readonly #disabled = createNoticeMemory()
  readonly #tables: NodeTables
  readonly #sessions: SessionTable
  readonly #quotaFile: Ground['quotaFile']
  #counts: CountsFile | undefined
  readonly #configHash: string
  readonly supervisor: Supervisor
  #journal: JournalHandle | undefined
  #health: HealthServer[] = []
  readonly #administration: Administration
  #draining = false
  listening: readonly Address[] = []

  constructor (options: GatewayOptions, { settings, log, quotaFile }: Ground) {
    this.#options = options
    this.#settings = settings
    this.#log = log
    this.#quotaFile = quotaFile
    this.#metrics = new NodeMetrics(countersLayout(this.#settings))
    const { workers, limits } = this.#settings
    this.#workerCount = workers === 'auto' ? workersThatFit(limits.memoryBytesMax) : workers
    this.#heapLimits = heapLimitsOf(limits.memoryBytesMax, this.#workerCount)
    this.#sessions = new SessionTable({ sessionsMax: this.#settings.limits.sessionsMax, handOverTimeoutMs })
    this.#budget = createBudgetCells(this.#workerCount)
    this.#pulse = createPulseCells(this.#workerCount)
    const kept = quotaFile === undefined ? [] : readCounts(quotaFile.path, log)
    this.#tables = createNodeTables(planTables(settings), this.#workerCount, kept)
    // Of the frozen settings, in which a secret shows as ***: the hash is public and must not help to guess one.
    this.#configHash = createHash('sha256').update(JSON.stringify(this.#settings)).digest('hex').slice(0, 16)
    this.supervisor = this.#createSupervisor()
    this.#administration = this.#createAdministration()
  }

  #createAdministration (): Administration {
    return createAdministration({
      origin: this.#options, settings: this.#settings, version: this.#options.version, configHash: this.#configHash,
      disabled: this.#disabled,
      node: {
        health: () => this.#status(),
        metrics: () => this.#snapshot(),
        restartCount: () => this.supervisor.restartCount,
        listening: () => this.listening,
        explain: async question => await this.supervisor.askOne(question) as Explanation[] | string | undefined
      },
      log: this.#log
    })
  }

  #createSupervisor (): Supervisor {
    const nowMs = performance.now()
    const watches = Array.from({ length: this.#workerCount }, (_, index) => watchPulse(this.#pulse, index, nowMs))
    return new Supervisor({
      entry: new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url),
      workerCount: this.#workerCount,
      portsKnown: this.#settings.listeners.every(listener => listener.port !== 0),
      prepare: index => this.#prepare(index),
      onGone: index => {
        reclaim(this.#budget, index)
        this.#tables.reclaim(index)
        this.#sessions.gone(index)
        this.#metrics.gone(index)
      },
      onStart: (index, startMs) => watches[index]?.reset(startMs),
      silentMs: (index, atMs) => watches[index]?.silentMs(atMs) ?? 0,
      resourceLimits: this.#heapLimits,
      execArgv: this.#options.workerExecArgv ?? [],
      drainMs: this.#settings.limits.drainMs,
      log: this.#log
    })
  }

  #prepare (index: number): { data: ServerData, transfer: MessagePort[] } {
    const journalPort = this.#journal?.attach()
    const sessionsPort = this.#sessions.attach(index)
    const { document, baseDir, version } = this.#options
    const data: ServerData = {
      origin: { document, baseDir },
      workerCount: this.#workerCount,
      budget: this.#budget,
      pulse: this.#pulse,
      disabled: this.#disabled,
      tables: this.#tables.memory,
      counters: this.#metrics.begin(index),
      sessionsPort,
      journalPort,
      version
    }
    return { data, transfer: [sessionsPort, ...(journalPort === undefined ? [] : [journalPort])] }
  }

  async start (): Promise<void> {
    proveTlsFits(this.#settings)
    await provePortsFree(this.#settings)
    if (this.#settings.sink === 'journal') await this.#openJournal()
    if (this.#quotaFile !== undefined) {
      this.#counts = startCountsFile(this.#quotaFile.path, () => this.#tables.keep(), this.#log)
    }
    tuneCollector(this.#heapLimits)
    const data = await this.supervisor.start()
    const own: Address[] = []
    for (const listener of this.#settings.listeners) {
      if (listener.protocol === 'health') own.push(await this.#openHealth(listener))
      else if (listener.protocol === 'admin') own.push(await this.#administration.open(listener))
    }
    this.listening = [...data, ...own]
  }

  async #openJournal (): Promise<void> {
    const journal = await startJournal({ config: this.#settings.journal, log: this.#log })
    this.#journal = journal
    journal.onExit(() => {
      if (this.#draining) return
      this.#log.error({}, 'the journal thread is gone, starting another')
      void this.#reopenJournal()
    })
  }

  async #reopenJournal (): Promise<void> {
    try {
      await this.#openJournal()
      this.supervisor.sendPorts(() => journalPortOf(this.#journal))
    } catch (error) {
      this.#log.error({ error }, 'the journal thread did not start again')
      setTimeout(() => { if (!this.#draining) void this.#reopenJournal() }, journalRetryMs)
    }
  }

  async #openHealth (listener: HealthListenerSettings): Promise<Address> {
    const server = createHealthServer({
      host: listener.host,
      port: listener.port,
      readiness: this.#settings.readiness,
      status: () => this.#status(),
      metrics: async () => renderPrometheus(await this.#snapshot()),
      log: this.#log
    })
    this.#health.push(server)
    return { protocol: 'health', secure: false, ...await server.start() }
  }

  async #reports (): Promise<Report[]> {
    const reports = await this.supervisor.ask() as Report[]
    for (const report of reports) this.#metrics.keep(report.worker, report.metrics)
    return reports
  }

  async #status (): Promise<HealthStatus> {
    const sinks = (await this.#reports()).map(report => report.sink)
    return {
      workers: { aliveCount: this.supervisor.aliveCount, wantedCount: this.#workerCount },
      kafka: this.#settings.sink === 'kafka' ? worstOf(sinks) : undefined,
      journal: this.#journal?.health(),
      draining: this.#draining
    }
  }

  async #snapshot (): Promise<Snapshot> {
    await this.#reports()
    const own = processFamilies({ version: this.#options.version, configHash: this.#configHash })
    const restarts = family({
      name: `${prefix}worker_restarts_total`, help: 'Workers that were replaced.', kind: 'counter'
    }, [{ labels: {}, value: this.supervisor.restartCount }])
    const keys = family({
      name: `${prefix}limit_keys`, help: 'Keys that a limit counts now, by policy.', kind: 'gauge'
    }, this.#tables.keys())
    const levels = createMetrics()
    if (this.#journal !== undefined) levels.addGauges(this.#journal.gauges)
    levels.addGauges(this.#administration.gauges)
    levels.addGauges(this.#sessions.gauges)
    return this.#metrics.merged([...own, restarts, keys, ...levels.collect()])
  }

  async stop (): Promise<boolean> {
    this.#draining = true
    const inTime = await this.supervisor.stop()
    this.#tables.stop()
    this.#sessions.close()
    this.#counts?.stop()
    this.#quotaFile?.release()
    await this.#journal?.close()
    await Promise.all([this.#administration.close(), ...this.#health.map(server => server.close())])
    return inTime
  }
}

function journalPortOf (journal: JournalHandle | undefined): MessagePort {
  if (journal === undefined) throw new Error('the journal is not open')
  return journal.attach()
}

/** Starts a node from a validated config. Rejects with a StartError where an operator can mend the reason. */
export async function startGateway (options: GatewayOptions): Promise<Gateway> {
  const settings = settingsOf(options)
  const log = createLog({ ...settings.log, thread: 'supervisor' })
  const quotaFile = hasQuotas(settings) ? lockQuotaFile(settings.limits.quotaFile) : undefined
  const node = new Node(options, { settings, log, quotaFile })
  try {
    await node.start()
  } catch (error) {
    await node.stop()
    throw error
  }
  return node
}
