// A judge in its seat: conditions, shadow mode, what its failure means, and the breaker that leaves it alone.

import t from 'tap'
import { envelopeWith, judgeContext } from '../../test/support/odd-envelopes.ts'
import type { Envelope } from '../contract/envelope.ts'
import { isRefusal, refuse } from '../contract/outcome.ts'
import type { Judge } from '../contract/policy.ts'
import { createPolicyChain } from './policy-chain.ts'
import type { PolicyChain } from './policy-chain.ts'
import type { SeatedJudge } from './seat.ts'

const forbidden = refuse('forbidden', 'not for you')
const bug = new Error('bug')

interface Rig { readonly chain: PolicyChain, readonly notes: string[], readonly faults: unknown[] }

function rigOf (...judges: (Partial<SeatedJudge> & { judge: Judge })[]): Rig {
  const notes: string[] = []
  const faults: unknown[] = []
  const chain = createPolicyChain({
    judges: judges.map((one, at): SeatedJudge => ({ name: `p${at}`, scope: 'event', ...one })),
    judgeTimeoutMs: 60_000,
    onDecision: ({ name: policy }, decision, { refusal, reason } = {}) => {
      const told = (refusal === undefined ? '' : ` ${refusal.code}`) + (reason === undefined ? '' : `: ${reason}`)
      notes.push(`${policy} ${decision}${told}`)
    },
    onFault: (_policy, fault) => faults.push(fault)
  })
  return { chain, notes, faults }
}

const named = (id: string): Envelope => envelopeWith({ id })
const refusing: Judge = { judge: () => forbidden }
const throwing: Judge = { judge: () => { throw bug } }

t.test('a policy is asked only where its condition is true', async t => {
  const when = { test: ({ id }: Envelope) => id === 'a' }
  const { chain, notes } = rigOf({ judge: refusing, when })
  const other = named('b')
  t.match(chain.judge(named('a'), judgeContext), forbidden)
  t.equal(chain.judge(other, judgeContext), other)
  t.same(notes, ['p0 refuse forbidden', 'p0 skip'])
})

t.test('limits are told only of judges that count the event and could refuse it', async t => {
  const limit = { name: 'events-per-second', unit: 'events', limitUnits: 2, windowMs: 1_000 } as const
  const state = { limit, leftUnits: 1, resetMs: 500 }
  const judge: Judge = { judge: () => undefined, limits: () => [state] }
  const broken: Judge = { judge: () => undefined, limits: () => { throw bug } }
  const when = { test: ({ id }: Envelope) => id === 'a' }
  const { chain, faults } = rigOf({ judge: refusing }, { judge }, { judge, conduct: { shadow: true } }, { judge, when },
    { judge: broken })
  t.same(chain.limits(named('a'), judgeContext), [state, state])
  t.same(chain.limits(named('b'), judgeContext), [state])
  t.same(faults, [bug, bug])
  t.same(rigOf({ judge }).chain.limits(named('a'), judgeContext), [state])
  t.same(rigOf({ judge: refusing }).chain.limits(named('a'), judgeContext), [])
})

t.test('where a condition has no value for an event the policy is asked, and has not failed', async t => {
  const when = { test: ({ id }: Envelope) => id === 'odd' ? { unclear: 'No such key: level' } : id === 'a' }
  const conduct = { faultsMax: 1, pauseMs: 600_000, onError: 'pass' as const }
  const { chain, notes, faults } = rigOf({ judge: refusing, when, conduct })
  for (let at = 0; at < 9; at++) t.match(chain.judge(named('odd'), judgeContext), forbidden)
  t.match(chain.judge(named('a'), judgeContext), forbidden, 'its breaker stays closed')
  t.same(notes.slice(0, 2), ['p0 unclear: No such key: level', 'p0 refuse forbidden'])
  t.same(faults, [])
  const counter = counterOf(9)
  const many = rigOf({ judge: counter.judge, when })
  await many.chain.judgeMany(['a', 'odd', 'b'].map(named), judgeContext)
  t.same(counter.heldIds, ['a', 'odd'])
  t.same(many.notes, ['p0 unclear: No such key: level', 'p0 pass', 'p0 pass', 'p0 skip'])
})

