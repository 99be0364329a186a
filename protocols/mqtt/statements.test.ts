// Tests of the clause table: it has every statement of both standards once, and every test that it names is there.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { statementsOf } from './statements.ts'

const folder = import.meta.dirname
const versions = { '3.1.1': 4, '5': 5 } as const

interface Row {
  readonly statement: string
  readonly version: string
  readonly asks: string
  readonly heldBy: readonly string[]
}

const rows: readonly Row[] = readFileSync(join(folder, 'CONFORMANCE.md'), 'utf8').split('\n')
  .filter(line => line.startsWith('| MQTT-'))
  .map(line => {
    const [statement = '', version = '', asks = '', heldBy = '', ...more] = line.split('|').slice(1, -1).map(cell => cell.trim())
    if (more.length > 0) throw new Error(`${statement} has more than four cells`)
    return { statement, version, asks, heldBy: heldBy.split('<br>') }
  })

const withoutTest = new Set(['client', 'delivery to subscribers', 'a client that only subscribes'])

/** What is wrong with the naming of a test; undefined where it is there and names the statement. */
function wrongTest (named: string, statement: string): string | undefined {
  const [, file = '', title = ''] = /^((?:\.\.\/)*[a-z0-9/-]+\.test\.ts): (.+)$/.exec(named) ?? []
  if (file === '' || !existsSync(join(folder, file))) return `${statement}: ${named} is not a test file and its title`
  const text = readFileSync(join(folder, file), 'utf8')
  // A title that a loop begins ends like this one.
  if (!text.includes(`t.test('${title}'`) && !text.includes(`}: ${title}\``)) return `${statement}: ${file} has no test "${title}"`
  return title.includes(`[${statement}]`) ? undefined : `${statement}: the title "${title}" does not name it`
}

t.test('the standards have as many statements as their appendices list', async t => {
  const chapters = (version: 4 | 5): Record<string, number> =>
    Object.fromEntries(['1', '2', '3', '4', '6', '7'].map(chapter =>
      [chapter, [...statementsOf[version]].filter(one => one.startsWith(`MQTT-${chapter}.`)).length]))
  t.equal(statementsOf[4].size, 141)
  t.equal(statementsOf[5].size, 251)
  t.same(chapters(4), { 1: 3, 2: 9, 3: 95, 4: 26, 6: 4, 7: 4 })
  t.same(chapters(5), { 1: 5, 2: 7, 3: 175, 4: 60, 6: 4, 7: 0 })
})

t.test('the table has each statement of each version once, in the order of the standard', async t => {
  for (const [name, level] of Object.entries(versions)) {
    t.same(rows.filter(({ version }) => version === name).map(({ statement }) => statement), [...statementsOf[level]])
  }
  t.equal(rows.length, 392)
})

t.test('every statement is told in words and held by something', async t => {
  t.same(rows.filter(({ asks }) => asks.length < 15), [])
  t.same(rows.filter(({ heldBy }) => heldBy.some(one => one === '')), [])
})

t.test('every test that is named is there and names the statement', async t => {
  const wrong = rows.flatMap(({ statement, heldBy }) => heldBy.filter(one => !withoutTest.has(one))
    .map(one => wrongTest(one, statement)).filter(one => one !== undefined))
  t.same(wrong, [])
})

t.test('a statement that does not apply to us is held by nothing else', async t => {
  const exempt = rows.filter(({ heldBy }) => heldBy.some(one => withoutTest.has(one)))
  t.same(exempt.filter(({ heldBy }) => heldBy.length > 1), [])
})
