// Tests of the auth-basic policy: who is let in, what is remembered and for how long, and what a flood can take.

import { randomBytes, scryptSync } from 'node:crypto'
import t from 'tap'
import type { Credentials } from '../../src/contract/adapter.ts'
import type { Principal } from '../../src/contract/envelope.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Authenticator } from '../../src/contract/policy.ts'
import type { PrincipalSettings } from '../../src/contract/principal.ts'
import { attributesOf, peer, silentLog } from '../../test/support/odd-envelopes.ts'
import type { BasicConfig } from './config.ts'
import { authBasic } from './index.ts'

/** As cheap as it may be. */
function hashOf (password: string): string {
  const salt = randomBytes(16)
  const hash = scryptSync(password.normalize('NFC'), salt, 32, { N: 2 ** 14, r: 8, p: 1 })
  const [salt64, hash64] = [salt, hash].map(bytes => bytes.toString('base64').replaceAll('=', ''))
  return `$scrypt$ln=14,r=8,p=1$${salt64}$${hash64}`
}

const annas = 'c\u00e4nary: 7'
const principals: readonly PrincipalSettings[] = [
  { name: 'bob', groups: [], credentials: [{ apiKey: 'x' }] },
  { name: 'anna', groups: ['staff'], credentials: [{ basic: { username: '\u00c5nna', passwordHash: hashOf(annas) } }] }
]
const config: BasicConfig = {
  rememberMs: 60_000, rememberedCountMax: 100, checkCountMax: 1, waitingCountMax: 10, waitMs: 60_000
}

function authenticator (more: Partial<BasicConfig> = {}, known = principals): Authenticator {
  return authBasic.create({ config: { ...config, ...more }, principals: known, tables: [], log: silentLog })
}

function show (...lines: string[]): Credentials {
  return { attributes: attributesOf(lines.map(line => ['authorization', line])), argument: () => undefined }
}

const basic = (username: string, password: string): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
const right = basic('\u00c5nna', annas)

async function ask (one: Authenticator, ...lines: string[]): Promise<Principal | Refusal | undefined> {
  return await one.authenticate(show(...lines), peer)
}

t.test('name and password find their principal, however accents were typed and the scheme was written', async t => {
  const one = authenticator()
  for (const line of [right, basic('A\u030anna', annas.normalize('NFD')), right.replace('Basic', 'BASIC'), right.replace(/=+$/, '')]) {
    t.same(await ask(one, line), { name: 'anna', groups: ['staff'], anonymous: false }, line)
  }
})

t.test('who shows nothing of this kind is left to the next authenticator', async t => {
  for (const lines of [[], ['Bearer abc'], ['']]) t.equal(await ask(authenticator(), ...lines), undefined)
})

t.test('all that is wrong is refused in the same words, which repeat nothing', async t => {
  const one = authenticator()
  const wrong = await ask(one, basic('\u00c5nna', 'guess-me'))
  t.match(wrong, { code: 'unauthenticated', outcome: 'refused' })
  t.notMatch(JSON.stringify(wrong), /guess-me|nna/)
  const raw = (bytes: Buffer | string): string => `Basic ${Buffer.from(bytes).toString('base64')}`
  for (const line of [
    basic('bob', 'x'), basic('', annas), basic('\u00c5nna', ''), basic('anna', annas), basic('\u00e5nna', annas),
    basic('\u00c5nna', `${annas} `), basic('\u00c5nna', annas.toUpperCase()), basic('\u00c5nna', `${annas}\u0000`), basic('__proto__', 'x'),
    raw('no colon'), raw(':'), raw(Buffer.from([0xc5, 0x6e, 0x3a, 0x78])), raw(`\u00c5nna:${annas}\n`), 'Basic', 'Basic ', 'Basic !!!!',
    `Basic ${right.slice(6)}!`, `Basic ${right.slice(6, 12)} ${right.slice(12)}`,
    `Basic ${right.slice(6)}, Basic x`, `Basic ${'A'.repeat(1_000_000)}`, basic('\u00c5nna', 'x'.repeat(1_400))
  ]) t.same(await ask(one, line), wrong, line.slice(0, 100))
})