t.test('in shadow mode a policy judges and counts, and everything passes unchanged', async t => {
  const changing: Judge = { judge: envelope => ({ ...envelope, subject: 'changed' }) }
  const conduct = { shadow: true }
  const { chain, notes } = rigOf(...[refusing, changing, throwing].map(judge => ({ judge, conduct })))
  const envelope = named('a')
  t.equal(chain.judge(envelope, judgeContext), envelope)
  t.same(notes, ['p0 would-refuse forbidden', 'p1 pass', 'p2 fault'])
})

t.test('a failed policy refuses, lets pass or marks, as the operator chose', async t => {
  const envelope = named('a')
  t.match(rigOf({ judge: throwing }).chain.judge(envelope, judgeContext), { code: 'internal', outcome: 'refused' })
  t.equal(rigOf({ judge: throwing, conduct: { onError: 'pass' } }).chain.judge(envelope, judgeContext), envelope)
  const mark = { judge: throwing, conduct: { onError: 'mark' as const } }
  const { chain } = rigOf(mark, { judge: { judge: () => undefined } }, mark)
  const marked = chain.judge(envelope, judgeContext) as Envelope
  t.same([...marked.extensions], [['unjudgedby', 'p0,p2']])
  t.equal(envelope.extensions.size, 0, 'the given envelope is not changed')
})

t.test('a policy that fails again and again is left alone for a while', async t => {
  let askedCount = 0
  const judge: Judge = { judge: async () => { askedCount++; throw bug } }
  const { chain, notes, faults } = rigOf({ judge, conduct: { faultsMax: 2, pauseMs: 600_000 } })
  for (let at = 0; at < 5; at++) t.match(await chain.judge(named('a'), judgeContext), { code: 'internal' })
  t.equal(askedCount, 2)
  t.equal(faults.length, 2, 'what is not asked does not fill the log')
  t.equal(notes.length, 5)
  t.match((await chain.judgeMany([named('a'), named('b')], judgeContext)), [{ code: 'internal' }, { code: 'internal' }])
  t.equal(askedCount, 2)
})

t.test('an answer in time ends a row of failures', async t => {
  let askedCount = 0
  const judge: Judge = { judge: () => { if (askedCount++ % 2 === 0) throw bug; return undefined } }
  const { chain } = rigOf({ judge, conduct: { faultsMax: 2, pauseMs: 600_000 } })
  for (let at = 0; at < 10; at++) await chain.judge(named('a'), judgeContext)
  t.equal(askedCount, 10)
})

t.test('a policy has the time that its settings give it', async t => {
  const keepAlive = setInterval(() => {}, 1_000)
  const { chain, faults } = rigOf({ judge: { judge: () => new Promise(() => {}) }, conduct: { timeoutMs: 5 } })
  t.match(await chain.judge(named('a'), judgeContext), { code: 'internal' })
  t.match(faults, [{ message: 'no verdict within 5 ms' }])
  clearInterval(keepAlive)
})

/** Lets so many pass, and counts those that it holds. */
function counterOf (countMax: number): { judge: Judge, heldIds: string[], askedCounts: number[] } {
  const heldIds: string[] = []
  const askedCounts: number[] = []
  const full = refuse('rate-limited', 'too many')
  const admit = (envelopes: readonly Envelope[]): number => {
    askedCounts.push(envelopes.length)
    const passedCount = Math.min(envelopes.length, countMax - heldIds.length)
    for (const { id } of envelopes.slice(0, passedCount)) heldIds.push(id)
    return passedCount
  }
  return {
    heldIds,
    askedCounts,
    judge: {
      judge: envelope => admit([envelope]) === 1 ? undefined : full,
      judgeMany: envelopes => ({ passedCount: admit(envelopes), refusal: full }),
      release: ({ id }) => { heldIds.splice(heldIds.indexOf(id), 1) }
    }
  }
}

t.test('a judge that counts is asked once for many, and the rest is refused', async t => {
  const counter = counterOf(2)
  const { chain, notes } = rigOf({ judge: counter.judge })
  const verdicts = await chain.judgeMany(['a', 'b', 'c'].map(named), judgeContext)
  t.same(counter.askedCounts, [3])
  t.same(verdicts.map(one => isRefusal(one) ? one.code : one.id), ['a', 'b', 'rate-limited'])
  t.same(notes, ['p0 pass', 'p0 pass', 'p0 refuse rate-limited'])
})

