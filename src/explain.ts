// Explains what becomes of a sample event on every door: the live path, but its sink only takes down what it is given.

import { adapters } from '../protocols/index.ts'
import { sectionOf } from './contract/adapter.ts'
import type { AdapterModule, Log } from './contract/adapter.ts'
import { isAddress } from './contract/address.ts'
import type { Peer, Principal, SingleUse } from './contract/envelope.ts'
import { isRefusal } from './contract/outcome.ts'
import type { Refusal } from './contract/outcome.ts'
import { principalOf } from './contract/principal.ts'
import { allHeaders } from './contract/record.ts'
import { grantSession } from './contract/session.ts'
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
import type { Decision, DecisionListener } from './ingest/seat.ts'
import { partitionOfKey } from './kafka/partitioner.ts'
import { createPolicies, openTables, planTables } from './policies.ts'
import type { Policies } from './policies.ts'
import { isConfigured, routeViewOf } from './settings.ts'
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

export interface Question {
  readonly channel: string
  /** What travels beside the data, credentials among it. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly data: Uint8Array | null
  /** The sender's address. */
  readonly address: string
  /** Takes the sender for this principal of the config, whatever it shows; undefined: asks the authenticators. */
  readonly as: string | undefined
  /** How many partitions the topic has, where that is known. */
  readonly partitionCount: number | undefined
}

/** Bytes as text where they are UTF-8. */
export type ShownBytes = { readonly text: string } | { readonly base64: string }

type ShownRefusal = Pick<Refusal, 'code' | 'detail' | 'pointer'>

/** One policy's word. */
export interface Step {
  readonly policy: string
  readonly decision: Decision
  readonly refusal: ShownRefusal | undefined
  /** Why its condition is unclear, where it is. */
  readonly reason: string | undefined
}

/** What one door makes of the event, as plain JSON. What it did not come to is undefined. */
export interface Explanation {
  readonly door: string
  readonly principal: { readonly name: string, readonly groups: readonly string[] } | undefined
  readonly route: string | undefined
  /** In the order in which they were asked. */
  readonly policies: readonly Step[]
  /** Policies of the route that the event did not come to. */
  readonly notAsked: readonly string[]
  readonly record: {
    readonly topic: string
    readonly partition: number | undefined
    readonly key: ShownBytes | null
    readonly headers: readonly (ShownBytes & { readonly name: string })[]
    readonly value: ShownBytes | null
    readonly valueBytes: number
  } | undefined
  /** Why the event was refused, by whomever. */
  readonly refusal: ShownRefusal | undefined
  /** As it would be on the wire, or why the event cannot be sent there. */
  readonly reply: string
}

type Draft = { -readonly [Key in keyof Explanation]: Explanation[Key] } & { readonly policies: Step[] }

/**
 * An explained event counts against limits as a real one does; it is written nowhere. A text tells why the question
 * cannot be asked.
 */
export async function explain (parts: ExplainParts, question: Question): Promise<Explanation[] | string> {
  const { as } = question
  const { principals } = parts.settings
  if (as !== undefined && !principals.some(({ name }) => name === as)) {
    const known = principals.map(({ name }) => name).join(', ')
    return `no principal of the config is named ${as}` + (known === '' ? '' : `; there are ${known}`)
  }
  if (!isAddress(question.address)) return `${JSON.stringify(question.address.slice(0, 60))} is no IP address such as 192.0.2.7`
  const explanations: Explanation[] = []
  // One after the other: what one event takes of a limit the next one finds gone.
  for (const module of adapters as readonly AdapterModule[]) {
    if (isConfigured(module, parts.settings)) explanations.push(await explainDoor(module, parts, question))
  }
  return explanations
}

