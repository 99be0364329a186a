// Composes one worker: sink, pipeline, adapters and listeners, joined by functions. Top to bottom it is the flow.

import type { MessagePort } from 'node:worker_threads'
import type { Log } from './contract/adapter.ts'
import type { Sink, SinkHealth } from './contract/sink.ts'
import { createDoors, startDoors } from './doors.ts'
import type { Door } from './doors.ts'
import { explain } from './explain.ts'
import type { Explanation, Question } from './explain.ts'
import { checkMs, createAdmission, createSignal } from './ingest/admission.ts'
import { createAccess } from './ingest/access.ts'
import { createAuthentication, schemesOf } from './ingest/authentication.ts'
import { createFailedLogins } from './ingest/failed-logins.ts'
import { createGates } from './ingest/gates.ts'
import { Pipeline } from './ingest/pipeline.ts'
import { createRouter } from './ingest/router.ts'
import type { Router } from './ingest/router.ts'
import { decisions as decisionNames } from './ingest/seat.ts'
import type { DecisionListener } from './ingest/seat.ts'
import { createConnections } from './listen/connections.ts'
import type { Connections } from './listen/connections.ts'
import { createHandshakes } from './listen/handshakes.ts'
import type { Handshakes } from './listen/handshakes.ts'
import { isDataListener } from './listen/config.ts'
import { createListener } from './listen/listener.ts'
import type { Listener } from './listen/listener.ts'
import { createEventCounters } from './observe/event-counters.ts'
import { createLog } from './observe/log.ts'
import type { Snapshot } from './observe/metric.ts'
import { createDecisionCounters, createMetrics, measureThread } from './observe/metrics.ts'
import type { DecisionCounters, Metrics } from './observe/metrics.ts'
import { createRefusalLog } from './observe/refusal-log.ts'
import type { RefusalLog } from './observe/refusal-log.ts'
import { createEventTracer, noTracer, startTracing } from './observe/tracing.ts'
import { createWitness, noteShadowed } from './observe/witness.ts'
import { createPolicies, openTables, policyPlaces } from './policies.ts'
import type { Policies } from './policies.ts'
import { countersLayout, settingsOf } from './settings.ts'
import type { Origin, Settings } from './settings.ts'
import { createSink } from './sinks.ts'
import { createClaims } from './sessions/claims.ts'
import { createBudget } from './shared/budget.ts'
import { beat } from './shared/heartbeat.ts'
import { createNoticeReader } from './shared/notice.ts'
import type { Address } from './supervisor.ts'

/** What a worker gets from the node. */
export interface ServerData {
  readonly origin: Origin
  readonly workerCount: number
  readonly budget: SharedArrayBuffer
  readonly pulse: SharedArrayBuffer
  /** Names of the principals that an operator disabled. */
  readonly disabled: SharedArrayBuffer
  /** Of the node's tables of counts, in the order of `planTables`. */
  readonly tables: readonly SharedArrayBuffer[]
  /** This worker's event counters, which outlive it. */
  readonly counters: SharedArrayBuffer
  /** To the node's table of sessions. */
  readonly sessionsPort: MessagePort
  /** To the node's journal thread, where the sink is the journal. */
  readonly journalPort: MessagePort | undefined
  readonly version: string
}

/** What a worker tells of itself when it is asked. */
export interface Report { readonly worker: number, readonly metrics: Snapshot, readonly sink: SinkHealth }

export interface Server {
  /** Opens all listeners; `ports` take the place of those configured as 0. */
  open (ports: readonly number[]): Promise<Address[]>
  report (): Report
  /** What would become of an event now, by this worker's own policies. */
  explain (question: Question): Promise<Explanation[] | string>
  replaceJournal (port: MessagePort): void
  /** Takes nothing new, answers everything in flight, closes the sink. Resolves within the configured time. */
  drain (): Promise<void>
}

const heartbeatMs = 250
/** How much of its reply's time an event may spend in queues while more comes in than goes out. */
const queueShare = 0.25

function compileRoutes (settings: Settings): Router {
  const router = createRouter(settings.routes)
  if (!('match' in router)) throw new Error('routes that do not compile passed validation')
  return router
}

interface ListenerParts {
  readonly connections: Connections
  readonly handshakes: Handshakes
  readonly doors: readonly Door[]
  readonly workerCount: number
  readonly log: Log
}

