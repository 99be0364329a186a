// The simulation finds what it is for: each planted bug is caught, in schedules that are clean without it.

import t from 'tap'
import * as bugs from './planted-bugs.ts'
import { runSchedule } from './schedule.ts'
import type { Plant } from './schedule.ts'

/** Schedules to try before a bug counts as missed. */
const seedsMax = 400

interface Planted { readonly plant: Plant, readonly kinds: readonly string[] }

const planted: Readonly<Record<string, Planted>> = {
  'a broker that checks no sequence numbers': { plant: bugs.uncheckedSequences, kinds: ['twice', 'order'] },
  'a retry that reorders': { plant: bugs.reorderedRetries, kinds: ['twice', 'order'] },
  'a ticket that is settled before its record is written': { plant: bugs.earlySettling, kinds: ['early', 'lost'] },
  'a lost answer that is taken for a refusal': { plant: bugs.forgottenDoubt, kinds: ['phantom'] },
  'a record that is changed on its way': { plant: bugs.changedBytes, kinds: ['corrupt'] },
  'a ticket that is settled twice or never': { plant: bugs.miscounted, kinds: ['settled twice', 'never settled', 'hanging'] }
}

/** The first schedule in which the bug shows as such a problem; undefined: it was missed. */
async function caughtIn (plant: Plant, kind: string): Promise<number | undefined> {
  for (let seed = 1; seed <= seedsMax; seed++) {
    const { problems } = await runSchedule(seed, { plant })
    if (problems.some(problem => problem.kind === kind)) return seed
  }
  return undefined
}

for (const [bug, { plant, kinds }] of Object.entries(planted)) {
  t.test(`${bug} is caught`, async t => {
    for (const kind of kinds) {
      const seed = await caughtIn(plant, kind)
      t.not(seed, undefined, `as "${kind}", in schedule ${seed}`)
      t.same((await runSchedule(seed ?? 0)).problems, [], 'which is clean without it')
    }
  })
}
