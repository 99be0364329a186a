// What every sink that writes to Kafka must survive of what a real Kafka does not show on demand: played by a double.

import type { Test } from 'tap'
import type { MakeSink } from './sink-conformance.ts'
import { answerScenarios } from './scripted-faults/answers.ts'
import { clusterScenarios } from './scripted-faults/cluster.ts'
import { refusalScenarios } from './scripted-faults/refusals.ts'

/** Titles of scenarios that a sink cannot pass, with the reason. */
export type Waivers = Readonly<Record<string, string>>

const scenarios = [...answerScenarios, ...clusterScenarios, ...refusalScenarios]

/** Scenarios spend their time waiting. */
const togetherMax = 4

export function survivesScriptedFaults (t: Test, make: MakeSink, waivers: Waivers = {}): void {
  t.jobs = togetherMax
  t.test('every waiver is for a scenario', async t => {
    const titles = new Set(scenarios.map(({ title }) => title))
    t.equal(titles.size, scenarios.length)
    t.same(Object.keys(waivers).filter(title => !titles.has(title)), [])
    for (const [title, reason] of Object.entries(waivers)) t.comment(`waived: ${title} (${reason})`)
  })
  for (const { title, run } of scenarios) {
    t.test(title, { buffered: true, skip: waivers[title] ?? false }, async t => { await run(t, make) })
  }
}
