// Self time is added up by function, and idle time is nobody's.

import t from 'tap'
import { selfTimes } from './cpu-profile.ts'
import type { CpuProfile } from './cpu-profile.ts'

const frame = (functionName: string, url: string, lineNumber = 0): CpuProfile['nodes'][number]['callFrame'] =>
  ({ functionName, url, lineNumber })

t.test('the functions that used the most time come first, with their place', async t => {
  const profile: CpuProfile = {
    nodes: [
      { id: 1, callFrame: frame('(idle)', '') },
      { id: 2, callFrame: frame('(garbage collector)', '') },
      { id: 3, callFrame: frame('settle', 'file:///home/anna/sluice/src/kafka/batch.ts', 9) },
      { id: 4, callFrame: frame('settle', 'file:///home/anna/sluice/src/kafka/batch.ts', 9) },
      { id: 5, callFrame: frame('', 'file:///home/anna/sluice/node_modules/kafkajs/src/index.js', 4) }
    ],
    samples: [1, 2, 3, 4, 5, 3], timeDeltas: [900, 30, 10, 20, 5, 10]
  }
  t.same(selfTimes(profile), [
    { place: 'settle src/kafka/batch.ts:10', microseconds: 40 },
    { place: '(garbage collector)', microseconds: 30 },
    { place: '(anonymous) kafkajs/src/index.js:5', microseconds: 5 }
  ])
})
