// Tests of the ip-restriction policy: a table of who passes which lists, and that a refusal tells nothing.

import t from 'tap'
import { isRefusal } from '../../src/contract/outcome.ts'
import { envelopeWith, judgeContext, peer, silentLog } from '../../test/support/odd-envelopes.ts'
import type { IpRestrictionConfig } from './config.ts'
import { ipRestriction } from './index.ts'

function verdict (config: IpRestrictionConfig, address: string): unknown {
  const judge = ipRestriction.create({ config, principals: [], tables: [], log: silentLog })
  return judge.judge(envelopeWith({ peer: { ...peer, address } }), judgeContext)
}

const table: [why: string, config: IpRestrictionConfig, address: string, passes: boolean][] = [
  ['without lists everyone passes', { deny: [] }, '203.0.113.1', true],
  ['an allowed network passes', { allow: ['10.0.0.0/8'], deny: [] }, '10.1.2.3', true],
  ['nobody else passes', { allow: ['10.0.0.0/8'], deny: [] }, '11.1.2.3', false],
  ['an empty list allows nobody', { allow: [], deny: [] }, '10.1.2.3', false],
  ['a denied address does not pass', { deny: ['10.1.2.3'] }, '10.1.2.3', false],
  ['its neighbour passes', { deny: ['10.1.2.3'] }, '10.1.2.4', true],
  ['deny wins over allow', { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, '10.1.2.3', false],
  ['deny wins although allow is more exact', { allow: ['10.1.2.3'], deny: ['10.0.0.0/8'] }, '10.1.2.3', false],
  ['a mapped address is denied as the IPv4 address that it is', { deny: ['10.1.2.3'] }, '::ffff:10.1.2.3', false],
  ['a mapped address is allowed as the IPv4 address that it is', { allow: ['10.1.2.3'], deny: [] }, '::ffff:a01:203', true],
  ['a mapped entry denies IPv4', { deny: ['::ffff:10.0.0.0/104'] }, '10.1.2.3', false],
  ['all of IPv6 is not IPv4', { allow: ['::/0'], deny: [] }, '10.1.2.3', false],
  ['an IPv6 network passes, however its address is written', { allow: ['2001:db8::/32'], deny: [] }, '2001:DB8:0:0::1', true],
  ['a peer without an address does not pass', { deny: ['10.1.2.3'] }, '', false],
  ['what is no address does not pass', { allow: ['0.0.0.0/0'], deny: [] }, '10.1.2.3.4', false]
]
for (const [why, config, address, passes] of table) {
  t.test(why, async t => {
    const given = verdict(config, address)
    t.equal(given === undefined, passes)
    if (!passes) t.match(given, { code: 'forbidden', outcome: 'refused' })
  })
}

t.test('every refusal has the same words, which name no address and no list', async t => {
  const unlisted = verdict({ allow: ['10.0.0.0/8'], deny: [] }, '203.0.113.1')
  const denied = verdict({ deny: ['203.0.113.1'] }, '203.0.113.1')
  t.same(unlisted, denied)
  if (!isRefusal(denied)) return t.fail('a refusal was expected')
  t.notMatch(denied.detail, /\d|allow|deny/)
})

t.test('what a connection is told once it is told again, and others are judged by themselves', async t => {
  const judge = ipRestriction.create({ config: { deny: ['10.0.0.1'] }, principals: [], tables: [], log: silentLog })
  const peers = ['10.0.0.1', '10.0.0.2'].map(address => ({ ...peer, address }))
  const judged = [0, 1, 0, 1].map(at => judge.judge(envelopeWith({ peer: peers[at] ?? peer }), judgeContext))
  t.same(judged.map(verdict => verdict === undefined), [false, true, false, true])
})

t.test('an entry that is no network is a mistake that is told at once', async t => {
  const config = { deny: ['10.0.0.0/33'] }
  const create = (): unknown => ipRestriction.create({ config, principals: [], tables: [], log: silentLog })
  t.throws(create, /"10\.0\.0\.0\/33" is no address/)
})
