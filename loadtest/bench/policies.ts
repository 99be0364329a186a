// Question: what does each policy add to an event, in CPU, alone in a request and in a batch of 100?
// By hand: npm run bench:policies [-- --rounds 9]. CPU of this process; each policy beside a pipeline without any.

import { parseArgs } from 'node:util'
import { policies } from '../../plugins/index.ts'
import type { Envelope, Principal } from '../../src/contract/envelope.ts'
import { isRefusal } from '../../src/contract/outcome.ts'
import type { Outcome, Settler } from '../../src/contract/outcome.ts'
import type { Authenticator } from '../../src/contract/policy.ts'
import { createAccess } from '../../src/ingest/access.ts'
import { createAdmission } from '../../src/ingest/admission.ts'
import { Pipeline } from '../../src/ingest/pipeline.ts'
import { createPolicyChain } from '../../src/ingest/policy-chain.ts'
import type { PolicyChain } from '../../src/ingest/policy-chain.ts'
import { planRecord } from '../../src/ingest/record.ts'
import { createRouter } from '../../src/ingest/router.ts'
import { decisions as decisionNames } from '../../src/ingest/seat.ts'
import type { SeatedJudge } from '../../src/ingest/seat.ts'
import { createDecisionCounters } from '../../src/observe/metrics.ts'
import { createBudget, createBudgetCells } from '../../src/shared/budget.ts'
import { envelopeWith } from '../../test/support/odd-envelopes.ts'
import { routeWith } from '../../test/support/route-settings.ts'
import { eventText, scenarios } from '../scenarios.ts'
import { prepare, samplePeer } from './policy-samples.ts'
import type { Measured } from './policy-samples.ts'
import { noSink } from './no-sink.ts'
import { spreadOf, spreadText } from './spread.ts'

const roundsMax = 1_000
const eventsPerRound = 20_000
const manyCount = 100
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '9' } } })
const roundCount = Math.min(Math.max(1, Math.floor(Number(values.rounds)) || 1), roundsMax)
const data = Buffer.from(eventText(scenarios.single.eventBytes))

const counters = createDecisionCounters([{ name: 'any', place: '' }], decisionNames)

function chainOf (judges: readonly SeatedJudge[]): PolicyChain {
  return createPolicyChain({
    judges, judgeTimeoutMs: 1_000, onDecision: counters.decided, onFault: (_policy, error) => { throw error }
  })
}

function pipelineOf (judges: readonly SeatedJudge[]): Pipeline {
  const route = routeWith({ json: 'trust' })
  const router = createRouter([route])
  if (!('match' in router)) throw new Error(JSON.stringify(router))
  const budget = createBudget(createBudgetCells(1), 0, 1_048_576)
  return new Pipeline({
    router, sink: noSink, inFlightEventsMax: 1_000, replyTimeoutMs: 8_000, access: createAccess(),
    admission: createAdmission({ budget, workersCount: 1, delayTargetMs: 2_000 }),
    runs: [{
      plan: planRecord(route, { secretNames: new Set(), keyBytesMax: 1_024 }),
      context: { route: route.name, ack: 'kafka' },
      perRequest: chainOf(judges.filter(({ scope }) => scope !== 'event')),
      perEvent: chainOf(judges.filter(({ scope }) => scope === 'event'))
    }],
    witness: {
      received: () => {}, settled: () => {}, refused: () => {}, begin: () => undefined, lost: () => {},
      fault: (what, error) => { throw new Error(what, { cause: error }) }
    }
  })
}

let settledCount = 0
let refusal: string | undefined
const settler: Settler = {
  settle (_ticket: number, outcome: Outcome) {
    settledCount++
    if (isRefusal(outcome)) refusal = `${outcome.code}: ${outcome.detail}`
  }
}

const known: Principal = { name: 'factory-8', groups: ['factories'], anonymous: false }
const fresh = (principal: Principal): Envelope => envelopeWith({
  wrapped: true, id: '', source: '', type: '', data, receivedAtMs: Date.now(), principal, peer: samplePeer
})

/** A way to handle `eventsPerRound` events, one per request or many. */
type Question = (many: boolean) => void