async function explainDoor (module: AdapterModule, parts: ExplainParts, question: Question): Promise<Explanation> {
  const { settings, version, log } = parts
  const draft: Draft = {
    door: module.name, principal: undefined, route: undefined, policies: [], notAsked: [], record: undefined,
    refusal: undefined, reply: ''
  }
  const peer: Peer = { address: question.address, port: 0, secure: false, connectionId: -1 }
  const asked = settings.principals.find(({ name }) => name === question.as)
  let left = (): void => {}
  const taken = new Set<SingleUse>()
  const decided: DecisionListener = ({ name: policy }, decision, told) => {
    draft.policies.push({ policy, decision, refusal: shownRefusal(told?.refusal), reason: told?.reason })
  }
  const gates = createGates(parts.policies.gates, decided, closed => { left = () => { closed(peer) } })
  const pipeline = createPipeline({ ...parts, draft, question, runs: parts.policies.runs(parts.ack, decided) })
  const ask = createAuthentication({
    authenticators: asked === undefined ? parts.policies.authenticators : [asserting(principalOf(asked))],
    access: parts.access, gates, failedLogins: createFailedLogins({ failedLoginsMax: 0, tables: [] }),
    onAuthenticated () {},
    onFault: error => log.error({ error }, 'authentication failed while explaining')
  })
  const adapter = module.create({
    config: settings[sectionOf(module)] as never, version, log,
    routes: settings.routes.map(route => routeViewOf(module, route)),
    ingress: createIngress({
      pipeline, admission: openAdmission(), access: createAccess(), schemes: schemesOf(parts.policies.authenticators),
      authenticate: noting(ask, draft, taken), preAuth: { reservePreAuth: () => true, releasePreAuth () {} },
      draining: createSignal().signal, claimSession: grantSession
    }, 0)
  })
  try {
    const { channel, headers, data } = question
    const bytes = data === null ? null : Buffer.from(data)
    draft.reply = await module.rehearse(adapter, { channel, attributes: headers, data: bytes, peer })
  } catch (error) {
    draft.reply = `cannot be sent: ${error instanceof Error ? error.message : String(error)}`
  } finally {
    left()
    for (const singleUse of taken) singleUse.giveBack()
    await adapter.drain()
  }
  draft.notAsked = notAsked(draft, settings)
  return draft
}

/** Stands for whatever proof this principal would show. */
function asserting (principal: Principal): Policies['authenticators'][number] {
  return { secretNames: [], advice: '', authenticate: () => principal }
}

/** What an explanation takes once goes into `taken`, out of reach of those who would use it up: nothing is written. */
function noting (ask: Authenticate, draft: Draft, taken: Set<SingleUse>): Authenticate {
  const note = (found: Principal | Refusal): Principal | Refusal => {
    if (isRefusal(found)) return found
    draft.principal = { name: found.name, groups: found.groups }
    if (found.singleUse === undefined) return found
    taken.add(found.singleUse)
    return { ...found, singleUse: undefined }
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
        const { key, id, source, topic } = record
        const { partitionCount } = question
        const partition = key === null || partitionCount === undefined ? undefined : partitionOfKey(key, partitionCount)
        draft.record = shownRecord(record, partition)
        // Where it would be is not known before it is there.
        const place = ack === 'disk'
          ? { topic: undefined, partition: undefined, offset: undefined, journal: '(place)' }
          : { topic, partition, offset: undefined, journal: undefined }
        settler.settle(ticket, { outcome: 'written', id, source, ack, ...place })
      },
      health: () => ({ ready: true, reason: '' }),
      gauges: new Map(),
      drain: async () => {}
    },
    witness: {
      received: nothing, settled: nothing, lost: nothing,
      refused: (_door, _route, refusal) => { draft.refusal = shownRefusal(refusal) },
      begin: (_envelope, match) => { draft.route = match.settings.name; return undefined },
      fault: (what, error) => { log.error({ error }, what) }
    }
  })
}

function shown (bytes: Buffer | string): ShownBytes {
  if (typeof bytes === 'string') return { text: bytes }
  const text = bytes.toString()
  return Buffer.from(text).equals(bytes) ? { text } : { base64: bytes.toString('base64') }
}

function shownRefusal (refusal: Refusal | undefined): ShownRefusal | undefined {
  return refusal === undefined ? undefined : { code: refusal.code, detail: refusal.detail, pointer: refusal.pointer }
}

function shownRecord (record: SinkRecord, partition: number | undefined): Explanation['record'] {
  const { topic, key, value } = record
  const headers = allHeaders(record)
  const pairs: (ShownBytes & { name: string })[] = []
  for (let at = 0; at + 1 < headers.length; at += 2) pairs.push({ name: String(headers[at]), ...shown(headers[at + 1] ?? '') })
  return {
    topic, partition, key: key === null ? null : shown(key), headers: pairs,
    value: value === null ? null : shown(value), valueBytes: value?.length ?? 0
  }
}

function notAsked ({ route, policies }: Explanation, settings: Settings): string[] {
  const own = settings.routes.find(({ name }) => name === route)
  if (own === undefined) return []
  const left = [...settings.policies, ...own.policies].flatMap(entry => Object.keys(entry).slice(0, 1))
  for (const { policy } of policies) {
    const at = left.indexOf(policy)
    if (at >= 0) left.splice(at, 1)
  }
  return left
}

/** Explains by a config alone, with policies that have seen no other event. */
export async function explainOffline (
  settings: Settings, question: Question, { version }: { readonly version: string }
): Promise<Explanation[] | string> {
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
