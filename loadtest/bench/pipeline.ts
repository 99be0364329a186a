// Question: what does the ingest pipeline cost per event, without any door or Kafka, and its policy chain alone?
// By hand: node loadtest/bench/pipeline.ts [--rounds 9]. CPU of this process; the chain beside an empty one.

import { parseArgs } from 'node:util'
import { acl } from '../../plugins/acl/index.ts'
import { payloadLimit } from '../../plugins/payload-limit/index.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import type { Settler } from '../../src/contract/outcome.ts'
import { createAccess } from '../../src/ingest/access.ts'
import { createAdmission } from '../../src/ingest/admission.ts'
import { Pipeline } from '../../src/ingest/pipeline.ts'
import { createPolicyChain } from '../../src/ingest/policy-chain.ts'
import type { PolicyChain } from '../../src/ingest/policy-chain.ts'
import type { SeatedJudge } from '../../src/ingest/seat.ts'
import { planRecord } from '../../src/ingest/record.ts'
import { createRouter } from '../../src/ingest/router.ts'
import { createEventCounters } from '../../src/observe/event-counters.ts'
import { createBudget, createBudgetCells } from '../../src/shared/budget.ts'
import { envelopeWith, judgeContext, silentLog } from '../../test/support/odd-envelopes.ts'
import { routeWith } from '../../test/support/route-settings.ts'
import { eventText, scenarios } from '../scenarios.ts'
import { noSink } from './no-sink.ts'
import { spreadOf, spreadText } from './spread.ts'

const roundsMax = 1_000
const eventsPerRound = 100_000
const manyCount = 100
const { values } = parseArgs({ options: { rounds: { type: 'string', default: '9' } } })
const roundCount = Math.min(Math.max(1, Math.floor(Number(values.rounds)) || 1), roundsMax)
const data = Buffer.from(eventText(scenarios.single.eventBytes))

const shared = { principals: [], tables: [], log: silentLog }
const judges: readonly SeatedJudge[] = [
  { name: acl.name, scope: acl.scope, judge: acl.create({ config: { allow: ['group:factories'], deny: [] }, ...shared }) },
  {
    name: payloadLimit.name, scope: payloadLimit.scope,
    judge: payloadLimit.create({ config: { bytesMax: 65_536 }, ...shared })
  }
]

let decisionCount = 0
function chainOf (seated: readonly SeatedJudge[]): PolicyChain {
  return createPolicyChain({
    judges: seated, judgeTimeoutMs: 1_000, onDecision: () => { decisionCount++ },
    onFault: (_policy, error) => { throw error }
  })
}

function createPipeline (json: 'check' | 'trust'): Pipeline {
  const route = routeWith({ json })
  const router = createRouter([route])
  if (!('match' in router)) throw new Error(JSON.stringify(router))
  const counters = createEventCounters({ doors: ['bench'], routes: [route.name] })
  return new Pipeline({
    router, sink: noSink, inFlightEventsMax: 1_000, replyTimeoutMs: 8_000,
    admission: createAdmission({
      budget: createBudget(createBudgetCells(1), 0, 1_048_576), workersCount: 1, delayTargetMs: 2_000
    }),
    access: createAccess(),
    runs: [{
      plan: planRecord(route, { secretNames: new Set(), keyBytesMax: 1_024 }),
      context: { route: route.name, ack: 'kafka' },
      perRequest: chainOf(judges.filter(({ scope }) => scope !== 'event')),
      perEvent: chainOf(judges.filter(({ scope }) => scope === 'event'))
    }],
    witness: {
      received: (door, at, envelope) => counters.received(door, at, envelope.data?.length ?? 0),
      settled: (door, at, outcome, ms) => counters.settled(door, at, 'code' in outcome ? outcome.code : 'kafka', ms),
      refused: (_door, _at, refusal) => { throw new Error(refusal.detail) },
      begin: () => undefined,
      lost: () => {},
      fault: (what, error) => { throw new Error(what, { cause: error }) }
    }
  })
}

/** As a door makes it: without id, source and time, which the pipeline fills in. */
const fresh = (): Envelope => envelopeWith({ wrapped: true, id: '', source: '', type: '', data, receivedAtMs: Date.now() })

let settledCount = 0
const settler: Settler = { settle () { settledCount++ } }
const [checking, trusting] = [createPipeline('check'), createPipeline('trust')]
const [both, none] = [chainOf(judges), chainOf([])]
const judged = fresh()

/** By name: handles `eventsPerRound` events. */
const questions: Record<string, () => void> = {
  'envelope alone': () => { for (let i = 0; i < eventsPerRound; i++) if (fresh().wrapped) settledCount++ },
  'pipeline, one event per request': () => {
    for (let i = 0; i < eventsPerRound; i++) checking.ingest(0, fresh(), settler, 0)
  },
  'the same, json: trust': () => { for (let i = 0; i < eventsPerRound; i++) trusting.ingest(0, fresh(), settler, 0) },
  'pipeline, 100 per request, json: trust': () => {
    for (let i = 0; i < eventsPerRound; i += manyCount) {
      trusting.ingestMany(0, Array.from({ length: manyCount }, fresh), settler, 0)
    }
  },
  'policy chain: acl, payload-limit': () => {
    for (let i = 0; i < eventsPerRound; i++) if (both.judge(judged, judgeContext) === judged) settledCount++
  },
  'policy chain: empty': () => {
    for (let i = 0; i < eventsPerRound; i++) if (none.judge(judged, judgeContext) === judged) settledCount++
  }
}

/** CPU of this process, its collector's threads included, in microseconds per event. */
function measure (ask: () => void): number {
  const before = process.cpuUsage()
  settledCount = 0
  ask()
  const { user, system } = process.cpuUsage(before)
  if (settledCount !== eventsPerRound) throw new Error(`${settledCount} of ${eventsPerRound} events were settled`)
  return (user + system) / eventsPerRound
}

const rounds = new Map<string, number[]>(Object.keys(questions).map(name => [name, []]))
for (let round = -1; round < roundCount; round++) {
  for (const [name, ask] of Object.entries(questions)) {
    const microseconds = measure(ask)
    // The first round makes the code hot.
    if (round >= 0) rounds.get(name)?.push(microseconds)
  }
}
console.log(`CPU us/event, ${roundCount} rounds of ${eventsPerRound} events: median (range)`)
for (const [name, found] of rounds) console.log(name.padEnd(42) + spreadText(spreadOf(found), 3))
if (decisionCount === 0) throw new Error('no judge was asked')
