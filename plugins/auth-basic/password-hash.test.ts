// Tests of password hashes: known answers, forms and costs that are refused, and what counts as the same password.

import t from 'tap'
import { isPassword, likenessOf, makeHash, readHash } from './password-hash.ts'

const salt = 'c2FsdHNhbHRzYWx0c2FsdA'
const hash = 'A'.repeat(43)
/** Made by other programs: Python's hashlib and argon2-cffi. */
const foreign = '$scrypt$ln=14,r=8,p=1$c2FsdHNhbHRzYWx0c2FsdA$1idRgu6ns74sljt005o5BblTKV7Jul0HPGT6aXWnXKY'
const foreignArgon2 = '$argon2id$v=19$m=19456,t=2,p=1$lIf+9sjLiGNe6KlaXA+hzw$XwkDVJBzMiR66qU1zx/fMAGh7kKoMcGieODp8idJ6/Q'

t.test('a hash that was made is that of its password and of no other', async t => {
  const [one, other] = await Promise.all([makeHash('p\u00e4ss'), makeHash('p\u00e4ss')])
  t.match(one, /^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/)
  t.not(one, other)
  const known = readHash(one)
  t.ok(await isPassword(known, 'p\u00e4ss'))
  t.ok(await isPassword(known, 'pa\u0308ss'), 'typed with a combining sign')
  for (const wrong of ['', 'pass', 'P\u00e4ss', 'p\u00e4ss ']) t.notOk(await isPassword(known, wrong), wrong)
  t.notOk(await isPassword(likenessOf(known), 'p\u00e4ss'))
})

t.test('hashes of other programs are read', async t => {
  t.ok(await isPassword(readHash(foreign), 'correct horse'))
  t.notOk(await isPassword(readHash(foreign), 'correct horsf'))
  t.ok(await isPassword(readHash(foreignArgon2), 'correct horse'))
  t.notOk(await isPassword(readHash(foreignArgon2), 'Correct horse'))
})

t.test('what is no hash is refused in words that do not repeat it', async t => {
  for (const text of [
    '', 'canary', '$scrypt$canary', `$scrypt$ln=15,r=8,p=1$${salt}$`, `$scrypt$ln=15,r=8,p=1$$${hash}`,
    `$scrypt$ln=15,r=8$${salt}$${hash}`, `$scrypt$r=8,ln=15,p=1$${salt}$${hash}`, `$scrypt$ln=15,r=8,p=1$YQ$${hash}`,
    `$scrypt$ln=15,r=8,p=1$${salt}$YWJj`, `$argon2i$v=19$m=65536,t=3,p=4$${salt}$${hash}`,
    `$argon2id$m=65536,t=3,p=4$${salt}$${hash}`, `$argon2id$v=16$m=65536,t=3,p=4$${salt}$${hash}`, '$2b$12$canary',
    `$scrypt$ln=15,r=8,p=1$${salt}$${'A'.repeat(100)}`, ` $scrypt$ln=15,r=8,p=1$${salt}$${hash}`
  ]) {
    t.throws(() => readHash(text), { message: /no known form/ }, text)
    t.notMatch(String((() => { try { return readHash(text) } catch (error) { return error } })()), 'canary')
  }
})

t.test('costs that guess cheaply or flood cheaply are refused', async t => {
  for (const cost of [
    'scrypt$ln=13,r=8,p=1', 'scrypt$ln=1,r=8,p=1', 'scrypt$ln=0,r=8,p=1', 'scrypt$ln=18,r=8,p=1', 'scrypt$ln=99,r=8,p=1',
    'scrypt$ln=17,r=8,p=5', 'scrypt$ln=15,r=8,p=0', 'scrypt$ln=15,r=0,p=1', 'scrypt$ln=15,r=8,p=17',
    'argon2id$v=19$m=8,t=1,p=1', 'argon2id$v=19$m=19456,t=1,p=1', 'argon2id$v=19$m=19456,t=0,p=1',
    'argon2id$v=19$m=262144,t=1,p=1', 'argon2id$v=19$m=65536,t=99,p=1', 'argon2id$v=19$m=65536,t=3,p=0'
  ]) t.throws(() => readHash(`$${cost}$${salt}$${hash}`), /too low, too high or none/, cost)
  for (const cost of ['scrypt$ln=14,r=8,p=1', 'scrypt$ln=17,r=8,p=1', 'argon2id$v=19$m=65536,t=3,p=4', 'argon2id$v=19$m=7168,t=5,p=1']) {
    t.ok(readHash(`$${cost}$${salt}$${hash}`), cost)
  }
})
