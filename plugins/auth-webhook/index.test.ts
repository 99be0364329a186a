// Tests of the auth-webhook policy: the published examples of each preset, and every way to bend a webhook.

import { createHmac } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import type { Credentials } from '../../src/contract/adapter.ts'
import type { Principal } from '../../src/contract/envelope.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Authenticator } from '../../src/contract/policy.ts'
import { Secret } from '../../src/contract/secret.ts'
import { attributesOf, peer, silentLog } from '../../test/support/odd-envelopes.ts'
import { tablesFor, TableTime } from '../../test/support/table-rig.ts'
import type { WebhookConfig, WebhookCredential } from './config.ts'
import { authWebhook } from './index.ts'

type Pairs = [string, string][]

const defaults: WebhookConfig = {
  toleranceMs: 300_000, undatedMs: 3_600_000, rememberedCountMax: 1_000, bodyBytesMax: 1_000
}

function provider (name: string, preset: WebhookCredential['preset'], secrets: string[], path?: string): object {
  const webhook = { preset, secrets: secrets.map(text => new Secret(text)), ...(path === undefined ? {} : { path }) }
  return { name, groups: [], credentials: [{ webhook }] }
}

function authenticator (principals: object[], time?: TableTime): Authenticator {
  const tables = tablesFor(authWebhook.tables?.(defaults as never) ?? [], time)
  return authWebhook.create({ config: defaults, principals: principals as never, tables, log: silentLog })
}

function show (pairs: Pairs, body: string | Refusal, path = '/v1/events/hooks?a=1'): Credentials & { asked: number[] } {
  const asked: number[] = []
  return {
    asked, attributes: attributesOf([[':path', path], ...pairs]), argument: () => undefined,
    body: async bytesMax => {
      asked.push(bytesMax)
      return isRefusal(body) ? body : Buffer.from(body)
    }
  }
}

/** The clock of the gateway, in seconds since the epoch, while a test runs; `time` is that of its tables. */
function setClock (t: Test, seconds: number, time = new TableTime()): (laterSeconds: number) => void {
  const real = Date.now
  let nowMs = seconds * 1_000
  Date.now = () => nowMs
  t.teardown(() => { Date.now = real })
  return laterSeconds => {
    nowMs += laterSeconds * 1_000
    time.nowMs += laterSeconds * 1_000
  }
}

const mac = (secret: string | Buffer, text: string, encoding: 'hex' | 'base64'): string =>
  createHmac('sha256', secret).update(text).digest(encoding)

