// Logins by token: what is sent, when a new token is had, and what the operator hears where the broker refuses one.

import t from 'tap'
import fc from 'fast-check'
import { Secret } from '../../contract/secret.ts'
import { ManualClock } from '../../../test/support/manual-clock.ts'
import { problemOf } from '../classify.ts'
import { KafkaError } from '../kafka-error.ts'
import { logIn } from '../wire/login.ts'
import type { LoginChannel } from '../wire/login.ts'
import { createSaslMechanism } from './index.ts'
import { oauthBearer } from './oauthbearer.ts'
import { givenToken, TokenCache } from './token-source.ts'
import type { Token } from './token-source.ts'

const broker = { host: '127.0.0.1', port: 9092 }
const failed = { type: 'SASL_AUTHENTICATION_FAILED' }
const without = { type: 'NO_TOKEN' }
const invalid = '{"status":"invalid_token","scope":"kafka"}'

t.test('the first message is the token and the extensions (RFC 7628, KIP-342)', async t => {
  const plain = createSaslMechanism({ mechanism: 'oauthbearer', token: new Secret('vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==') })
  t.equal(plain?.name, 'OAUTHBEARER')
  t.equal(String((await plain?.begin(broker))?.first),
    'n,,\x01auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01')
  const extended = createSaslMechanism({
    mechanism: 'oauthbearer', token: new Secret('a.b.c'), extensions: { logicalCluster: 'lkc-1', pool: 'x y' }
  })
  t.equal(String((await extended?.begin(broker))?.first),
    'n,,\x01auth=Bearer a.b.c\x01logicalCluster=lkc-1\x01pool=x y\x01\x01')
})

t.test('a token of a setting is read again at each login', async t => {
  let file = 'first'
  const mechanism = oauthBearer(givenToken(new Secret('${file:token}', () => file)))
  t.match(String((await mechanism.begin(broker)).first), 'Bearer first\x01')
  file = 'second'
  t.match(String((await mechanism.begin(broker)).first), 'Bearer second\x01')
})

t.test('what cannot be a token is not sent, nor shown', async t => {
  for (const value of ['', 'two words', 'a\x01auth=Bearer b', 'line\n', 'tok\u00e9n', '=']) {
    const error: unknown = await oauthBearer(givenToken(new Secret('x', () => value))).begin(broker).catch((one: unknown) => one)
    t.match(error, without, JSON.stringify(value))
    if (value !== '' && value !== '=') t.notMatch(String(error), value)
  }
})

t.test('an empty answer is the end; any other is answered with 0x01, and then it has failed', async t => {
  const mechanism = oauthBearer(givenToken(new Secret('abc')))
  t.equal((await mechanism.begin(broker)).next(Buffer.alloc(0)), undefined)
  await fc.assert(fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 500 }), async random => {
    const exchange = await mechanism.begin(broker)
    t.same(exchange.next(Buffer.from(random)), Buffer.of(1))
    const end = exchange.next(Buffer.alloc(0))
    t.ok(end instanceof KafkaError && /^[\x20-\x7e]+$/.test(end.message) && end.message.length < 400)
  }), { numRuns: 50 })
})

/** A broker that does not take the token: it says so in JSON first, or ends the login at once. */
function refusing (challenge: string, last = ''): LoginChannel & { readonly messages: Buffer[] } {
  const messages: Buffer[] = []
  return {
    messages,
    handshake: async () => ({ code: 0, mechanisms: ['OAUTHBEARER'] }),
    async authenticate (message) {
      messages.push(message)
      const isToldFirst = challenge !== '' && messages.length === 1
      return { code: isToldFirst ? 0 : 58, message: isToldFirst ? '' : last, bytes: Buffer.from(isToldFirst ? challenge : ''), sessionLifetimeMs: 0 }
    }
  }
}

