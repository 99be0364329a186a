// Access ends by the operator's word or by the clock, and whoever holds a connection open is told once.

import t from 'tap'
import { anonymousPrincipal, principalOf } from '../contract/principal.ts'
import { createAccess } from './access.ts'

const anna = principalOf({ name: 'anna', groups: [], credentials: [] })

t.test('a disabled principal is refused until it is enabled again', async t => {
  const access = createAccess()
  t.equal(access.ended(anna, 0), undefined)
  access.disable(['anna', 'bob'])
  t.match(access.ended(anna, 0), { code: 'unauthenticated', outcome: 'refused' })
  access.disable(['bob'])
  t.equal(access.ended(anna, 0), undefined)
})

t.test('nobody is meant by the name of those without one', async t => {
  const access = createAccess()
  access.disable(['anonymous'])
  t.equal(access.ended(anonymousPrincipal, 0), undefined)
})

t.test('a proof that ends is good until that millisecond', async t => {
  const access = createAccess()
  const brief = { ...anna, expiresAtMs: 1_000 }
  t.equal(access.ended(brief, 999), undefined)
  t.match(access.ended(brief, 1_000), { code: 'unauthenticated' })
})

t.test('watchers are told of every principal once, and not after they stopped', async t => {
  const access = createAccess()
  const told: string[] = []
  const stop = access.watchRevoked(name => told.push(name))
  access.disable(['anna'])
  access.disable(['anna', 'bob'])
  access.disable([])
  access.disable(['anna'])
  stop()
  access.disable(['anna', 'eve'])
  t.same(told, ['anna', 'bob', 'anna'])
})
