// Client certificates on real sockets: which are taken, what is read from them, and what revoking and expiring do.

import { X509Certificate, createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { connect } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import t from 'tap'
import { makeCertificates, makeIdentity, makeRevocations } from '../../test/support/certificates.ts'
import type { Identity } from '../../test/support/certificates.ts'
import { ask, openListener, until } from '../../test/support/listener-rig.ts'
import type { ListenerRig } from '../../test/support/listener-rig.ts'
import type { Certificate, Peer } from '../contract/envelope.ts'
import { readCertificate } from './peer-certificate.ts'

const folder = t.testdir({ ours: {}, theirs: {} })
const ours = `${folder}/ours`
const { caPath, certPath, keyPath } = await makeCertificates(ours)
const ca = readFileSync(caPath, 'utf8')
const tls = { cert: certPath, key: keyPath, minVersion: 'TLSv1.2', clientCa: caPath } as const
const spiffe = 'spiffe://example.org/factory/7'

const identities: Record<string, Identity | undefined> = {
  'good': await makeIdentity(ours, {
    name: 'factory-7', names: [
      { type: 6, value: spiffe }, { type: 2, value: 'f7.example' }, { type: 1, value: 'f7@example.org' },
      { type: 2, value: 'f8.example' }
    ]
  }),
  'revoked': await makeIdentity(ours, { name: 'revoked' }),
  'expired': await makeIdentity(ours, { name: 'expired', validDays: -1 }),
  'of another authority': await makeIdentity(`${folder}/theirs`, { name: 'factory-7' }),
  'self-signed': await makeIdentity(ours, { name: 'own', commonName: 'factory-7', selfSigned: true }),
  'missing': undefined
}
const crl = await makeRevocations(ours, [identities['revoked'] as Identity])

async function certificateSeen (rig: ListenerRig, identity: Identity | undefined): Promise<Certificate | undefined> {
  const { text } = await ask({ port: rig.port, ca, ...(identity === undefined ? {} : { identity }) })
  return (JSON.parse(text) as Peer).certificate
}

for (const [which, identity] of Object.entries(identities)) {
  t.test(`where a certificate is required, one that is ${which} ${which === 'good' ? 'gets in' : 'does not get in'}`, async t => {
    const rig = await openListener(t, { tls: { ...tls, crl } })
    if (which === 'good') return t.match(await certificateSeen(rig, identity), { subject: 'CN=factory-7' })
    await t.rejects(certificateSeen(rig, identity))
    await until('the note', () => rig.messages.includes('TLS handshake failed'))
    await until('leaving', () => rig.connections.gauges.get('connections_active')?.() === 0)
  })

  t.test(`where a certificate is only requested, one that is ${which} is ${which === 'good' ? '' : 'not '}shown`, async t => {
    const rig = await openListener(t, { tls: { ...tls, crl, clientCertificate: 'request' } })
    const seen = await certificateSeen(rig, identity)
    if (which === 'good') t.match(seen, { uris: [spiffe] })
    else t.equal(seen, undefined)
  })
}

t.test('a certificate is read in full, and once for all requests of its connection', async t => {
  const good = identities['good'] as Identity
  const seen = new Set<unknown>()
  let peer: Peer | undefined
  const rig = await openListener(t, {
    tls,
    handle (request, response) {
      peer = rig.listener.peerOf(request.socket)
      seen.add(peer.certificate)
      response.end()
    }
  })
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ...good, ca })
  t.teardown(() => agent.destroy())
  for (let count = 0; count < 3; count++) await ask({ port: rig.port, ca, agent })
  t.equal(seen.size, 1)
  const { raw, validTo } = new X509Certificate(good.cert)
  t.same(peer?.certificate, {
    subject: 'CN=factory-7', dnsNames: ['f7.example', 'f8.example'], uris: [spiffe], emails: ['f7@example.org'],
    fingerprint: createHash('sha256').update(raw).digest('hex'), expiresAtMs: Date.parse(validTo)
  })
})