/** Each with the doors that speak its protocol. */
function createListeners (settings: Settings, parts: ListenerParts): Listener[] {
  const { connections, handshakes, doors, workerCount, log } = parts
  return settings.listeners.filter(isDataListener).map(own => {
    const listener = createListener(own, {
      settings: settings.connections, connections, handshakes, shared: workerCount > 1, log
    })
    for (const { protocol, adapter } of doors) if (protocol === own.protocol) adapter.attach(listener)
    return listener
  })
}

function delayTargetOf ({ replyTimeoutMs }: Settings['limits']): number {
  return replyTimeoutMs * queueShare
}

/** A worker's share of what the node may have; of something it is never nothing. */
function shareOf (whole: number, workerCount: number): number {
  return whole === 0 ? 0 : Math.max(1, Math.floor(whole / workerCount))
}

type Tables = Pick<ListenerParts, 'connections' | 'handshakes'>

function createTables ({ limits, connections: own }: Settings, workerCount: number): Tables {
  const { headerBytesMax, frameBytesMax, handshakesPerSecondMax, handshakeTimeoutMs: waitMs } = own
  const share = (whole: number): number => shareOf(whole, workerCount)
  const connections = createConnections({
    connectionsMax: share(limits.connectionsMax),
    connectionsPerPeerMax: share(limits.connectionsPerPeerMax),
    // At least one connection may always try.
    preAuthBytesMax: Math.max(share(limits.preAuthBytesMax), headerBytesMax),
    preAuthBytesEach: headerBytesMax,
    frameBytesMax: 16 * frameBytesMax
  })
  return { connections, handshakes: createHandshakes({ perSecondMax: share(handshakesPerSecondMax), waitMs }) }
}

/** Counts what policies decide, and logs what those in shadow mode would have refused. */
function tellDecisions (counters: DecisionCounters, refusals: RefusalLog): DecisionListener {
  return (policy, decision, told) => {
    counters.decided(policy, decision)
    if (decision === 'would-refuse') noteShadowed(refusals, policy, told)
  }
}

/** Builds a worker without opening anything but the way to its sink. */
export async function createServer ({ index, data }: { index: number, data: ServerData }): Promise<Server> {
  const settings = settingsOf(data.origin)
  const { limits } = settings
  const log = createLog({ ...settings.log, thread: `worker ${index}` })
  const metrics = createMetrics()
  const counters = createEventCounters(countersLayout(settings), data.counters)
  const refusals = createRefusalLog(log, { perSecondMax: settings.log.refusalsPerSecondMax })
  const decisions = createDecisionCounters(policyPlaces(settings), decisionNames)
  const decided = tellDecisions(decisions, refusals)
  const thread = measureThread()
  const stopTracing = await startTracing(settings.tracing, data.version)

  // bytes in: who may connect, who is sending, how much may be held
  const { connections, handshakes } = createTables(settings, data.workerCount)
  const tables = openTables(settings, data.tables, { worker: index, log })
  const policies = createPolicies({ settings, log, tables })
  const access = createAccess(createNoticeReader(data.disabled))
  const gates = createGates(policies.gates, decided, told => { connections.watchClosed(told) })
  const failedLogins = createFailedLogins({ ...limits, tables: tables.failedLogins })
  const authenticate = createAuthentication({
    authenticators: policies.authenticators, access, gates, failedLogins,
    onAuthenticated: peer => connections.authenticated(peer.connectionId),
    onFault: error => log.error({ error }, 'authentication failed: its sender was refused')
  })
  const budget = createBudget(data.budget, index, limits.bufferBytesMax)
  const admission = createAdmission({ budget, workersCount: data.workerCount, delayTargetMs: delayTargetOf(limits) })

  // envelope: route, policies, record, sink
  const router = compileRoutes(settings)
  const { sink, replaceJournal } = createSink({ ...data, settings, budget, admission, router, log })
  const tracer = settings.tracing.otlpUrl === undefined ? noTracer : createEventTracer(settings.tracing)
  const draining = createSignal()
  const pipeline = new Pipeline({
    router, sink, admission, access, runs: policies.runs(sink.ack, decided),
    inFlightEventsMax: limits.inFlightEventsMax, replyTimeoutMs: limits.replyTimeoutMs,
    witness: createWitness({ ...countersLayout(settings), counters, refusals, tracer, log })
  })

  // doors: adapters on their listeners
  const doors = createDoors(settings, {
    pipeline, admission, authenticate, access, preAuth: connections, draining: draining.signal,
    schemes: schemesOf(policies.authenticators), claimSession: createClaims(data.sessionsPort)
  }, data.version, log)
  const listeners = createListeners(settings, { connections, handshakes, doors, workerCount: data.workerCount, log })

  for (const { families } of [decisions, thread]) metrics.add(families)
  showParts(metrics, { sink, settings, doors, policies, others: [connections, handshakes, admission, failedLogins] })
  metrics.addGauges(new Map([
    ['budget_used_bytes', budget.usedBytes],
    ['events_waiting_for_judges', () => pipeline.waitingCount()],
    ['channels_remembered', router.rememberedCount]
  ]))
  const stopBeating = beat(data.pulse, index, heartbeatMs)
  const pressureTimer = setInterval(() => { admission.check(); access.look() }, checkMs)

  return {
    replaceJournal,
    explain: question =>
      explain({ settings, policies, router, access, ack: sink.ack, version: data.version, log }, question),
    report: () => ({ worker: index, metrics: metrics.collect(), sink: sink.health() }),
    open: ports => openAll({ policies, listeners, doors, settings, worker: index }, ports),
    async drain () {
      draining.set(true)
      await drainAll({ doors, listeners, pipeline, sink, drainMs: limits.drainMs })
      policies.close()
      refusals.flush()
      clearInterval(pressureTimer)
      thread.stop()
      stopBeating()
      await stopTracing?.()
    }
  }
}

