// Explains what becomes of a sample event on every door: the live path, but its sink only takes down what it is given.

import { adapters } from '../protocols/index.ts'
import type { AdapterModule, Log, Sample } from './contract/adapter.ts'
import type { Peer, Principal } from './contract/envelope.ts'
import { isRefusal } from './contract/outcome.ts'
import type { Refusal } from './contract/outcome.ts'
import type { Sink, SinkRecord } from './contract/sink.ts'
import { createAccess } from './ingest/access.ts'
import type { Access } from './ingest/access.ts'
import { createAdmission, createSignal } from './ingest/admission.ts'
import { createAuthentication, schemesOf } from './ingest/authentication.ts'
import type { Authenticate } from './ingest/authentication.ts'
import { createFailedLogins } from './ingest/failed-logins.ts'
import { createGates } from './ingest/gates.ts'
import { createIngress } from './ingest/ingress.ts'
import { Pipeline } from './ingest/pipeline.ts'
import { createRouter } from './ingest/router.ts'
import type { Router } from './ingest/router.ts'
import type { Decision } from './ingest/seat.ts'
import { partitionOfKey } from './kafka/partitioner.ts'
import { createPolicies, openTables, planTables } from './policies.ts'
import type { Policies } from './policies.ts'
import { routeViewOf } from './settings.ts'
import type { Settings } from './settings.ts'
import { createNodeTables } from './shared/node-tables.ts'

/** What an explanation is made from: the parts of a worker that serves, or of one that was only built. */
export interface ExplainParts {
  readonly settings: Settings
  readonly policies: Policies
  readonly router: Router
  readonly access: Access
  readonly ack: Sink['ack']
  readonly version: string
  readonly log: Log
}

export interface Question extends Omit<Sample, 'peer'> {
  /** The sender's address, `127.0.0.1` if undefined. */
  readonly address: string | undefined
  /** Takes the sender for this principal, whatever it shows; undefined: asks the authenticators. */
  readonly principal: Principal | undefined
  /** How many partitions the topic has, where that is known. */
  readonly partitionCount: number | undefined
}

/** One policy's word, in the order in which they were asked. */
export interface Step { readonly policy: string, readonly decision: Decision, readonly refusal: Refusal | undefined }

/** What one door makes of the event. What it did not come to is undefined. */
export interface Explanation {
  readonly door: string
  readonly principal: Principal | undefined
  readonly route: string | undefined
  readonly steps: readonly Step[]
  readonly record: SinkRecord | undefined
  readonly partition: number | undefined
  /** Why the event was refused, by whomever. */
  readonly refusal: Refusal | undefined
  /** As it would be on the wire, or why the event cannot be sent there. */
  readonly reply: string
}

type Draft = { -readonly [Key in keyof Explanation]: Explanation[Key] } & { readonly steps: Step[] }

/** An explained event counts against limits as a real one does; it is written nowhere. */
export async function explain (parts: ExplainParts, question: Question): Promise<Explanation[]> {
  const explanations: Explanation[] = []
  // One after the other: what one event takes of a limit the next one finds gone.
  for (const module of adapters as readonly AdapterModule[]) {
    explanations.push(await explainDoor(module, parts, question))
  }
  return explanations
}

