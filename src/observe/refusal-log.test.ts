// Tests of the refusal log: what a line tells, how few lines a flood makes, and that nothing grows.

import fc from 'fast-check'
import t from 'tap'
import type { Log } from '../contract/adapter.ts'
import { refuse } from '../contract/outcome.ts'
import { createRefusalLog } from './refusal-log.ts'

function kept (): { log: Log, lines: Record<string, unknown>[], messages: string[] } {
  const lines: Record<string, unknown>[] = []
  const messages: string[] = []
  const unexpected = (): void => { throw new Error('only warnings are expected') }
  const warn = (fields: Record<string, unknown>, message: string): void => {
    lines.push(fields)
    messages.push(message)
  }
  return { log: { debug: unexpected, info: unexpected, error: unexpected, warn }, lines, messages }
}

const forbidden = refuse('forbidden', 'you may not send to this channel; ask its operator for access')
const event = { door: 'rest', route: 'orders', channel: 'orders/eu', principal: 'bob', address: '10.0.0.7', requestId: 'r1' }

t.test('the first refusal of its kind is told with who, where and why', async t => {
  const { log, lines, messages } = kept()
  createRefusalLog(log, { perSecondMax: 10, nowMs: () => 0 }).refused(forbidden, event)
  t.same(messages, ['refused: forbidden'])
  t.same(lines, [{
    code: 'forbidden', detail: forbidden.detail, pointer: undefined, policy: undefined, place: undefined, door: 'rest', route: 'orders',
    channel: 'orders/eu', principal: 'bob', address: '10.0.0.7', requestId: 'r1', suppressedCount: 0
  }])
})

t.test('a line names the policy that refused, each of which is told apart, and one in shadow mode', async t => {
  const { log, lines, messages } = kept()
  const refusals = createRefusalLog(log, { perSecondMax: 10, nowMs: () => 0 })
  const by = (place: string): typeof forbidden => ({ ...forbidden, policy: { name: 'acl', place } })
  for (const place of ['policies[0]', 'policies[1]', 'policies[1]']) refusals.refused(by(place), event)
  refusals.refused(by('policies[1]'), { ...event, shadow: true })
  t.match(lines, [{ policy: 'acl', place: 'policies[0]' }, { place: 'policies[1]' }, { place: 'policies[1]' }])
  t.same(messages, ['refused: forbidden', 'refused: forbidden', 'would be refused (shadow): forbidden'])
})

t.test('a flood makes one line per second, which tells how many it stands for', async t => {
  const { log, lines } = kept()
  let nowMs = 0
  const refusals = createRefusalLog(log, { perSecondMax: 10, nowMs: () => nowMs })
  for (nowMs = 0; nowMs < 3_000; nowMs++) refusals.refused(forbidden, event)
  t.same(lines.map(({ suppressedCount }) => suppressedCount), [0, 999, 999])
})

t.test('another route or code is told at once, up to the lines per second', async t => {
  const { log, lines } = kept()
  let nowMs = 0
  const refusals = createRefusalLog(log, { perSecondMax: 3, nowMs: () => nowMs })
  for (const route of ['a', 'b', 'c', 'd', 'e']) refusals.refused(forbidden, { ...event, route })
  t.same(lines.map(({ route }) => route), ['a', 'b', 'c'])
  nowMs = 1_000
  refusals.refused(forbidden, { ...event, route: 'e' })
  t.match(lines.at(-1), { route: 'e', suppressedCount: 1 })
})

t.test('the end of a run tells what was only counted, once', async t => {
  const { log, lines } = kept()
  const refusals = createRefusalLog(log, { perSecondMax: 10, nowMs: () => 0 })
  for (let i = 0; i < 5; i++) refusals.refused(forbidden, event)
  refusals.flush()
  refusals.flush()
  t.same(lines.slice(1), [{ code: 'forbidden', route: 'orders', suppressedCount: 4 }])
})

t.test('texts from outside are cut', async t => {
  const { log, lines } = kept()
  createRefusalLog(log, { perSecondMax: 10, nowMs: () => 0 })
    .refused(forbidden, { ...event, channel: 'c'.repeat(100_000), principal: 'p'.repeat(100_000) })
  t.ok(JSON.stringify(lines).length < 1_000)
})

t.test('zero lines per second writes nothing, also not at the end', async t => {
  const { log, lines } = kept()
  const refusals = createRefusalLog(log, { perSecondMax: 0, nowMs: () => 0 })
  refusals.refused(forbidden, event)
  refusals.flush()
  t.same(lines, [])
})

t.test('every refusal is told or counted, lines stay below the limit, and kinds below their cap', async t => {
  const steps = fc.array(fc.tuple(fc.nat(400), fc.nat(30)), { maxLength: 200 })
  fc.assert(fc.property(steps, fc.integer({ min: 1, max: 5 }), (calls, perSecondMax) => {
    const { log, lines } = kept()
    let nowMs = 0
    const refusals = createRefusalLog(log, { perSecondMax, keysMax: 4, nowMs: () => nowMs })
    const perSecond = new Map<number, number>()
    for (const [waitMs, route] of calls) {
      nowMs += waitMs
      const before = lines.length
      refusals.refused(forbidden, { ...event, route: `r${route}` })
      const second = Math.floor(nowMs / 1_000)
      perSecond.set(second, (perSecond.get(second) ?? 0) + lines.length - before)
    }
    const writtenCount = lines.length
    refusals.flush()
    const suppressed = lines.reduce((sum, line) => sum + Number(line['suppressedCount']), 0)
    t.equal(writtenCount + suppressed, calls.length)
    // A window starts with its first line, so that one second of the clock can see the lines of two windows.
    t.ok([...perSecond.values()].every(count => count <= 2 * perSecondMax))
    t.ok(lines.length - writtenCount <= 5, 'four kinds and the rest')
  }), { numRuns: 50 })
})
