// Tests of principals out of claims: where name, groups and attributes come from, and what is refused.

import t from 'tap'
import { createClaimReader, isMeantFor } from './claims.ts'
import type { Claims, ClaimSettings } from './claims.ts'
import type { Principal } from './envelope.ts'
import { isRefusal } from './outcome.ts'
import { maySend } from './principal.ts'

const settings: ClaimSettings = { principalClaim: 'sub', principalPrefix: '', attributeClaims: {} }

function read (claims: Claims, more: Partial<ClaimSettings> = {}): unknown {
  const reader = createClaimReader({ ...settings, ...more })
  const subject = reader.subject(claims)
  return isRefusal(subject) ? subject : reader.principal(subject, claims, 1_000)
}

t.test('name, groups and attributes come from the claims that are set', async t => {
  const claims = {
    'sub': 'anna', 'realm_access': { roles: ['writer', 'writer', 'auditor'] }, 'scope': 'a b  c',
    'https://example.com/tenant': 'eu', 'level': 3, 'a/b': { '~': ['x'] }
  }
  t.same(read(claims), { name: 'anna', groups: [], anonymous: false, sources: undefined, attributes: undefined, expiresAtMs: 1_000 })
  t.match(read(claims, { principalPrefix: 'corp/', groupsClaim: '/realm_access/roles' }),
    { name: 'corp/anna', groups: ['writer', 'auditor'] })
  t.match(read(claims, { groupsClaim: 'scope' }), { groups: ['a', 'b', 'c'] })
  t.match(read(claims, { groupsClaim: '/a~1b/~0' }), { groups: ['x'] })
  t.match(read(claims, { attributeClaims: { tenant: 'https://example.com/tenant', level: 'level', none: 'none' } }),
    { attributes: { tenant: 'eu', level: '3' } })
  t.ok(Object.isFrozen(read(claims)))
})

t.test('who has no proper name is refused', async t => {
  for (const sub of [undefined, null, '', ' ', 7, {}, ['anna'], 'a\nb', 'a\u0000', 'a\u202eb', ' anna', 'x'.repeat(257)]) {
    t.match(read({ sub }), { code: 'unauthenticated' }, JSON.stringify(sub))
  }
  for (const principalClaim of ['constructor', '__proto__', '/constructor/name', '/sub/length']) {
    t.match(read({ sub: 'anna' }, { principalClaim }), { code: 'unauthenticated' }, principalClaim)
  }
})

t.test('groups that cannot all be taken refuse the token', async t => {
  for (const groups of [7, {}, [7], ['a', ''], [['a']], Array.from({ length: 257 }, (_, at) => `g${at}`)]) {
    t.match(read({ sub: 'anna', groups }, { groupsClaim: 'groups' }), { code: 'unauthenticated' })
  }
  for (const groups of [undefined, null, '', []]) {
    t.match(read({ sub: 'anna', groups }, { groupsClaim: 'groups' }), { groups: [] })
  }
})

t.test('the sources of a principal come from its token, else from the settings, and never from neither', async t => {
  const token = { sub: 'anna', may: ['urn:a', 'urn:b/*'] }
  const cases: [why: string, claims: Claims, more: Partial<ClaimSettings>, sources: readonly string[] | undefined][] = [
    ['nothing is set', token, {}, undefined],
    ['a list for all', token, { sources: ['urn:all/*'] }, ['urn:all/*']],
    ['a claim', token, { sourcesClaim: 'may' }, ['urn:a', 'urn:b/*']],
    ['a claim before the list for all', token, { sourcesClaim: 'may', sources: ['urn:all/*'] }, ['urn:a', 'urn:b/*']],
    ['text', { sub: 'anna', may: 'urn:a urn:b' }, { sourcesClaim: 'may' }, ['urn:a', 'urn:b']],
    ['no such claim, a list for all', { sub: 'anna' }, { sourcesClaim: 'may', sources: ['urn:all/*'] }, ['urn:all/*']],
    ['no such claim, and no list', { sub: 'anna' }, { sourcesClaim: 'may' }, []],
    ['an empty claim', { sub: 'anna', may: [] }, { sourcesClaim: 'may', sources: ['urn:all/*'] }, []]
  ]
  for (const [why, claims, more, sources] of cases) {
    const principal = read(claims, more) as Principal
    t.same(principal.sources, sources, why)
    t.equal(maySend(principal, 'urn:b/1'), sources?.includes('urn:b/*') ?? true, why)
  }
  for (const may of [7, {}, [7], [''], ['a\nb']]) {
    t.match(read({ sub: 'anna', may }, { sourcesClaim: 'may' }), { code: 'unauthenticated', detail: /sources/ })
  }
})

t.test('a claim that is no pointer is told at once', async t => {
  t.throws(() => createClaimReader({ ...settings, groupsClaim: '/a~b' }), /no JSON pointer/)
})

t.test('an audience is one of a list or the text itself', async t => {
  t.ok(isMeantFor('a', ['a', 'b']))
  t.ok(isMeantFor(['x', 'b'], ['a', 'b']))
  for (const audience of [undefined, null, '', 'A', 'a b', [], ['x'], [['a']], { a: 1 }, 7]) t.notOk(isMeantFor(audience, ['a', 'b']))
})