async function explainDoor (module: AdapterModule, parts: ExplainParts, question: Question): Promise<Explanation> {
  const { settings, version, log } = parts
  const draft: Draft = {
    door: module.name, principal: undefined, route: undefined, steps: [], record: undefined, partition: undefined,
    refusal: undefined, reply: ''
  }
  const peer: Peer = { address: question.address ?? '127.0.0.1', port: 0, secure: false, connectionId: -1 }
  let left = (): void => {}
  const decided = (policy: string, decision: Decision, refusal?: Refusal): void => {
    draft.steps.push({ policy, decision, refusal })
  }
  const gates = createGates(parts.policies.gates, decided, closed => { left = () => { closed(peer) } })
  const pipeline = createPipeline({ ...parts, draft, question, runs: parts.policies.runs(parts.ack, decided) })
  const ask = createAuthentication({
    authenticators: question.principal === undefined ? parts.policies.authenticators : [asserting(question.principal)],
    access: parts.access, gates, failedLogins: createFailedLogins({ failedLoginsMax: 0 }), onAuthenticated () {},
    onFault: error => log.error({ error }, 'authentication failed while explaining')
  })
  const adapter = module.create({
    config: settings[module.name] as never, version, log,
    routes: settings.routes.map(route => routeViewOf(module, route)),
    ingress: createIngress({
      pipeline, admission: openAdmission(), access: createAccess(), schemes: schemesOf(parts.policies.authenticators),
      authenticate: noting(ask, draft), preAuth: { reservePreAuth: () => true, releasePreAuth () {} },
      draining: createSignal().signal
    }, 0)
  })
  try {
    draft.reply = await module.rehearse(adapter, { ...question, peer })
  } catch (error) {
    draft.reply = `cannot be sent: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    left()
    await adapter.drain()
  }
  return draft
}

/** Stands for whatever proof this principal would show. */
function asserting (principal: Principal): Policies['authenticators'][number] {
  return { secretNames: [], advice: '', authenticate: () => principal }
}

function noting (ask: Authenticate, draft: Draft): Authenticate {
  const note = (found: Principal | Refusal): Principal | Refusal => {
    if (!isRefusal(found)) draft.principal = found
    return found
  }
  return (credentials, peer) => {
    const found = ask(credentials, peer)
    return found instanceof Promise ? found.then(note) : note(found)
  }
}

function openAdmission (): ReturnType<typeof createAdmission> {
  const budget = { take: () => true, give () {}, leasedBytes: () => 0, bytesMax: Infinity }
  return createAdmission({ budget, workersCount: 1, delayTargetMs: 1_000 })
}

interface PipelineParts extends ExplainParts {
  readonly draft: Draft
  readonly question: Question
  readonly runs: ReturnType<Policies['runs']>
}

function createPipeline ({ settings, router, access, runs, ack, draft, question, log }: PipelineParts): Pipeline {
  const nothing = (): void => {}
  return new Pipeline({
    router, runs, access, admission: openAdmission(), inFlightEventsMax: 1_000,
    replyTimeoutMs: settings.limits.replyTimeoutMs,
    sink: {
      ack,
      deliver (record, settler, ticket) {
        draft.record = record
        const { key, id, source, topic } = record
        const { partitionCount } = question
        const partition = key === null || partitionCount === undefined ? undefined : partitionOfKey(key, partitionCount)
        draft.partition = partition
        const place = { topic, partition, offset: undefined, journal: undefined }
        settler.settle(ticket, { outcome: 'written', id, source, ack, ...place })
      },
      health: () => ({ ready: true, reason: '' }),
      gauges: new Map(),
      drain: async () => {}
    },
    witness: {
      received: nothing, settled: nothing, lost: nothing,
      refused: (_door, _route, refusal) => { draft.refusal = refusal },
      begin: (_envelope, match) => { draft.route = match.settings.name; return undefined },
      fault: (what, error) => { log.error({ error }, what) }
    }
  })
}

/** Explains by a config alone, with policies that have seen no other event. */
export async function explainOffline (
  settings: Settings, question: Question, { version }: { readonly version: string }
): Promise<Explanation[]> {
  const log: Log = { debug () {}, info () {}, warn () {}, error () {} }
  const router = createRouter(settings.routes)
  if (!('match' in router)) throw new Error('routes that do not compile passed validation')
  const kept = createNodeTables(planTables(settings), 1)
  const policies = createPolicies({ settings, log, tables: openTables(settings, kept.memory, { worker: 0 }) })
  try {
    const ack = settings.sink === 'journal' ? 'disk' : 'kafka'
    return await explain({ settings, policies, router, access: createAccess(), ack, version, log }, question)
  } finally {
    policies.close()
    kept.stop()
  }
}