interface OpenParts {
  readonly policies: Policies
  readonly listeners: readonly Listener[]
  readonly doors: readonly Door[]
  readonly settings: Settings
  readonly worker: number
}

/** Policies first, for they judge; then the listeners, then the doors that call others themselves. */
async function openAll (parts: OpenParts, ports: readonly number[]): Promise<Address[]> {
  const { policies, listeners, doors, settings, worker } = parts
  await policies.start()
  const addresses = await Promise.all(listeners.map((listener, at) => listener.open(ports[at])))
  startDoors(doors, settings, worker)
  return addresses
}

interface ShownParts {
  readonly sink: Sink
  readonly settings: Settings
  readonly doors: readonly Door[]
  readonly policies: Policies
  readonly others: readonly { readonly gauges: ReadonlyMap<string, () => number> }[]
}

function showParts (metrics: Metrics, { sink, settings, doors, policies, others }: ShownParts): void {
  for (const { gauges } of [...others, policies]) metrics.addGauges(gauges)
  metrics.addGauges(sink.gauges, { sink: settings.sink })
  metrics.addMeasures(() => sink.measures?.() ?? [])
  for (const { name, adapter } of doors) metrics.addGauges(adapter.gauges, { door: name })
  for (const [at, { gauges }] of policies.authenticators.entries()) {
    if (gauges !== undefined) metrics.addGauges(gauges, { authenticator: String(at) })
  }
}

interface DrainParts {
  readonly doors: readonly Door[]
  readonly listeners: readonly Listener[]
  readonly pipeline: Pipeline
  readonly sink: Sink
  readonly drainMs: number
}

/** What is left of the answers' connections after the last event is settled. */
const goodbyeMs = 1_000

/** Doors first, because their events need the sink; then the sink, then the sockets. */
async function drainAll ({ doors, listeners, pipeline, sink, drainMs }: DrainParts): Promise<void> {
  const endMs = performance.now() + drainMs
  const leftMs = (): number => Math.max(0, endMs - performance.now())
  const closed = listeners.map(listener => listener.close())
  const answered = Promise.all(doors.map(({ adapter }) => adapter.drain())).then(() => pipeline.empty())
  await Promise.race([answered, after(leftMs())])
  await sink.drain(leftMs())
  await Promise.race([Promise.all(closed), after(Math.min(goodbyeMs, leftMs()))])
  for (const listener of listeners) listener.cut()
}

function after (ms: number): Promise<void> {
  return new Promise(resolve => { setTimeout(resolve, ms) })
}
