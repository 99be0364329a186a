// Access ends by the operator's word or by the clock, and whoever holds a connection open is told once.

import t from 'tap'
import { anonymousPrincipal, principalOf } from '../contract/principal.ts'
import { createAccess } from './access.ts'
import type { Access } from './access.ts'

const anna = principalOf({ name: 'anna', groups: [], credentials: [] })

/** Access with an operator: `disable` says who is disabled from now on. */
function operated (): { access: Access, disable: (...names: string[]) => void } {
  let news: readonly string[] | undefined
  const read = (): readonly string[] | undefined => {
    const names = news
    news = undefined
    return names
  }
  return { access: createAccess(read), disable: (...names) => { news = names } }
}

t.test('a disabled principal is refused at its next event until it is enabled again', async t => {
  const { access, disable } = operated()
  t.equal(access.ended(anna, 0), undefined)
  disable('anna', 'bob')
  t.match(access.ended(anna, 0), { code: 'unauthenticated', outcome: 'refused' })
  t.match(access.ended(anna, 0), { code: 'unauthenticated' })
  disable('bob')
  t.equal(access.ended(anna, 0), undefined)
})

t.test('nobody is meant by the name of those without one', async t => {
  const { access, disable } = operated()
  disable('anonymous')
  t.equal(access.ended(anonymousPrincipal, 0), undefined)
})

t.test('a proof that ends is good until that millisecond', async t => {
  const { access } = operated()
  const brief = { ...anna, expiresAtMs: 1_000 }
  t.equal(access.ended(brief, 999), undefined)
  t.match(access.ended(brief, 1_000), { code: 'unauthenticated' })
})

t.test('watchers are told of every principal once, and not after they stopped', async t => {
  const { access, disable } = operated()
  const told: string[] = []
  const stop = access.watchRevoked(name => told.push(name))
  for (const names of [['anna'], ['anna', 'bob'], [], ['anna']]) {
    disable(...names)
    access.look()
    access.look()
  }
  stop()
  disable('anna', 'eve')
  access.look()
  t.same(told, ['anna', 'bob', 'anna'])
})

t.test('an event that finds out does not tell watchers, the next look does, unless it was taken back', async t => {
  const { access, disable } = operated()
  const told: string[] = []
  access.watchRevoked(name => told.push(name))
  disable('anna', 'bob')
  t.match(access.ended(anna, 0), { code: 'unauthenticated' })
  t.same(told, [])
  disable('anna')
  access.look()
  t.same(told, ['anna'])
})
