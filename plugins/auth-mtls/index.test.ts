// Tests of the auth-mtls policy: whose certificate it is, what is decided at the start, and when access ends.

import t from 'tap'
import type { Certificate, Peer } from '../../src/contract/envelope.ts'
import { noAttributes } from '../../src/contract/envelope.ts'
import type { Authenticator } from '../../src/contract/policy.ts'
import type { PrincipalSettings } from '../../src/contract/principal.ts'
import { peer, silentLog } from '../../test/support/odd-envelopes.ts'
import type { MtlsCredential } from './config.ts'
import { authMtls } from './index.ts'

const nothing = { attributes: noAttributes, argument: () => undefined }
const fingerprint = 'ab'.repeat(32)
const certificate: Certificate = {
  subject: 'CN=factory-7,O=Example', dnsNames: ['F7.example', 'b.example'], uris: ['spiffe://example.org/factory/7'],
  emails: ['f7@example.org'], fingerprint, expiresAtMs: 1_790_000_000_000
}

function authenticator (...claims: MtlsCredential[]): Authenticator {
  const principals = claims.map((mtls, at): PrincipalSettings => (
    { name: `p${at}`, groups: ['g'], credentials: [{ apiKey: 'sha256:00' }, { mtls }] }))
  return authMtls.create({ config: {}, principals, tables: [], log: silentLog })
}

function showing (shown: Partial<Certificate>): Peer { return { ...peer, certificate: { ...certificate, ...shown } } }

/** The name of the principal that such claims give this certificate; '' for a refusal. */
function nameOf (claims: MtlsCredential[], shown: Partial<Certificate> = {}): string {
  const answer = authenticator(...claims).authenticate(nothing, showing(shown))
  if (answer === undefined || answer instanceof Promise) throw new Error('an answer was expected')
  return 'code' in answer ? '' : answer.name
}

const other: MtlsCredential = { subject: 'CN=other' }
const table: [why: string, claims: MtlsCredential[], name: string][] = [
  ['the whole subject', [other, { subject: 'CN=factory-7,O=Example' }], 'p1'],
  ['not a part of the subject', [{ subject: 'CN=factory-7' }], ''],
  ['not the subject in another case', [{ subject: 'cn=factory-7,o=Example' }], ''],
  ['any DNS name, in any case', [other, { dnsName: 'f7.EXAMPLE' }], 'p1'],
  ['not a DNS name that is the subject\'s', [{ dnsName: 'CN=factory-7,O=Example' }], ''],
  ['the whole URI', [other, { uri: 'spiffe://example.org/factory/7' }], 'p1'],
  ['not the beginning of the URI', [{ uri: 'spiffe://example.org/factory/' }], ''],
  ['URIs that begin so', [other, { uri: 'spiffe://example.org/factory/*' }], 'p1'],
  ['not URIs that begin otherwise', [{ uri: 'spiffe://example.org/factories/*' }], ''],
  ['a mail address', [other, { email: 'f7@example.org' }], 'p1'],
  ['the fingerprint, with colons and in capitals', [other, { fingerprint: 'AB:'.repeat(31) + 'AB' }], 'p1'],
  ['of two that fit in different ways the first', [{ email: 'f7@example.org' }, { dnsName: 'b.example' }], 'p0'],
  ['of two that fit in different ways the first, turned round', [{ dnsName: 'b.example' }, { email: 'f7@example.org' }], 'p0'],
  ['of a beginning and a fingerprint the first', [{ uri: 'spiffe://*' }, { fingerprint }], 'p0'],
  ['of a fingerprint and a beginning the first', [{ fingerprint }, { uri: 'spiffe://*' }], 'p0']
]
for (const [why, claims, name] of table) t.test(why, async t => { t.equal(nameOf(claims), name) })

t.test('a certificate of nobody is refused in words that do not repeat it', async t => {
  const answer = authenticator(other).authenticate(nothing, showing({}))
  t.match(answer, { code: 'unauthenticated', outcome: 'refused' })
  t.notMatch(JSON.stringify(answer), /factory|example|abab/)
  t.equal(nameOf([{ subject: 'x' }], { subject: '', dnsNames: [], uris: [], emails: [] }), '')
})

t.test('a peer without a certificate is left to the next authenticator', async t => {
  t.equal(authenticator({ fingerprint }).authenticate(nothing, peer), undefined)
})

t.test('access ends with the certificate, and one connection has one principal', async t => {
  const { authenticate } = authenticator({ fingerprint })
  const connection = showing({})
  const principal = authenticate(nothing, connection)
  t.match(principal, { name: 'p0', groups: ['g'], anonymous: false, expiresAtMs: certificate.expiresAtMs })
  t.ok(Object.isFrozen(principal))
  t.equal(authenticate(nothing, connection), principal)
  t.match(authenticate(nothing, showing({ expiresAtMs: 5 })), { expiresAtMs: 5 })
})

const clashes: [one: MtlsCredential, other: MtlsCredential][] = [
  [{ subject: 'CN=a' }, { subject: 'CN=a' }],
  [{ dnsName: 'A.example' }, { dnsName: 'a.example' }],
  [{ fingerprint }, { fingerprint: fingerprint.toUpperCase() }],
  [{ uri: 'spiffe://a/*' }, { uri: 'spiffe://a/*' }],
  [{ uri: 'spiffe://a/*' }, { uri: 'spiffe://a/b/*' }],
  [{ uri: 'spiffe://a/b' }, { uri: 'spiffe://a/*' }]
]
for (const [one, second] of clashes) {
  t.test(`two principals cannot claim ${JSON.stringify(one)} and ${JSON.stringify(second)}`, async t => {
    t.throws(() => authenticator(one, second), /two principals claim the same certificates/)
    t.throws(() => authenticator(second, one), /two principals claim the same certificates/)
  })
}

t.test('one principal may claim what overlaps', async t => {
  const credentials = [{ mtls: { uri: 'spiffe://a/*' } }, { mtls: { uri: 'spiffe://a/b' } }, { mtls: { uri: 'spiffe://a/b' } }]
  const principals = [{ name: 'a', groups: [], credentials }]
  t.doesNotThrow(() => authMtls.create({ config: {}, principals, tables: [], log: silentLog }))
})
