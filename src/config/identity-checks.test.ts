// Who may send: what would let nobody in, and names that nobody has, are told at their place, all at once.

import t from 'tap'
import { schema, settingChecks } from '../settings.ts'
import { loadConfig } from './load.ts'

const hash = `sha256:${'0'.repeat(64)}`
const anna = `{ name: anna, groups: [ staff ], credentials: [ { apiKey: "${hash}" } ] }`

/** What is told of a config with these lists. */
function told (lists: { principals?: string, authentication?: string, policies?: string }): string[] {
  const { principals = anna, authentication = 'auth-api-key: {}', policies = '' } = lists
  const text = `listeners: [ { protocol: http, port: 0 } ]
sink: journal
principals: [ ${principals} ]
authentication: [ ${authentication} ]
policies: [ ${policies} ]
routes: [ { name: a, channel: a, topic: a } ]
`
  const readFile = (): string => 'short'
  const loaded = loadConfig({ text, path: 'sluice.yaml', env: {}, readFile, schema, checks: settingChecks })
  return 'document' in loaded ? [] : loaded.mistakes.map(({ path, problem, suggestion }) =>
    `${path}: ${problem}${suggestion === undefined ? '' : `; ${suggestion}?`}`)
}

const issuer = (more = ''): string => `auth-jwt: { issuers: [ { issuer: "https://a.example", audiences: [ a ] ${more} } ] }`
const signed = (more: string): string => `{ name: anna, groups: [ staff ], credentials: [ ${more} ] }`
const long = 's'.repeat(16)

t.test('what somebody has or may have is no mistake', async t => {
  t.same(told({}), [])
  t.same(told({ policies: 'acl: { allow: [ "*", "group:staff", "principal:anna" ], deny: [ "principal:anna" ] }' }), [])
  const unknown = 'acl: { allow: [ "group:else", "principal:else" ] }'
  t.same(told({ authentication: issuer(), principals: '', policies: unknown }), [], 'tokens make principals')
  t.same(told({ authentication: '', principals: '', policies: 'acl: { allow: [ "*" ] }' }), [])
  t.same(told({ policies: 'ip-restriction: { allow: [] }, ip-restriction: { deny: [ 10.0.0.1 ] }' }), [])
  t.same(told({ authentication: 'auth-webhook, auth-signature', principals: signed(
    `{ webhook: { preset: github, secrets: [ ${long} ] } }, { signature: { keyId: a, secret: "\${file:gone}" } }`) }), [])
})

const wrong: [lists: Parameters<typeof told>[0], mistakes: RegExp[]][] = [
  [{ principals: signed('{ basic: { username: a, passwordHash: "$scrypt$x" } }') },
    [/^principals\[0\]\.credentials\[0\]\.basic: basic, and nothing under authentication asks for it/]],
  [{ policies: 'acl: { allow: [ "group:stafff", "principal:ana" ], deny: [ "principal:bob" ] }' }, [
    /^policies\[0\]\.acl\.allow\[0\]: "group:stafff" is nobody.*in that group; group:staff\?$/,
    /^policies\[0\]\.acl\.allow\[1\]: "principal:ana" is nobody.*; principal:anna\?$/,
    /^policies\[0\]\.acl\.deny\[0\]: "principal:bob" is nobody: no principal of the config has that name$/
  ]],
  [{ authentication: issuer(', knownOnly: true'), principals: '', policies: 'acl: { allow: [ "group:else" ] }' },
    [/^policies\[0\]\.acl\.allow\[0\]: "group:else" is nobody/]],
  [{ policies: 'ip-restriction: {}, ip-restriction: { shadow: true }' },
    [/^policies\[0\]\.ip-restriction: neither allow nor deny/, /^policies\[1\]\.ip-restriction: neither/]],
  [{ authentication: 'auth-webhook, auth-signature', principals: signed('{ webhook: { preset: github, secrets: [ short ] } }, ' +
    `{ webhook: { preset: standard-webhooks, secrets: [ "whsec_c2hvcnQ=", ${long}${long} ] } }, { signature: { keyId: a, secret: x } }`) }, [
    /^principals\[0\]\.credentials\[0\]\.webhook\.secrets\[0\]: this secret has 5 bytes and can be guessed/,
    /^principals\[0\]\.credentials\[1\]\.webhook\.secrets\[0\]: this secret has 5 bytes/,
    /^principals\[0\]\.credentials\[2\]\.signature\.secret: the secret of the key "a" has 1 bytes/
  ]],
  [{ authentication: 'auth-signature', principals: signed(
    `{ signature: { keyId: a, secret: ${long} } }, { signature: { keyId: a, secret: ${long}x } }`) },
    [/^principals\[0\]\.credentials\[1\]\.signature: the key id "a" is that of another key already/]],
  [{ authentication: 'auth-signature', principals: signed('{ signature: { keyId: a, algorithm: ed25519, publicKey: x } }') },
    [/^principals\[0\]\.credentials\[0\]\.signature\.publicKey: the public key of "a" is not a key in PEM/]]
]
for (const [lists, mistakes] of wrong) {
  t.test(`${JSON.stringify(lists).slice(0, 100)} is told`, async t => {
    const found = told(lists)
    t.equal(found.length, mistakes.length, found.join('\n'))
    for (const [at, mistake] of mistakes.entries()) t.match(found[at], mistake)
  })
}

t.test('other mistakes in a section do not hide these', async t => {
  const found = told({
    principals: `${anna}, { name: [] }`, authentication: `auth-api-key: { nonsense: 1 }, ${issuer().replace('https', 'http')}`,
    policies: 'acl: { allow: [ "*" ], when: "1 + 1" }, rate-limit: { eventsPerSecondMax: many }'
  })
  for (const place of [
    /^principals\[1\]\.name/, /^authentication\[0\]\.auth-api-key/, /^authentication\[1\].*encrypted address/,
    /^policies\[0\]\.acl\.when/, /^policies\[1\]\.rate-limit/
  ]) t.ok(found.some(one => place.test(one)), `${place} in ${found.join('\n')}`)
})