t.test('without clientCa no certificate is asked for or shown', async t => {
  const { clientCa: _none, ...plain } = tls
  t.equal(await certificateSeen(await openListener(t, { tls: plain }), identities['good']), undefined)
})

t.test('revoking one reaches the next connection, also one that resumes an old session', async t => {
  const own = `${t.testdir({ own: {} })}/own`
  const made = await makeCertificates(own)
  const identity = await makeIdentity(own, { name: 'soon-revoked' })
  const path = await makeRevocations(own, [])
  const rig = await openListener(t, {
    tls: { cert: made.certPath, key: made.keyPath, minVersion: 'TLSv1.2', clientCa: made.caPath, crl: path }
  })
  const dialWith = (session?: Buffer): Promise<TLSSocket> => new Promise((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1', port: rig.port, ca: readFileSync(made.caPath), ...identity, maxVersion: 'TLSv1.2',
      ...(session === undefined ? {} : { session })
    })
    socket.on('error', reject).on('close', () => reject(new Error('cut')))
    socket.once('data', () => resolve(socket))
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  })
  const before = await dialWith()
  t.teardown(() => before.destroy())
  const again = await dialWith(before.getSession())
  t.equal(again.isSessionReused(), false)
  again.destroy()
  await makeRevocations(own, [identity])
  await until('reloading', () => rig.messages.includes('certificate reloaded'))
  await t.rejects(dialWith(before.getSession()))
})

t.test('a list that is out of date lets nobody in', async t => {
  const own = `${t.testdir({ own: {} })}/own`
  await makeCertificates(own)
  const identity = await makeIdentity(own, { name: 'a' })
  const old = await makeRevocations(own, [], { validDays: -1 })
  const rig = await openListener(t, { tls: { ...tls, clientCa: `${own}/ca.pem`, crl: old } })
  await t.rejects(certificateSeen(rig, identity))
})

t.test('files without what they should hold fail before anything listens', async t => {
  await t.rejects(openListener(t, { tls: { ...tls, clientCa: keyPath } }), /holds no certificate/)
  await t.rejects(openListener(t, { tls: { ...tls, crl: certPath } }), /holds no certificate revocation list/)
})

/** As much of a certificate as is read. */
function shown (subject: string, subjectAltName: string): X509Certificate {
  return { subject, subjectAltName, fingerprint256: 'AB:CD', validTo: 'Nov 26 00:00:00 2026 GMT' } as X509Certificate
}

const texts: [subject: string, names: string, expected: Partial<Certificate>][] = [
  ['C=DE\nO=Example\\, Inc.\nCN=a', '', { subject: 'CN=a,O=Example\\, Inc.,C=DE', dnsNames: [], fingerprint: 'abcd' }],
  ['CN=a + serialNumber=7', '', { subject: 'CN=a+serialNumber=7' }],
  ['', 'DNS:a.example, URI:spiffe://x/y, email:a@b.c, IP Address:10.0.0.1, DNS:b.example', {
    subject: '', dnsNames: ['a.example', 'b.example'], uris: ['spiffe://x/y'], emails: ['a@b.c']
  }],
  ['CN=a', 'DNS:"a.example, DNS:forged.example"', { dnsNames: ['a.example, DNS:forged.example'] }],
  ['CN=a', 'URI:"spiffe://x/\\u0027y"', { uris: ['spiffe://x/\'y'] }],
  ['CN=a', 'DNS:a.example, DNS:"broken\\', { dnsNames: [] }],
  ['CN=a', 'DNS:a.example, "DNS:x"', { dnsNames: [] }],
  ['CN=a', 'DNS:"\\q"', { dnsNames: [] }],
  ['CN=a', 'DNS:a.example,URI:spiffe://x', { dnsNames: [], uris: [] }]
]
for (const [subject, names, expected] of texts) {
  t.test(`of ${JSON.stringify(subject)} and ${names || 'no names'} is read ${JSON.stringify(expected)}`, async t => {
    t.match(readCertificate(shown(subject, names)), expected)
  })
}
