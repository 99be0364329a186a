// Keys of limits: what they are made of, and that no sender can choose somebody else's.

import t from 'tap'
import { envelopeWith, peer } from '../../test/support/odd-envelopes.ts'
import type { Envelope } from './envelope.ts'
import { compileLimitKey, limitKeyPattern } from './limit-key.ts'

const anonymous = { name: 'anonymous', groups: [], anonymous: true }
const named = (name: string, attributes: Record<string, string> = {}): Partial<Envelope> =>
  ({ principal: { name, groups: [], anonymous: false, attributes } })
const keyOf = (per: string, parts: Partial<Envelope>, route = 'orders'): string =>
  compileLimitKey(per)(envelopeWith(parts), route)

t.test('a word is what it says', async t => {
  t.equal(keyOf('principal', named('anna')), 'anna')
  t.equal(keyOf('{principal}', named('anna')), 'anna')
  t.equal(keyOf('route', {}), 'orders')
  t.equal(keyOf('channel', {}), 'orders/eu')
  t.equal(keyOf('peer', {}), '127.0.0.1')
  t.equal(keyOf('{principal.plan}', named('anna', { plan: 'gold' })), 'gold')
  t.equal(keyOf('{principal.plan}', named('anna')), '')
  t.equal(keyOf('{principal.constructor}', named('anna')), '', 'what every object has is no attribute')
})

t.test('a template has a key for every combination and no two have the same', async t => {
  t.equal(keyOf('{principal}/{channel}', named('anna')), '4:anna9:orders/eu')
  t.not(keyOf('{principal}/{channel}', { ...named('a/b'), channel: 'c' }),
    keyOf('{principal}/{channel}', { ...named('a'), channel: 'b/c' }))
})

t.test('whoever is anonymous counts by its address, and is no principal of that name', async t => {
  const key = keyOf('principal', { principal: anonymous })
  t.not(key, keyOf('principal', named('127.0.0.1')))
  t.not(key, keyOf('principal', named('anonymous')))
  t.not(key, keyOf('principal', { principal: anonymous, peer: { ...peer, address: '127.0.0.2' } }))
})

const addresses: [address: string, key: string][] = [
  ['10.0.0.1', '10.0.0.1'], ['::ffff:10.0.0.1', '10.0.0.1'], ['::1', '0:0:0:0::/64'], ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'], ['2001:0db8:0:0:ffff::1', '2001:db8:0:0::/64'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'], ['::', '0:0:0:0::/64']
]
t.test('an address of IPv6 counts by its network, however it is written', async t => {
  for (const [address, key] of addresses) t.equal(keyOf('peer', { peer: { ...peer, address } }), key)
})

t.test('only words and placeholders that there are pass the pattern', async t => {
  const pattern = new RegExp(limitKeyPattern)
  for (const per of ['principal', 'peer', '{route}', '{principal}/{channel}', 'x {principal.plan-1}']) t.match(per, pattern)
  for (const per of ['', 'group', 'literal', '{group}', '{principal.}', '{channel', 'principal/{x}', '{}']) {
    t.notMatch(per, pattern)
  }
})