t.test('the operator hears why the broker does not take a token', async t => {
  const channel = refusing(invalid)
  const error: unknown = await logIn(channel, oauthBearer(givenToken(new Secret('abc'))), broker).catch((one: unknown) => one)
  t.match(error, failed)
  t.match(problemOf(error), { cause: 'credentials', text: `SASL_AUTHENTICATION_FAILED: ${invalid}` })
  t.same(channel.messages[1], Buffer.of(1))
  for (const [last, message] of [[invalid, invalid], ['go away', `go away: ${invalid}`]] as const) {
    await t.rejects(logIn(refusing(invalid, last), oauthBearer(givenToken(new Secret('abc'))), broker),
      { message: `SASL_AUTHENTICATION_FAILED: ${message}` }, 'what it says twice is told once')
  }
})

t.test('a token that a broker did not take is not used again', async t => {
  for (const challenge of [invalid, '']) {
    let count = 0
    const tokens = new TokenCache(async () => ({ value: `token-${++count}`, lifetimeMs: 3_600_000 }), new ManualClock())
    const mechanism = oauthBearer(tokens)
    await t.rejects(logIn(refusing(challenge), mechanism, broker), { message: /^SASL_AUTHENTICATION_FAILED/ })
    t.equal(await tokens.token(), 'token-2')
    tokens.forget('token-1')
    t.equal(await tokens.token(), 'token-2', 'that of another login stays')
  }
})

t.test('one token serves until 80% of its life, and all logins meanwhile wait for the same one', async t => {
  const clock = new ManualClock()
  const waiting: ((token: Token) => void)[] = []
  const tokens = new TokenCache(() => new Promise(resolve => { waiting.push(resolve) }), clock)
  const both = [tokens.token(), tokens.token()]
  t.equal(waiting.length, 1)
  waiting[0]?.({ value: 'one', lifetimeMs: 1_000_000 })
  t.same(await Promise.all(both), ['one', 'one'])
  clock.pass(799_999)
  t.equal(await tokens.token(), 'one')
  t.equal(waiting.length, 1)
  clock.pass(1)
  const next = tokens.token()
  waiting[1]?.({ value: 'two', lifetimeMs: 0 })
  t.equal(await next, 'two')
  void tokens.token()
  t.equal(waiting.length, 3, 'a token without a life is used once')
  waiting[2]?.({ value: 'three', lifetimeMs: Infinity })
  t.equal(await tokens.token(), 'three')
  clock.pass(24 * 60 * 60 * 1_000)
  void tokens.token()
  t.equal(waiting.length, 4, 'none is used for more than a day')
})

t.test('who gives no token in time is not waited for, and is asked again at the next login', async t => {
  const clock = new ManualClock()
  const signals: AbortSignal[] = []
  const tokens = new TokenCache(signal => {
    signals.push(signal)
    return signals.length < 3 ? new Promise(() => {}) : Promise.resolve({ value: 'late', lifetimeMs: 1 })
  }, clock)
  for (let count = 0; count < 2; count++) {
    const refused = t.rejects(tokens.token(), { ...without, message: /within 4000 ms/ })
    clock.pass(4_000)
    await refused
  }
  t.same(signals.map(({ aborted }) => aborted), [true, true])
  t.equal(await tokens.token(), 'late')
})

t.test('a token that cannot be read is told as one that is not there, not as one that was refused', async t => {
  const gone = new Secret('${file:token}', () => { throw new Error('file /run/token cannot be read: ENOENT') })
  const error: unknown = await oauthBearer(givenToken(gone)).begin(broker).catch((one: unknown) => one)
  t.match(error, { ...without, message: 'no token: file /run/token cannot be read: ENOENT' })
  t.match(problemOf(error), { cause: 'token', text: /check kafka\.sasl and what it names/, disconnected: true })
})

t.test('without an origin there is no mechanism', async t => {
  t.throws(() => createSaslMechanism({ mechanism: 'oauthbearer', tokenUrl: 'https://id.example/' }), /where its token/)
})
