// Principals: frozen, and bound to the sources that the config gives them.

import t from 'tap'
import { anonymousPrincipal, maySend, principalOf } from './principal.ts'

t.test('a principal of the config is frozen and does not share its lists', async t => {
  const groups = ['factories']
  const made = principalOf({ name: 'factory-7', groups, credentials: [], attributes: { plan: 'gold' } })
  groups.push('admins')
  t.match(made, { name: 'factory-7', groups: ['factories'], anonymous: false, attributes: { plan: 'gold' } })
  t.ok(Object.isFrozen(made) && Object.isFrozen(made.groups))
  t.ok(Object.isFrozen(anonymousPrincipal))
})

t.test('sources bind a principal to exact values and to beginnings', async t => {
  const bound = principalOf({ name: 'a', groups: [], credentials: [], sources: ['/factories/7/*', 'urn:a'] })
  const table: [string, boolean][] = [
    ['/factories/7/line', true], ['/factories/7/', true], ['urn:a', true],
    ['/factories/7', false], ['/factories/70/x', false], ['urn:ab', false], ['', false], ['/factories/7*', false]
  ]
  for (const [source, allowed] of table) t.equal(maySend(bound, source), allowed, source)
  t.equal(maySend(anonymousPrincipal, 'anything'), true)
  t.equal(maySend(principalOf({ name: 'b', groups: [], credentials: [], sources: [] }), 'anything'), false)
})
