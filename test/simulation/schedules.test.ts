// Thousands of random schedules against the producer core: nothing lost, repeated, reordered, invented or left hanging.

import t from 'tap'
import { runSchedule } from './schedule.ts'
import { count } from './world.ts'
import type { Counts } from './world.ts'

/** Runs just this one, and shows what happens in it. */
const onlySeed = Number(process.env['SLUICE_SIMULATION_SEED'] ?? NaN)
const scheduleCount = Number(process.env['SLUICE_SIMULATION_COUNT'] ?? 10_000)
/** After so many schedules that fail the others are not run. */
const failuresMax = 5
/** Lines of a trace that are shown, up to a little behind the first problem. */
const linesMax = 300
/** From so many schedules on, everything that `reached` names happens. */
const enoughCount = 5_000

/** What the schedules are for: without these, they would prove little. */
const reached = [
  'written', 'delivery-timeout', 'sink-unavailable', 'undeliverable', 'overloaded', 'shutting-down', 'repetition',
  'receipts without an offset', 'late requests', 'batches lost with their leader', 'answer left out',
  ...[-1, 2, 3, 6, 7, 10, 19, 20, 29, 45, 46, 47, 56, 87, 9_999].map(code => `answer ${code}`)
]

function around (trace: readonly string[]): readonly string[] {
  const end = Math.min(trace.length, trace.findIndex(line => line.includes('!!!')) + 20)
  return trace.slice(Math.max(0, end - linesMax), end)
}

t.test('a schedule is the same each time', async t => {
  const [one, other] = [await runSchedule(7, { traced: true }), await runSchedule(7, { traced: true })]
  t.ok(one.trace.length > 50, `${one.trace.length} lines`)
  t.same(one.trace, other.trace)
})

t.test('one schedule, in full', { skip: Number.isNaN(onlySeed) && 'SLUICE_SIMULATION_SEED names none' }, async t => {
  const { trace, problems } = await runSchedule(onlySeed, { traced: true })
  for (const line of trace) t.comment(line)
  t.same(problems, [])
})

t.test('every schedule ends as promised', { skip: Number.isNaN(onlySeed) ? false : 'only one is asked for' }, async t => {
  const counts: Counts = new Map()
  const failed: number[] = []
  for (let seed = 1; seed <= scheduleCount && failed.length < failuresMax; seed++) {
    const verdict = await runSchedule(seed)
    for (const [name, more] of verdict.counts) count(counts, name, more)
    if (verdict.problems.length === 0) continue
    failed.push(seed)
    const { trace } = await runSchedule(seed, { traced: true })
    for (const line of around(trace)) t.comment(line)
    t.fail(`schedule ${seed}: SLUICE_SIMULATION_SEED=${seed} runs it alone`, { problems: verdict.problems.slice(0, 10) })
  }
  t.same(failed, [])
  t.comment([...counts].sort().map(([name, sum]) => `${name}: ${sum}`).join(', '))
  if (scheduleCount >= enoughCount) t.same(reached.filter(name => !counts.has(name)), [], 'what they are for happens')
})
