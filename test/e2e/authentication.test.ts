// Senders prove who they are to a gateway of two workers: by password, by a signed token, by one that is asked about.

import t from 'tap'
import { makeHash } from '../../plugins/auth-basic/password-hash.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import { oidcClient, startOidcProvider } from '../support/oidc-provider.ts'
import { until } from '../support/until.ts'

const audience = 'urn:sluice:test'
const unsafePassword = 'p\u00e4ss: word'

interface Answered { readonly status: number, readonly code: string | undefined, readonly scheme: string | null }

/** Over a connection of its own, so that either worker may be asked. */
async function send ({ port }: GatewayProcess, authorization?: string): Promise<Answered> {
  const response = await fetch(`http://127.0.0.1:${port}/v1/events/orders`, {
    method: 'POST', body: '{"a":1}',
    headers: { 'content-type': 'application/json', 'connection': 'close', ...(authorization === undefined ? {} : { authorization }) }
  })
  const { code } = await response.json() as { code?: string }
  return { status: response.status, code, scheme: response.headers.get('www-authenticate') }
}

/** Of so many that went to either worker, each answer that there was. */
async function sendMany (gateway: GatewayProcess, authorization: string): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: 16 }, () => send(gateway, authorization)))
  return [...new Set(answers.map(({ status, code }) => `${status} ${code}`))]
}

const basic = (password: string): string => `Basic ${Buffer.from(`f\u00e4ctory:${password}`).toString('base64')}`

const config = (issuer: string, passwordHash: string): string => `
listeners: [ { protocol: http, port: 0 } ]
workers: 2
limits: { failedLoginsMax: 0 }
sink: journal
journal: { dir: ./journal }
principals:
  - name: factory-8
    credentials: [ { basic: { username: "f\u00e4ctory", passwordHash: "${passwordHash}" } } ]
  - { name: factory-7, groups: [ factories ], credentials: [ { jwt: { issuer: "${issuer}", subject: factory-7 } } ] }
  - { name: factory-9, groups: [ factories ], credentials: [ { introspection: { subject: factory-7 } } ] }
authentication:
  - auth-basic: { rememberMs: 60000, waitingCountMax: 20 }
  - auth-jwt:
      issuers: [ { issuer: "${issuer}", audiences: [ "${audience}" ], knownOnly: true, principalClaim: client_id, tokenType: at+jwt } ]
      keysFetchGapMs: 50
      rememberMs: 0
  - auth-introspection:
      url: "${issuer}/token/introspection"
      clientId: "${oidcClient.id}"
      clientSecret: "${oidcClient.secret}"
      principalClaim: client_id
      knownOnly: true
      rememberMs: 0
      rememberInactiveMs: 0
routes:
  - { name: orders, channel: orders, topic: orders, policies: [ { acl: { allow: [ "group:factories", "principal:factory-8" ] } } ] }
`

t.test('a gateway of two workers that asks who is sending', { timeout: 300_000 }, async t => {
  const provider = await startOidcProvider()
  t.teardown(() => provider.stop())
  const gateway = await startGatewayProcess(t.testdir(), config(provider.issuer, await makeHash(unsafePassword)))
  t.teardown(() => gateway.kill())

  await t.test('whoever shows nothing is told how to', async t => {
    const { status, code, scheme } = await send(gateway)
    t.same([status, code], [401, 'unauthenticated'])
    t.match(scheme, /Basic/)
    t.match(scheme, /Bearer/)
  })

  await t.test('a password is taken by both workers, a wrong one by none', async t => {
    t.same(await sendMany(gateway, basic(unsafePassword)), ['200 undefined'])
    t.same(await sendMany(gateway, basic('wrong')), ['401 unauthenticated'])
    t.same(await sendMany(gateway, basic('')), ['401 unauthenticated'])
  })

  const opaque = await provider.token()
  const signed = await provider.token(audience)
  await t.test('an opaque token is asked about', async t => {
    t.equal(signed.split('.').length, 3)
    t.equal(opaque.split('.').length, 1)
    t.same(await sendMany(gateway, `Bearer ${opaque}`), ['200 undefined'])
    t.same(await sendMany(gateway, 'Bearer invented'), ['401 unauthenticated'])
  })

  await t.test('a signed token is taken, one for somebody else or with a changed signature is not', async t => {
    t.same(await sendMany(gateway, `Bearer ${signed}`), ['200 undefined'])
    t.same(await sendMany(gateway, `Bearer ${await provider.token('urn:other')}`), ['401 unauthenticated'])
    t.same(await sendMany(gateway, `Bearer ${signed.slice(0, -8)}AAAAAAAA`), ['401 unauthenticated'])
  })

  await t.test('with the issuer gone its keys go on counting, and what must be asked about is refused for now', async t => {
    await provider.stop()
    t.same(await sendMany(gateway, `Bearer ${signed}`), ['200 undefined'])
    t.same(await sendMany(gateway, `Bearer ${opaque}`), ['503 unverifiable'])
  })

  await t.test('a token of a new key is taken once the issuer is back, in both workers, and one of the old key no longer', async t => {
    await provider.start('second')
    const fresh = await provider.token(audience)
    const only = async (token: string, answer: string): Promise<boolean> =>
      (await sendMany(gateway, `Bearer ${token}`)).join() === answer
    t.ok(await until(() => only(fresh, '200 undefined'), { timeoutMs: 60_000, what: () => 'a new key in both workers' }))
    // A worker that may not ask its issuer again yet says so.
    const old = { timeoutMs: 60_000, what: () => 'the end of the old key in both workers' }
    t.ok(await until(() => only(signed, '401 unauthenticated'), old))
  })
  t.ok(await gateway.stop())
})

t.test('a gateway that never had the keys of an issuer says so, and not that the token is bad', { timeout: 120_000 }, async t => {
  const provider = await startOidcProvider()
  t.teardown(() => provider.stop())
  const signed = await provider.token(audience)
  await provider.stop()
  const gateway = await startGatewayProcess(t.testdir(), config(provider.issuer, await makeHash(unsafePassword)))
  t.teardown(() => gateway.kill())
  t.same(await sendMany(gateway, `Bearer ${signed}`), ['503 unverifiable'])
  t.ok(await gateway.stop())
})
