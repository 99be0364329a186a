// Tests of targets: Allow lists what there is and OPTIONS; a dead end has nothing but its problem.

import t from 'tap'
import { doorProblem } from './reply.ts'
import { deadEnd, targetOf } from './target.ts'

t.test('Allow is sorted and holds OPTIONS', async t => {
  const document = { kind: 'document', text: () => '' } as const
  t.equal(targetOf(new Map([['PUT', document], ['GET', document]])).allow, 'GET, OPTIONS, PUT')
})

t.test('a dead end serves no method', async t => {
  const problem = doorProblem('unknown-path', 'nothing here')
  t.match(deadEnd(problem), { problem })
  t.equal(deadEnd(problem).operations.size, 0)
})
