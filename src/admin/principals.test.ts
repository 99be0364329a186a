// The list of principals: who is shown, who can be disabled, and that it has a bound.

import t from 'tap'
import type { PrincipalSettings } from '../contract/principal.ts'
import { createPrincipalList } from './principals.ts'

const settings: readonly PrincipalSettings[] = [
  { name: 'anna', groups: ['shops'], sources: ['/a/*'], credentials: [{ apiKey: 'sha256:canary' }, { apiKey: 'x' }, { basic: 'y' }] },
  { name: 'bob', groups: [], credentials: [] }
]

function createList (): { list: ReturnType<typeof createPrincipalList>, published: string[][] } {
  const published: string[][] = []
  const list = createPrincipalList(settings, names => {
    if (names.length > 3) return false
    published.push([...names])
    return true
  })
  return { list, published }
}

t.test('principals show what they are, and of credentials the kind alone', async t => {
  const { list } = createList()
  t.same(list.all(), [
    { name: 'anna', configured: true, disabled: false, groups: ['shops'], sources: ['/a/*'], credentials: ['apiKey', 'basic'] },
    { name: 'bob', configured: true, disabled: false, groups: [], credentials: [] }
  ])
  t.notMatch(JSON.stringify(list.all()), 'canary')
})

t.test('workers are told of every change, and of nothing that is none', async t => {
  const { list, published } = createList()
  t.match(list.set('anna', false), { disabled: false })
  t.match(list.set('anna', true), { name: 'anna', configured: true, disabled: true })
  t.match(list.set('anna', true), { disabled: true })
  t.match(list.set('bob', true), { disabled: true })
  t.match(list.set('anna', false), { disabled: false })
  t.same(published, [['anna'], ['anna', 'bob'], ['bob']])
  t.equal(list.gauges.get('principals_disabled')?.(), 1)
})

t.test('a name that only a token can have is disabled and shown until it is enabled again', async t => {
  const { list } = createList()
  const name = 'spiffe://prod.example/billing'
  t.equal(list.find(name), undefined)
  t.match(list.set(name, true), { name, configured: false, disabled: true, groups: [] })
  t.match(list.find(name), { disabled: true })
  t.equal(list.all().length, 3)
  list.set(name, false)
  t.equal(list.find(name), undefined)
  t.equal(list.all().length, 2)
})

for (const name of ['', 'a\nb', '\u202eanna', 'x'.repeat(513), '\ud800', 'anonymous']) {
  t.test(`${JSON.stringify(name).slice(0, 20)} is the name of nobody`, async t => {
    const { list, published } = createList()
    t.match(list.set(name, true), { code: 'unknown-principal', status: 404 })
    t.same(published, [])
  })
}

t.test('what does not fit is refused, and the list is as it was', async t => {
  const { list } = createList()
  for (const name of ['a', 'b', 'c']) list.set(name, true)
  t.match(list.set('d', true), { code: 'list-full', status: 507 })
  t.equal(list.find('d'), undefined)
  t.match(list.set('a', false), { disabled: false })
  t.match(list.set('d', true), { disabled: true })
})
