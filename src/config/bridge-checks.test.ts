// A bridge acts as a principal that exists, wherever somebody is asked.

import t from 'tap'
import { bridgesActAsSomebody } from './bridge-checks.ts'

const cases: readonly { says: string, document: Record<string, unknown>, problem: RegExp | undefined }[] = [
  { says: 'no bridge', document: {}, problem: undefined },
  { says: 'nobody is asked', document: { mqttBridge: [{ name: 'a' }] }, problem: undefined },
  {
    says: 'others are asked', document: { authentication: [{ 'auth-api-key': {} }], mqttBridge: [{ name: 'a' }] },
    problem: /come from nobody/
  },
  {
    says: 'a principal that exists', document: { principals: [{ name: 'plant' }], mqttBridge: [{ principal: 'plant' }] },
    problem: undefined
  },
  {
    says: 'a principal that does not exist', document: { principals: [{ name: 'plant' }], mqttBridge: [{ principal: 'plan' }] },
    problem: /no principal is named "plan"/
  }
]

for (const { says, document, problem } of cases) {
  t.test(`${says}: ${problem === undefined ? 'fine' : 'a mistake'}`, async t => {
    const found = bridgesActAsSomebody(document, () => true)
    if (problem === undefined) return t.same(found, [])
    t.same(found.map(({ path }) => path), [['mqttBridge', 0, 'principal']])
    t.match(found[0]?.problem, problem)
  })
}
