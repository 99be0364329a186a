// Authentication: who is asked in which order, what ends the search, and what failing means.

import t from 'tap'
import { peer } from '../../test/support/odd-envelopes.ts'
import { tablesFor } from '../../test/support/table-rig.ts'
import type { Credentials, Eventually } from '../contract/adapter.ts'
import { noAttributes } from '../contract/envelope.ts'
import type { Peer, Principal } from '../contract/envelope.ts'
import { refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'
import type { Authenticator } from '../contract/policy.ts'
import { repetitionOf } from '../contract/single-use.ts'
import { createAccess } from './access.ts'
import { createFailedLogins, failedLoginTables } from './failed-logins.ts'
import { createAuthentication, schemesOf, secretNamesOf } from './authentication.ts'
import type { Authenticate } from './authentication.ts'
import { createGates } from './gates.ts'
import type { SeatedGate } from './gates.ts'

type Answer = Eventually<Principal | Refusal | undefined>

const credentials: Credentials = { attributes: noAttributes, argument: () => undefined }
const alice: Principal = { name: 'alice', groups: [], anonymous: false }
const wrongKey = refuse('unauthenticated', 'this key is not known')

const failedLoginsMax = 3

interface Rig { authenticate: Authenticate, asked: string[], accepted: Peer[], faults: unknown[] }

function rigOf (answers: Record<string, () => Answer>, gates: readonly SeatedGate[] = []): Rig {
  const access = createAccess()
  access.disable(['eve'])
  const asked: string[] = []
  const accepted: Peer[] = []
  const faults: unknown[] = []
  const authenticators = Object.entries(answers).map(([name, answer]): Authenticator => ({
    secretNames: [`x-${name}`],
    advice: `send ${name}`,
    authenticate (given, from) {
      t.equal(given, credentials)
      t.equal(from.connectionId, peer.connectionId)
      asked.push(name)
      return answer()
    }
  }))
  const authenticate = createAuthentication({
    authenticators, access, gates: createGates(gates, () => {}, () => {}),
    failedLogins: createFailedLogins({ failedLoginsMax, tables: tablesFor(failedLoginTables(failedLoginsMax)) }),
    onAuthenticated: one => accepted.push(one), onFault: fault => faults.push(fault)
  })
  return { authenticate, asked, accepted, faults }
}

t.test('without authenticators everyone is anonymous', async t => {
  const { authenticate, accepted } = rigOf({})
  t.match(authenticate(credentials, peer), { name: 'anonymous', anonymous: true })
  t.same(accepted, [peer])
})

t.test('the first that knows the peer wins, at once, and the rest are not asked', async t => {
  const { authenticate, asked, accepted } = rigOf({ a: () => undefined, b: () => alice, c: () => undefined })
  t.equal(authenticate(credentials, peer), alice)
  t.same(asked, ['a', 'b'])
  t.same(accepted, [peer])
})

t.test('an authenticator that needs time is awaited, and the search goes on after it', async t => {
  const { authenticate, asked, accepted } = rigOf({
    a: async () => undefined, b: () => undefined, c: async () => alice, d: () => wrongKey
  })
  const found = authenticate(credentials, peer)
  t.type(found, Promise)
  t.same(asked, ['a'])
  t.same(accepted, [])
  t.equal(await found, alice)
  t.same(asked, ['a', 'b', 'c'])
  t.same(accepted, [peer], 'told once')
})

t.test('a refusal ends the search, now or late', async t => {
  for (const answer of [(): Answer => wrongKey, async () => wrongKey]) {
    const { authenticate, asked, accepted } = rigOf({ a: answer, b: () => alice })
    t.equal(await authenticate(credentials, peer), wrongKey)
    t.same(asked, ['a'])
    t.same(accepted, [])
  }
})

t.test('a peer that shows nothing is told every way to authenticate', async t => {
  const now = rigOf({ a: () => undefined, b: () => undefined })
  t.match(now.authenticate(credentials, peer), { code: 'unauthenticated', detail: 'send a, or send b' })
  const late = rigOf({ a: async () => undefined, b: async () => undefined })
  t.match(await late.authenticate(credentials, peer), { code: 'unauthenticated', detail: 'send a, or send b' })
  t.same(late.accepted, [])
})

t.test('an authenticator that throws lets nobody in, and its fault is told', async t => {
  const bug = new Error('directory says s3cret')
  const throws = (): never => { throw bug }
  for (const answers of [
    { a: throws, b: () => alice },
    { a: async () => throws(), b: () => alice },
    { z: async () => undefined, a: throws, b: () => alice }
  ]) {
    const { authenticate, accepted, faults } = rigOf(answers)
    const answer = await authenticate(credentials, peer)
    t.match(answer, { code: 'internal', outcome: 'refused' })
    t.notMatch(JSON.stringify(answer), 's3cret')
    t.same(accepted, [])
    t.same(faults, [bug])
  }
})

t.test('secret names are those of all authenticators and those of every protocol', async t => {
  const one = (secretNames: string[]): Authenticator => ({ secretNames, advice: '', authenticate: () => undefined })
  t.same([...secretNamesOf([one(['x-api-key', 'apikey']), one(['x-other', 'cookie'])])].sort(), [
    'apikey', 'authorization', 'cookie', 'proxy-authorization', 'set-cookie', 'x-api-key', 'x-other'
  ])
})

t.test('whose access has ended is not accepted, however right the credential is', async t => {
  const { authenticate, accepted } = rigOf({ key: () => ({ name: 'eve', groups: [], anonymous: false }) })
  t.match(authenticate(credentials, peer), { code: 'unauthenticated' })
  const late = rigOf({ key: () => ({ ...alice, expiresAtMs: 1 }) })
  t.match(late.authenticate(credentials, peer), { code: 'unauthenticated' })
  t.same([...accepted, ...late.accepted], [])
})

t.test('a gate is asked of whoever is authenticated, and its refusal is the answer', async t => {
  const full = refuse('rate-limited', 'too many connections')
  const gate: SeatedGate = { name: 'full', gate: { enter: () => full, leave () {} } }
  const { authenticate, accepted } = rigOf({ key: () => Promise.resolve(alice) }, [gate])
  t.match(await authenticate(credentials, peer), full)
  t.same(accepted, [])
})

t.test('schemes are told once each, in order', async t => {
  const authenticator = (scheme?: string): Authenticator =>
    ({ secretNames: ['x'], advice: 'x', authenticate: () => undefined, ...(scheme === undefined ? {} : { scheme }) })
  t.same(schemesOf(['Bearer', undefined, 'Basic', 'Bearer'].map(authenticator)), ['Bearer', 'Basic'])
})

t.test('who guesses at many names from one address is answered without being asked; who comes from elsewhere is asked', async t => {
  let name = 0
  for (const wrong of [(): Answer => ({ ...wrongKey, detail: `user ${name++}` }), async () => wrongKey]) {
    const { authenticate, asked } = rigOf({ basic: wrong })
    for (let guess = 0; guess <= failedLoginsMax; guess++) {
      t.match(await authenticate(credentials, peer), { code: 'unauthenticated' })
    }
    t.match(await authenticate(credentials, { ...peer }), { code: 'rate-limited', retryAfterMs: Number })
    t.equal(asked.length, failedLoginsMax + 1)
    t.match(await authenticate(credentials, { ...peer, address: '203.0.113.7' }), { code: 'unauthenticated' })
    t.equal(asked.length, failedLoginsMax + 2)
  }
})

t.test('showing nothing is no failure, nor are a fault, a full gate, ended access and a proof shown again', async t => {
  const full: SeatedGate = { name: 'full', gate: { enter: () => refuse('rate-limited', 'full'), leave () {} } }
  const answers: [() => Answer, SeatedGate[]][] = [
    [() => undefined, []], [() => { throw new Error('bug') }, []], [() => alice, [full]],
    [() => ({ name: 'eve', groups: [], anonymous: false }), []], [() => refuse('overloaded', 'later'), []],
    [() => repetitionOf('this webhook', '').usedUp, []], [() => repetitionOf('this webhook', '').underWay, []]
  ]
  for (const [answer, gates] of answers) {
    const { authenticate, asked } = rigOf({ one: answer }, gates)
    for (let count = 0; count <= failedLoginsMax + 1; count++) await authenticate(credentials, peer)
    t.equal(asked.length, failedLoginsMax + 2)
  }
})

t.test('whoever asks much at once is bounded while its answers are awaited', async t => {
  const answers: ((answer: Refusal) => void)[] = []
  const { authenticate, asked } = rigOf({ a: () => new Promise<Refusal>(resolve => answers.push(resolve)) })
  const all = Array.from({ length: 100 }, () => authenticate(credentials, { ...peer }))
  t.equal(asked.length, 4 * failedLoginsMax)
  for (const answer of answers) answer(wrongKey)
  const codes = (await Promise.all(all)).map(one => 'code' in one ? one.code : '')
  t.equal(codes.filter(code => code === 'rate-limited').length, 100 - 4 * failedLoginsMax)
})

t.test('whose access has ended has proved nothing, and its guesses are held up like those of anybody', async t => {
  const eve: Principal = { name: 'eve', groups: [], anonymous: false }
  const expired: Principal = { ...alice, expiresAtMs: 1 }
  for (const ended of [eve, expired]) {
    let answer: Answer = wrongKey
    const { authenticate, asked, accepted } = rigOf({ a: () => answer })
    for (let guess = 0; guess <= failedLoginsMax; guess++) {
      // The connection shows what it has between its guesses.
      answer = ended
      t.match(authenticate(credentials, peer), { code: 'unauthenticated' })
      answer = wrongKey
      t.match(authenticate(credentials, peer), { code: 'unauthenticated' })
    }
    answer = ended
    t.match(authenticate(credentials, peer), { code: 'rate-limited' })
    t.equal(asked.length, 2 * (failedLoginsMax + 1))
    t.same(accepted, [])
  }
})

t.test('who is turned away after its proof was taken may show it again; who is let in keeps it', async t => {
  const full: SeatedGate = { name: 'full', gate: { enter: () => refuse('rate-limited', 'full'), leave () {} } }
  const cases: [name: string, gates: SeatedGate[], givenBack: number][] = [['alice', [full], 1], ['eve', [], 1], ['alice', [], 0]]
  for (const [name, gates, expected] of cases) {
    let givenBackCount = 0
    const singleUse = { useUp () {}, giveBack () { givenBackCount++ } }
    const { authenticate } = rigOf({ one: async () => ({ ...alice, name, singleUse }) }, gates)
    await authenticate(credentials, { ...peer })
    t.equal(givenBackCount, expected, name)
  }
})
