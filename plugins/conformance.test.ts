// Every policy of the registry, and the worked example of CONTRIBUTING.md, keeps the rules that all policies keep.

import { readFileSync, readdirSync } from 'node:fs'
import t from 'tap'
import { requireAttribute } from '../examples/policy/index.ts'
import { policyFaults } from '../test/support/policy-conformance.ts'
import { policies } from './index.ts'

for (const policy of policies) {
  t.test(`the policy ${policy.name} conforms`, async t => {
    t.same(await policyFaults(policy, new URL(`${policy.name}/`, import.meta.url)), [])
  })
}

t.test('the worked example conforms', async t => {
  t.same(await policyFaults(requireAttribute, new URL('../examples/policy/', import.meta.url)), [])
})

t.test('every folder is listed once in the registry, and nothing else is', async t => {
  const folders = readdirSync(new URL('.', import.meta.url), { withFileTypes: true })
    .filter(entry => entry.isDirectory()).map(entry => entry.name)
  t.same(policies.map(({ name }) => name).toSorted(), folders.toSorted())
})

t.test('no two authenticators read the same credential', async t => {
  const names = policies.flatMap(policy => policy.kind === 'authenticator' ? policy.credential?.name ?? [] : [])
  t.equal(new Set(names).size, names.length)
})

t.test('the README names every policy, and nothing that is none', async t => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  const named = [...readme.matchAll(/^\| \[`([a-z-]+)`\]\(plugins\/([a-z-]+)\/README\.md\) \|/gm)]
  t.same(named.map(([, name]) => name).toSorted(), policies.map(({ name }) => name).toSorted())
  for (const [, name, folder] of named) t.equal(name, folder)
})
