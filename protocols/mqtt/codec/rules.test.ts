// Tests of the table of rules: every clause is one of the standard, every reason code one that ends a connection.

import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { statementsOf } from '../statements.ts'
import { reasonCodesOf } from './reason-codes.ts'
import { rules } from './rules.ts'
import type { RuleName } from './violation.ts'
import { violationOf } from './violation.ts'

const names = Object.keys(rules) as RuleName[]

t.test('a clause is a numbered statement of its version, or a section', async t => {
  for (const version of [4, 5] as const) {
    for (const name of names) {
      const { clause } = violationOf(name, version)
      if (!/^section [1-5](\.\d+)+$/.test(clause)) t.ok(statementsOf[version].has(clause), `${name}: ${clause}`)
    }
  }
})

t.test('a reason code is one that CONNACK or the DISCONNECT of a server may carry', async t => {
  for (const name of names) {
    const { reasonCode, detail } = violationOf(name, 5)
    t.ok(reasonCodesOf.CONNACK.has(reasonCode) || reasonCodesOf.DISCONNECT.server.has(reasonCode), name)
    t.match(detail, /^\S.{10,}[^.]$/, name)
  }
})

t.test('a violation is made once', async t => {
  t.equal(violationOf('truncated', 4), violationOf('truncated', 4))
  t.not(violationOf('truncated', 4), violationOf('truncated', 5))
  t.throws(() => violationOf('nonsense' as RuleName, 4))
})

t.test('every rule is used by the codec', async t => {
  const folder = import.meta.dirname
  const sources = readdirSync(folder).filter(name => name.endsWith('.ts') && !name.endsWith('.test.ts') && name !== 'rules.ts')
    .map(name => readFileSync(`${folder}/${name}`, 'utf8')).join('\n')
  t.same(names.filter(name => !sources.includes(`'${name}'`)), [])
})