// The example that the reference libraries of Standard Webhooks are tested with.
const standardSecret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const standardSeconds = 1614265330
const standardBody = '{"test": 2432232314}'
const standardPairs: Pairs = [
  ['webhook-id', 'msg_p5jXN8AQM9LWM0D4loKWxJek'], ['webhook-timestamp', '1614265330'],
  ['webhook-signature', 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=']
]
const standard = provider('sender', 'standard-webhooks', [standardSecret])

// The example of GitHub's documentation.
const githubSecret = 'It\'s a Secret to Everybody'
const githubBody = 'Hello, World!'
const githubPairs: Pairs = [
  ['x-hub-signature-256', 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17'],
  ['x-github-delivery', '72d3162e-cc78-11e3-81ab-4c9367dc0958']
]
const github = provider('github', 'github', [githubSecret])

const stripe = provider('stripe', 'stripe', ['whsec_new', 'whsec_old'])
const stripePairs = (seconds: number, secret: string, body: string): Pairs =>
  [['stripe-signature', `t=${seconds},v1=${mac(secret, `${seconds}.${body}`, 'hex')},v0=${'0'.repeat(64)}`]]

const changed = (pairs: Pairs, name: string, value: string): Pairs =>
  pairs.map(([one, was]) => [one, one === name ? value : was])

t.test('the published example of Standard Webhooks is taken, and only as it is', async t => {
  setClock(t, standardSeconds)
  t.match(await authenticator([standard]).authenticate(show(standardPairs, standardBody), peer), { name: 'sender' })
  const withoutPrefix = provider('sender', 'standard-webhooks', [standardSecret.slice('whsec_'.length)])
  t.match(await authenticator([withoutPrefix]).authenticate(show(standardPairs, standardBody), peer), { name: 'sender' })
  const forgeries = [
    show(standardPairs, `${standardBody} `), show(changed(standardPairs, 'webhook-id', 'msg_other'), standardBody),
    show(changed(standardPairs, 'webhook-timestamp', '1614265331'), standardBody)
  ]
  for (const forgery of forgeries) {
    t.match(await authenticator([standard]).authenticate(forgery, peer), { code: 'unauthenticated', detail: /does not match/ })
  }
})

t.test('one of several signatures is enough, of several versions only v1 counts', async t => {
  setClock(t, standardSeconds)
  const right = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE='
  const wrong = `v1,${Buffer.alloc(32).toString('base64')}`
  const lists: [text: string, taken: boolean][] = [
    [`${wrong} ${right}`, true], [`${right} ${wrong}`, true], [`v1a,xxxx ${right}`, true], [wrong, false],
    [right.replace('v1', 'v2'), false], [`${wrong} `.repeat(20) + right, false], ['', false], ['v1,', false], ['v1,AAAA', false]
  ]
  for (const [text, taken] of lists) {
    const pairs = changed(standardPairs, 'webhook-signature', text)
    const given = await authenticator([standard]).authenticate(show(pairs, standardBody), peer)
    t.match(given, taken ? { name: 'sender' } : { code: 'unauthenticated' }, text.slice(0, 20))
  }
})

t.test('the published example of GitHub is taken, and only as it is', async t => {
  t.match(await authenticator([github]).authenticate(show(githubPairs, githubBody), peer), { name: 'github' })
  t.match(await authenticator([github]).authenticate(show(githubPairs, 'Hello, World?'), peer), { code: 'unauthenticated' })
  const signature = githubPairs[0]?.[1] ?? ''
  for (const text of ['', 'sha256=', signature.slice(0, -1), signature.toUpperCase(), signature.replace('sha256', 'sha1')]) {
    const pairs = changed(githubPairs, 'x-hub-signature-256', text)
    const given = await authenticator([github]).authenticate(show(pairs, githubBody), peer)
    t.match(given, { code: 'unauthenticated', detail: /cannot be read; send x-hub-signature-256/ }, text)
  }
})

t.test('Stripe\'s shape is taken with any of the secrets, while one takes the place of another', async t => {
  setClock(t, 1_700_000_000)
  for (const secret of ['whsec_new', 'whsec_old']) {
    const credentials = show(stripePairs(1_700_000_000, secret, '{}'), '{}')
    t.match(await authenticator([stripe]).authenticate(credentials, peer), { name: 'stripe' }, secret)
  }
  const other = show(stripePairs(1_700_000_000, 'whsec_other', '{}'), '{}')
  t.match(await authenticator([stripe]).authenticate(other, peer), { code: 'unauthenticated', detail: /does not match/ })
  for (const text of ['', 't=1', 'v1=aa', 't=x,v1=aa', `v1=${'a'.repeat(64)}`, `t=1700000000,v0=${'a'.repeat(64)}`]) {
    const given = await authenticator([stripe]).authenticate(show([['stripe-signature', text]], '{}'), peer)
    t.match(given, { code: 'unauthenticated' }, text)
  }
})

t.test('a time that is too far away is refused before the body is read', async t => {
  setClock(t, 1_700_000_000)
  for (const [seconds, taken] of [[-299, true], [-301, false], [299, true], [301, false], [-9e8, false]] as const) {
    const at = 1_700_000_000 + seconds
    const credentials = show(stripePairs(at, 'whsec_new', '{}'), '{}')
    const given = await authenticator([stripe]).authenticate(credentials, peer)
    t.match(given, taken ? { name: 'stripe' } : { code: 'unauthenticated', detail: /too far from now/ }, `${seconds}`)
    t.equal(credentials.asked.length, taken ? 1 : 0)
  }
})

const underWay = { code: 'unverifiable', retryAfterMs: 1_000, detail: /this webhook is under way/ }
const takenAlready = { code: 'unauthenticated', proven: true, detail: /this webhook was taken already/ }

t.test('a webhook is taken once, whichever of its signatures a copy shows', async t => {
  const time = new TableTime()
  const pass = setClock(t, 1_700_000_000, time)
  const one = authenticator([stripe], time)
  const first = await one.authenticate(show(stripePairs(1_700_000_100, 'whsec_old', '{}'), '{}'), peer) as Principal
  t.equal(first.name, 'stripe')
  first.singleUse?.useUp()
  for (const later of [0, 0, 200, 150]) {
    pass(later)
    for (const secret of ['whsec_old', 'whsec_new']) {
      const copy = await one.authenticate(show(stripePairs(1_700_000_100, secret, '{}'), '{}'), peer)
      t.match(copy, takenAlready)
    }
  }
  t.match(await one.authenticate(show(stripePairs(1_700_000_101, 'whsec_new', '{}'), '{}'), peer), { name: 'stripe' }, 'tried again')
})

t.test('a webhook of which nothing was written can be sent again, one that was written cannot', async t => {
  const time = new TableTime()
  setClock(t, 1_700_000_000, time)
  const one = authenticator([github, stripe], time)
  const shown = [show(githubPairs, githubBody), show(stripePairs(1_700_000_000, 'whsec_new', '{}'), '{}')]
  for (const credentials of shown) {
    const first = await one.authenticate(credentials, peer) as Principal
    t.match(await one.authenticate(credentials, peer), underWay)
    first.singleUse?.giveBack()
    const second = await one.authenticate(credentials, peer) as Principal
    t.equal(second.name, first.name)
    second.singleUse?.useUp()
    second.singleUse?.giveBack()
    t.match(await one.authenticate(credentials, peer), takenAlready)
  }
})

t.test('a copy of a GitHub webhook is refused for a while, whatever delivery it says it is', async t => {
  const time = new TableTime()
  const pass = setClock(t, 1_700_000_000, time)
  const one = authenticator([github], time)
  const first = await one.authenticate(show(githubPairs, githubBody), peer) as Principal
  t.equal(first.name, 'github')
  first.singleUse?.useUp()
  t.match(await one.authenticate(show(githubPairs, githubBody), peer), takenAlready)
  pass(3_590)
  const otherId = changed(githubPairs, 'x-github-delivery', 'another')
  t.match(await one.authenticate(show(otherId, githubBody), peer), takenAlready)
  pass(20)
  t.match(await one.authenticate(show(githubPairs, githubBody), peer), { name: 'github' })
})

t.test('providers stand side by side, apart by preset, path or secret', async t => {
  setClock(t, 1_700_000_000)
  const all = [
    stripe, github, provider('other-org', 'github', ['other']), provider('ci', 'github', ['third'], '/v1/events/ci')
  ]
  const githubBy = (secret: string): Pairs => [['x-hub-signature-256', `sha256=${mac(secret, 'x', 'hex')}`]]
  const cases: [secret: string, path: string, expected: object][] = [
    [githubSecret, '/v1/events/hooks', { name: 'github' }], ['other', '/any', { name: 'other-org' }],
    ['other', '/v1/events/ci', { name: 'other-org' }], ['third', '/v1/events/ci?x=1', { name: 'ci' }],
    ['third', '/v1/events/hooks', { code: 'unauthenticated' }], ['third', '/v1/events/ci/', { code: 'unauthenticated' }]
  ]
  for (const [secret, path, expected] of cases) {
    t.match(await authenticator(all).authenticate(show(githubBy(secret), 'x', path), peer), expected, `${secret} ${path}`)
  }
  t.match(await authenticator(all).authenticate(show(stripePairs(1_700_000_000, 'whsec_new', 'x'), 'x'), peer), { name: 'stripe' })
})

t.test('a secret that two providers have is nobody\'s', async t => {
  const two = [github, provider('copy', 'github', [githubSecret])]
  t.match(await authenticator(two).authenticate(show(githubPairs, githubBody), peer), { detail: /two providers/ })
})

t.test('whoever shows nothing that is configured is left to the next authenticator, unread', async t => {
  const credentials = show(githubPairs, githubBody)
  t.equal(authenticator([stripe]).authenticate(credentials, peer), undefined)
  const elsewhere = provider('github', 'github', [githubSecret], '/v1/events/github')
  t.equal(authenticator([elsewhere]).authenticate(credentials, peer), undefined)
  t.equal(authenticator([]).authenticate(credentials, peer), undefined)
  t.same(credentials.asked, [])
})

t.test('a refusal to read the body is passed on, and where there is no body there is no webhook', async t => {
  const tooLarge = refuse('too-large', 'the body is above 1000 bytes')
  t.equal(await authenticator([github]).authenticate(show(githubPairs, tooLarge), peer), tooLarge)
  const { body: _body, ...bodiless } = show(githubPairs, '')
  t.match(await authenticator([github]).authenticate(bodiless, peer), { code: 'unauthenticated' })
})

t.test('no refusal shows a secret, and no signature travels on', async t => {
  const one = authenticator([provider('g', 'github', ['canary-7'])])
  t.notMatch(JSON.stringify(await one.authenticate(show(githubPairs, githubBody), peer)), /canary-7/)
  t.same(one.secretNames, ['webhook-signature', 'x-hub-signature-256', 'stripe-signature', 'x-hub-signature'])
})

t.test('more secrets than can be tried for one request are told at once', async t => {
  const many = (path?: (i: number) => string): object[] => Array.from({ length: 33 }, (_, i) =>
    provider(`p${i}`, 'github', [`secret ${i}`], path?.(i)))
  t.throws(() => authenticator(many()), /more than 32 webhook secrets/)
  t.throws(() => authenticator(many(() => '/one')), /more than 32/)
  t.doesNotThrow(() => authenticator(many(i => `/path/${i}`)))
})