t.test('an event that is refused apart takes nobody\'s place, and nobody else gets its refusal', async t => {
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map(named)
  if (b === undefined) return t.fail('there are four')
  const tooLarge = refuse('too-large', 'never')
  const judge: Judge = {
    judge: () => undefined, judgeMany: () => ({ passedCount: 2, refusal: forbidden, apart: new Map([[b, tooLarge]]) })
  }
  const all = [a, b, c, d].flatMap(one => one ?? [])
  t.match(await rigOf({ judge }).chain.judgeMany(all, judgeContext), [a, tooLarge, c, forbidden])
  const { chain, notes } = rigOf({ judge, conduct: { shadow: true } })
  t.same(await chain.judgeMany(all, judgeContext), all)
  t.same(notes, ['p0 pass', 'p0 would-refuse too-large', 'p0 pass', 'p0 would-refuse forbidden'])
})

t.test('of many, those that an earlier policy refused or that a condition excludes are not counted', async t => {
  const counter = counterOf(9)
  const notB: Judge = { judge: async ({ id }) => id === 'b' ? forbidden : undefined }
  const { chain } = rigOf({ judge: notB }, { judge: counter.judge, when: { test: ({ id }) => id !== 'c' } })
  const verdicts = await chain.judgeMany(['a', 'b', 'c', 'd'].map(named), judgeContext)
  t.same(verdicts.map(one => isRefusal(one) ? one.code : one.id), ['a', 'forbidden', 'c', 'd'])
  t.same(counter.heldIds, ['a', 'd'])
  await chain.judgeMany([named('c')], judgeContext)
  t.same(counter.askedCounts, [2], 'a judge that is meant for none is not asked')
})

t.test('what is held is given back once, with the envelope it was taken for, at once where a later policy refuses', async t => {
  for (const many of [false, true]) {
    const counter = counterOf(9)
    const changing: Judge = { judge: envelope => ({ ...envelope, id: 'changed' }) }
    const notB: Judge = { judge: async ({ subject }) => subject === 'b' ? forbidden : undefined }
    const { chain } = rigOf({ judge: counter.judge }, { judge: changing }, { judge: notB })
    t.equal(chain.holds, true)
    const [a, b] = [envelopeWith({ id: 'a', subject: 'a' }), envelopeWith({ id: 'b', subject: 'b' })]
    const [passed, refused] = many
      ? await chain.judgeMany([a, b], judgeContext)
      : [await chain.judge(a, judgeContext), await chain.judge(b, judgeContext)]
    t.match(refused, forbidden)
    t.same(counter.heldIds, ['a'], 'what was refused holds nothing')
    chain.release(passed as Envelope)
    chain.release(passed as Envelope)
    t.same(counter.heldIds, [])
  }
})

t.test('a chain that holds nothing says so', async t => {
  t.equal(rigOf({ judge: refusing }).chain.holds, false)
})

t.test('many are judged by every kind of judge in one order, sync or not', async t => {
  const asked: string[] = []
  const note = (name: string, late: boolean): Judge => ({
    judge: ({ id }) => {
      asked.push(`${name}${id}`)
      return late ? Promise.resolve(undefined) : undefined
    }
  })
  const { chain } = rigOf({ judge: note('x', false) }, { judge: note('y', true) }, { judge: note('z', false) })
  const envelopes = [named('1'), named('2')]
  t.same(await chain.judgeMany(envelopes, judgeContext), envelopes)
  t.same(asked, ['x1', 'x2', 'y1', 'y2', 'z1', 'z2'])
})

t.test('a judge of many that throws or rejects has judged none of them, and has failed once', async t => {
  for (const judgeMany of [() => { throw bug }, async () => { throw bug }]) {
    const when = { test: ({ id }: Envelope) => id !== 'c' }
    const judge: Judge = { judge: () => undefined, judgeMany }
    const { chain, faults, notes } = rigOf({ judge, when, conduct: { faultsMax: 2 } })
    const c = named('c')
    const ask = async (): Promise<void> => {
      const verdicts = await chain.judgeMany([named('a'), named('b'), c], judgeContext)
      t.match(verdicts.slice(0, 2), [{ code: 'internal' }, { code: 'internal' }])
      t.equal(verdicts[2], c, 'what it was not meant for passes')
    }
    await ask()
    t.same(faults, [bug])
    t.same(notes, ['p0 fault', 'p0 fault', 'p0 skip'])
    await ask()
    await ask()
    t.equal(faults.length, 2, 'after two failures it is left alone')
  }
})
