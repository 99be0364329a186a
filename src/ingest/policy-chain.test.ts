// The chain of judges: its order, what it does with promises, changed envelopes and judges that fail.

import t from 'tap'
import { envelopeWith, judgeContext } from '../../test/support/odd-envelopes.ts'
import type { Eventually } from '../contract/adapter.ts'
import type { Envelope } from '../contract/envelope.ts'
import { refuse } from '../contract/outcome.ts'
import type { JudgeContext, Verdict } from '../contract/policy.ts'
import { createPolicyChain } from './policy-chain.ts'
import type { PolicyChain } from './policy-chain.ts'
import type { SeatedJudge } from './seat.ts'

type Judging = (envelope: Envelope, context: JudgeContext) => Eventually<Verdict>

interface Rig { chain: PolicyChain, decisions: string[], faults: [string, unknown][] }

function rigOf (judgings: Record<string, Judging>, judgeTimeoutMs = 60_000): Rig {
  const decisions: string[] = []
  const faults: [string, unknown][] = []
  const judges = Object.entries(judgings).map(([name, judge]): SeatedJudge => ({ name, scope: 'event', judge: { judge } }))
  const chain = createPolicyChain({
    judges,
    judgeTimeoutMs,
    onDecision: ({ name: policy }, decision) => decisions.push(`${policy} ${decision}`),
    onFault: (policy, fault) => faults.push([policy, fault])
  })
  return { chain, decisions, faults }
}

const envelope = envelopeWith({})
const forbidden = refuse('forbidden', 'not for you')
const failed = { code: 'internal', outcome: 'refused' }

t.test('judges that answer at once are answered for at once, in their order', async t => {
  const seen: string[] = []
  const note = (name: string): Judging => (_envelope, context) => { seen.push(`${name} ${context.route}`); return undefined }
  const { chain, decisions, faults } = rigOf({ first: note('first'), second: note('second'), third: note('third') })
  t.equal(chain.judge(envelope, judgeContext), envelope, 'no promise, and the envelope itself')
  t.same(seen, ['first orders', 'second orders', 'third orders'])
  t.same(decisions, ['first pass', 'second pass', 'third pass'])
  t.same(faults, [])
})

t.test('a chain without judges lets everything pass at once', async t => {
  t.equal(rigOf({}).chain.judge(envelope, judgeContext), envelope)
})

t.test('a refusal ends the chain at once', async t => {
  const { chain, decisions } = rigOf({
    pass: () => undefined, refuse: () => forbidden, never: () => { throw new Error('asked after a refusal') }
  })
  t.match(chain.judge(envelope, judgeContext), forbidden)
  t.same(decisions, ['pass pass', 'refuse refuse'])
})

t.test('a changed envelope takes the place of the given one for those that follow', async t => {
  const changed = { ...envelope, subject: 'changed' }
  const seen: Envelope[] = []
  const see: Judging = given => { seen.push(given); return undefined }
  const later: Judging = async given => see(given, judgeContext)
  const { chain } = rigOf({ before: see, change: () => changed, after: see, later })
  t.equal(await chain.judge(envelope, judgeContext), changed)
  t.equal(seen[0], envelope)
  t.equal(seen[1], changed)
  t.equal(seen[2], changed)
})

t.test('a promise is awaited before the next judge is asked', async t => {
  const steps: string[] = []
  let answer = (_verdict: Verdict): void => {}
  const { chain, decisions } = rigOf({
    now: () => { steps.push('now'); return undefined },
    late: () => { steps.push('late'); return new Promise(resolve => { answer = resolve }) },
    after: () => { steps.push('after'); return undefined }
  })
  const judged = chain.judge(envelope, judgeContext)
  t.type(judged, Promise)
  t.same(steps, ['now', 'late'])
  t.same(decisions, ['now pass'])
  const changed = { ...envelope }
  answer(changed)
  t.equal(await judged, changed)
  t.same(steps, ['now', 'late', 'after'])
  t.same(decisions, ['now pass', 'late pass', 'after pass'])
})

t.test('a refusal that comes late ends the chain too', async t => {
  const { chain, decisions } = rigOf({ late: async () => forbidden, never: () => { throw new Error('asked') } })
  t.match(await chain.judge(envelope, judgeContext), forbidden)
  t.same(decisions, ['late refuse'])
})

t.test('a judge that throws refuses the event and its fault is told', async t => {
  const bug = new Error('bug')
  const throws = (): never => { throw bug }
  const now = rigOf({ broken: throws, never: () => { throw new Error('asked') } })
  t.match(now.chain.judge(envelope, judgeContext), failed)
  t.same(now.faults, [['broken', bug]])
  t.same(now.decisions, ['broken fault'])
  const late = rigOf({ pass: async () => undefined, broken: async () => throws(), never: throws })
  t.match(await late.chain.judge(envelope, judgeContext), failed)
  t.same(late.faults, [['broken', bug]])
  t.same(late.decisions, ['pass pass', 'broken fault'])
  const behind = rigOf({ pass: async () => undefined, broken: throws })
  t.match(await behind.chain.judge(envelope, judgeContext), failed)
  t.same(behind.faults, [['broken', bug]], 'the one that threw is named, not the one before it')
})

t.test('what a policy says of its fault is not told to the sender', async t => {
  const { chain } = rigOf({ broken: () => { throw new Error('password is s3cret') } })
  t.notMatch(JSON.stringify(chain.judge(envelope, judgeContext)), 's3cret')
})

t.test('a judge that never answers has failed after its time', async t => {
  const keepAlive = setInterval(() => {}, 1_000)
  const { chain, faults } = rigOf({ lost: () => new Promise(() => {}) }, 10)
  t.match(await chain.judge(envelope, judgeContext), failed)
  t.match(faults, [['lost', { message: 'no verdict within 10 ms' }]])
  clearInterval(keepAlive)
})
