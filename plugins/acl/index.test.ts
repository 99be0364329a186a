// Tests of the acl policy: a table of who passes which lists, and that a refusal tells nothing.

import t from 'tap'
import type { Principal } from '../../src/contract/envelope.ts'
import { isRefusal } from '../../src/contract/outcome.ts'
import { envelopeWith, judgeContext, silentLog } from '../../test/support/odd-envelopes.ts'
import { acl } from './index.ts'
import type { AclConfig } from './config.ts'

const anna: Principal = { name: 'anna', groups: ['admins', 'staff'], anonymous: false }
const bob: Principal = { name: 'bob', groups: [], anonymous: false }
const nobody: Principal = { name: 'anonymous', groups: ['staff'], anonymous: true }

function verdict (config: AclConfig, principal: Principal): unknown {
  const judge = acl.create({ config, principals: [], tables: [], log: silentLog })
  return judge.judge(envelopeWith({ principal }), judgeContext)
}

const table: [why: string, config: AclConfig, principal: Principal, passes: boolean][] = [
  ['a star allows everyone', { allow: ['*'], deny: [] }, bob, true],
  ['a star allows the anonymous', { allow: ['*'], deny: [] }, nobody, true],
  ['an empty list allows nobody', { allow: [], deny: [] }, anna, false],
  ['a name allows its principal', { allow: ['principal:bob'], deny: [] }, bob, true],
  ['a name allows nobody else', { allow: ['principal:bob'], deny: [] }, anna, false],
  ['a group allows its members', { allow: ['group:staff'], deny: [] }, anna, true],
  ['a group allows nobody else', { allow: ['group:staff'], deny: [] }, bob, false],
  ['a group of that name is not a principal of that name', { allow: ['principal:staff'], deny: [] }, anna, false],
  ['a principal of that name is not a group of that name', { allow: ['group:bob'], deny: [] }, bob, false],
  ['a denied name loses although its group is allowed', { allow: ['group:staff'], deny: ['principal:anna'] }, anna, false],
  ['a denied group loses although everyone is allowed', { allow: ['*'], deny: ['group:admins'] }, anna, false],
  ['a denied group says nothing about others', { allow: ['*'], deny: ['group:admins'] }, bob, true],
  ['a denied star leaves nobody', { allow: ['*', 'principal:anna'], deny: ['*'] }, anna, false],
  ['an anonymous principal has no name that counts', { allow: ['principal:anonymous'], deny: [] }, nobody, false],
  ['an anonymous principal has no group that counts', { allow: ['group:staff'], deny: [] }, nobody, false],
  ['names that every object has are only names', { allow: ['principal:constructor', 'group:__proto__'], deny: [] }, bob, false]
]

for (const [why, config, principal, passes] of table) {
  t.test(why, async t => {
    const given = verdict(config, principal)
    t.equal(given === undefined, passes)
    if (!passes) t.match(given, { code: 'forbidden', outcome: 'refused' })
  })
}

t.test('every refusal has the same words, which name no principal, group or list', async t => {
  const unlisted = verdict({ allow: ['group:staff'], deny: [] }, bob)
  const denied = verdict({ allow: ['*'], deny: ['principal:anna'] }, anna)
  t.same(unlisted, denied)
  if (!isRefusal(denied)) return t.fail('a refusal was expected')
  t.notMatch(denied.detail, /anna|bob|staff|allow|deny/)
})
