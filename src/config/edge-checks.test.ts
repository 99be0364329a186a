// What is set at the edge and could not do what it says is a mistake, told at its place.

import t from 'tap'
import { schema, settingChecks } from '../settings.ts'
import { loadConfig } from './load.ts'
import {
  certificatesCanBeShown, clientCertificatesHaveAnAuthority, networksAreNetworks, pagesWithCredentialsAreNamed,
  proxiesAreNamed
} from './edge-checks.ts'

interface Parts { readonly listener?: string, readonly more?: string, readonly policies?: string }

/** What is told about a config with these parts. */
function told ({ listener = '', more = '', policies = '' }: Parts): string[] {
  const loaded = loadConfig({
    text: `listeners: [ { protocol: http, port: 0 ${listener} } ]
kafka: { brokers: [ "a:1" ] }
routes: [ { name: a, channel: a, topic: a, policies: [ ${policies} ] } ]
${more}
`,
    path: 'sluice.yaml', env: {}, readFile: () => '', schema, checks: settingChecks
  })
  return 'document' in loaded ? [] : loaded.mistakes.map(({ path, problem }) => `${path}: ${problem}`)
}

const files = 'cert: a, key: b'
const sound: Parts[] = [
  { listener: `, tls: { ${files}, clientCa: c, clientCertificate: request, crl: d }`, more: 'authentication: [ auth-mtls ]' },
  { listener: ', proxyProtocol: true, trustedProxies: [ 10.0.0.0/8, "::1" ]' },
  { more: 'rest: { trustedProxies: [ 10.0.0.1 ], cors: { origins: [ "https://a.example" ], credentials: true } }' },
  { more: 'rest: { cors: { origins: [ "*" ] } }' },
  { policies: 'ip-restriction: { allow: [ 10.0.0.0/8 ], deny: [ "2001:db8::/32" ] }' }
]
for (const parts of sound) t.test(`${JSON.stringify(parts)} is no mistake`, async t => { t.same(told(parts), []) })

const wrong: [parts: Parts, mistake: RegExp][] = [
  [{ listener: `, tls: { ${files}, clientCertificate: require }` }, /listeners\[0\]\.tls\.clientCertificate: set, and without clientCa/],
  [{ listener: `, tls: { ${files}, crl: c }` }, /listeners\[0\]\.tls\.crl: set, and without clientCa/],
  [{ more: 'authentication: [ auth-mtls ]' }, /authentication\[0\]: auth-mtls, and no listener asks/],
  [{ listener: ', proxyProtocol: true' }, /listeners\[0\]\.proxyProtocol: on, and no proxy is trusted/],
  [{ listener: ', trustedProxies: [ 10.0.0.1 ]' }, /listeners\[0\]\.trustedProxies: set, and nothing is read/],
  [{ more: 'rest: { cors: { origins: [ "*" ], credentials: true } }' }, /rest\.cors\.credentials: true beside the origin/],
  [{ more: 'rest: { cors: { origins: [ shop.example ] } }' }, /rest\.cors\.origins\[0\]/],
  [{ more: 'rest: { trustedProxies: [ 10.0.0.0/33 ] }' }, /rest\.trustedProxies\[0\]: "10\.0\.0\.0\/33" is no address/],
  [{ listener: ', proxyProtocol: true, trustedProxies: [ 1.2.3 ]' }, /listeners\[0\]\.trustedProxies\[0\]: "1\.2\.3" is no/],
  [{ policies: 'ip-restriction: { deny: [ 300.0.0.1 ] }' }, /routes\[0\]\.policies\[0\]\.ip-restriction\.deny\[0\]: "300/],
  [{ policies: 'ip-restriction: { deny: [ 10.1.2.3/8 ] }' }, /deny\[0\]: "10\.1\.2\.3\/8" names an address within a network/],
  [{ more: 'policies: [ ip-restriction: { allow: [ "::/129" ] } ]' }, /policies\[0\]\.ip-restriction\.allow\[0\]: "::\/129"/]
]
for (const [parts, mistake] of wrong) {
  t.test(`${JSON.stringify(parts)} is told`, async t => {
    const mistakes = told(parts)
    t.equal(mistakes.length, 1, mistakes.join('; '))
    t.match(mistakes[0], mistake)
  })
}

const odd: Record<string, unknown>[] = [
  {}, { listeners: 1, routes: [null], rest: [] }, { listeners: [null, { tls: 1 }], policies: [7], authentication: [1] }
]
const checks = [
  certificatesCanBeShown, clientCertificatesHaveAnAuthority, networksAreNetworks, pagesWithCredentialsAreNamed,
  proxiesAreNamed
]
t.test('a document that is wrong everywhere is borne', async t => {
  for (const check of checks) for (const document of odd) t.doesNotThrow(() => check(document, () => false))
})