/** Whoever sends proves itself once per request, by `prove`. */
function through (judges: readonly SeatedJudge[], prove: () => Principal = () => known): Question {
  const pipeline = pipelineOf(judges)
  return many => {
    for (let at = 0; at < eventsPerRound; at += many ? manyCount : 1) {
      const principal = prove()
      if (many) pipeline.ingestMany(0, Array.from({ length: manyCount }, () => fresh(principal)), settler, 0)
      else pipeline.ingest(0, fresh(principal), settler, 0)
    }
  }
}

function seated ({ module, setup }: Measured): SeatedJudge[] {
  return module.kind === 'judge' ? [{ name: module.name, scope: module.scope, judge: module.create(setup) }] : []
}

/** Proves who sends, as a request would. What was not known at first is by then. */
async function prover ({ module, setup, credentials, isShown }: Measured): Promise<() => Principal> {
  if (module.kind !== 'authenticator') throw new Error(`${module.name} proves nobody`)
  const authenticator: Authenticator = module.create(setup)
  const first = await authenticator.authenticate(credentials, samplePeer)
  if (isShown && (first === undefined || isRefusal(first))) throw new Error(`${module.name}: ${JSON.stringify(first)}`)
  return () => {
    const found = authenticator.authenticate(credentials, samplePeer)
    if (found instanceof Promise) throw new Error(`${module.name} is not done at once`)
    return found === undefined || isRefusal(found) ? known : found
  }
}

interface Asked { readonly name: string, readonly scope: string, readonly ask: Question }

async function questionOf (measured: Measured): Promise<Asked> {
  const { module, setup, isShown } = measured
  if (module.kind === 'judge') return { name: module.name, scope: module.scope, ask: through(seated(measured)) }
  if (module.kind === 'authenticator') {
    const name = isShown ? module.name : `${module.name} (nothing shown)`
    return { name, scope: 'request', ask: through([], await prover(measured)) }
  }
  const gate = module.create(setup)
  const enter = (): Principal => {
    if (gate.enter(known, samplePeer) === undefined) gate.leave(known, samplePeer)
    else refusal = `${module.name} let nobody in`
    return known
  }
  return { name: module.name, scope: 'connection', ask: through([], enter) }
}

/** CPU of this process, its collector's threads included, in microseconds per event. */
function measure (ask: Question, many: boolean): number {
  settledCount = 0
  const before = process.cpuUsage()
  ask(many)
  const { user, system } = process.cpuUsage(before)
  if (settledCount !== eventsPerRound) throw new Error(`${settledCount} of ${eventsPerRound} events were settled`)
  return (user + system) / eventsPerRound
}

const measured = await prepare(policies)
const named = (name: string): Measured => {
  const found = measured.find(({ module }) => module.name === name)
  if (found === undefined) throw new Error(`there is no policy ${name}`)
  return found
}
const classic = ['acl', 'rate-limit'].flatMap(name => seated(named(name)))
const asked: Asked[] = [
  ...await Promise.all(measured.map(questionOf)),
  {
    name: 'auth-api-key + acl + rate-limit', scope: 'all three',
    ask: through(classic, await prover(named('auth-api-key')))
  }
]
const without = through([])

const found = new Map(asked.map(one => [one, { single: [] as number[], many: [] as number[] }]))
const alone = { single: [] as number[], many: [] as number[] }
for (let round = -1; round < roundCount; round++) {
  for (const kind of ['single', 'many'] as const) {
    for (const one of asked) {
      refusal = undefined
      // Right before it, so that what else the machine does is in both.
      const least = measure(without, kind === 'many')
      const more = measure(one.ask, kind === 'many')
      if (refusal !== undefined) throw new Error(`${one.name} refused: ${String(refusal)}`)
      // The first round makes the code hot.
      if (round < 0) continue
      alone[kind].push(least)
      found.get(one)?.[kind].push(more - least)
    }
  }
}
console.log(`added CPU us/event, ${roundCount} rounds of ${eventsPerRound} events: median (range)`)
console.log(`${'policy'.padEnd(36)}${'scope'.padEnd(12)}${'one per request'.padEnd(28)}${manyCount} per request`)
for (const [{ name, scope }, { single, many }] of found) {
  const [one, each] = [single, many].map(figures => spreadText(spreadOf(figures), 3))
  console.log(name.padEnd(36) + scope.padEnd(12) + (one ?? '').padEnd(28) + (each ?? ''))
}
console.log(''.padEnd(36) + 'none'.padEnd(12) + spreadText(spreadOf(alone.single), 3).padEnd(28) +
  spreadText(spreadOf(alone.many), 3))