t.test('two credentials are refused, even when both are right', async t => {
  t.match(await ask(authenticator(), right, right), { code: 'unauthenticated', detail: /more than one/ })
  t.match(await ask(authenticator(), right, 'Bearer x'), { code: 'unauthenticated', detail: /more than one/ })
})

t.test('a pair is checked once and then remembered, right or wrong; one that is not to be remembered is not', async t => {
  const one = authenticator()
  const isNow = (line: string): boolean => !(one.authenticate(show(line), peer) instanceof Promise)
  const wrong = basic('\u00c5nna', 'wrong')
  t.notOk(isNow(right) || isNow(wrong))
  t.match([await ask(one, right), await ask(one, wrong)], [{ name: 'anna' }, { code: 'unauthenticated' }])
  t.ok(isNow(right) && isNow(wrong))
  t.equal(one.gauges?.get('passwords_remembered')?.(), 2)
  const forgetful = authenticator({ rememberMs: 0 })
  await ask(forgetful, right)
  t.ok(forgetful.authenticate(show(right), peer) instanceof Promise)
})

t.test('a flood of guesses is turned away above its bound, and those who are remembered are let in meanwhile', async t => {
  const one = authenticator({ waitingCountMax: 3 })
  t.match(await ask(one, right), { name: 'anna' })
  const flood = Array.from({ length: 50 }, (_, at) => ask(one, basic(at % 2 === 0 ? '\u00c5nna' : 'nobody', `guess ${at}`)))
  t.same(['password_checks', 'password_checks_waiting'].map(name => one.gauges?.get(name)?.()), [1, 3])
  t.match(one.authenticate(show(right), peer), { name: 'anna' })
  const codes = (await Promise.all(flood)).map(answer => (answer as Refusal).code)
  t.equal(codes.filter(code => code === 'overloaded').length, 46)
  t.equal(codes.filter(code => code === 'unauthenticated').length, 4)
})

t.test('who guesses a lot from one address does not hold up another one', async t => {
  const one = authenticator({ waitingCountMax: 20 })
  const ended: string[] = []
  const noting = async (who: string, answer: Promise<Principal | Refusal | undefined>): Promise<void> => {
    await answer
    ended.push(who)
  }
  const guesses = Array.from({ length: 20 }, (_, at) => noting('guess', ask(one, basic('\u00c5nna', `guess ${at}`))))
  const anna = Promise.resolve(one.authenticate(show(right), { ...peer, address: '192.0.2.7' }))
  await Promise.all([...guesses, noting('anna', anna)])
  t.ok(ended.indexOf('anna') < 4, ended.join())
  t.match(await anna, { name: 'anna' })
})

t.test('the same pair sent many times at once is checked once', async t => {
  const one = authenticator({ waitingCountMax: 0 })
  t.match(await Promise.all(Array.from({ length: 50 }, () => ask(one, right))), Array.from({ length: 50 }, () => ({ name: 'anna' })))
})

t.test('a name that nobody has costs a check like any other', async t => {
  const one = authenticator()
  void ask(one, basic('nobody', 'x'))
  t.equal(one.gauges?.get('password_checks')?.(), 1)
  t.match(await ask(authenticator({}, []), basic('nobody', 'x')), { code: 'unauthenticated' }, 'also where there are no names')
})

t.test('hashes that cannot be used and names that are taken are told at once, without the hash', async t => {
  const credentialed = (username: string, passwordHash: string): PrincipalSettings =>
    ({ name: `p-${username}`, groups: [], credentials: [{ basic: { username, passwordHash } }] })
  t.throws(() => authenticator({}, [credentialed('a', '$scrypt$canary')]), { message: /^the principal p-a: .*no known form(?!.*canary)/ })
  t.throws(() => authenticator({}, [credentialed('a', `$scrypt$ln=1,r=1,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`)]), /too low/)
  t.throws(() => authenticator({}, [credentialed('\u00e4', hashOf('x')), credentialed('a\u0308', hashOf('y'))]), /username/)
})
