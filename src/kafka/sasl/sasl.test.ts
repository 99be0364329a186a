// The mechanisms against the vectors of their RFCs and a server of this test; a server that lies is found out.

import t from 'tap'
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import fc from 'fast-check'
import { Secret } from '../../contract/secret.ts'
import { KafkaError } from '../kafka-error.ts'
import type { SaslExchange } from '../wire/login.ts'
import { createSaslMechanism } from './index.ts'
import { scram } from './scram.ts'

const broker = { host: '127.0.0.1', port: 9092 }
const failed = { type: 'SASL_AUTHENTICATION_FAILED' }

t.test('PLAIN sends user and password at once (RFC 4616)', async t => {
  const mechanism = createSaslMechanism({ mechanism: 'plain', username: 'tim', password: new Secret('tanstaaftanstaaf') })
  t.equal(mechanism?.name, 'PLAIN')
  const exchange = await mechanism?.begin(broker)
  t.equal(String(exchange?.first), '\0tim\0tanstaaftanstaaf')
  t.equal(exchange?.next(Buffer.alloc(0)), undefined)
})

t.test('PLAIN sends nothing that a NUL or an empty part would make something else of', async t => {
  for (const [username, password] of [['a\0b', 'p'], ['a', 'p\0q'], ['a', '']] as const) {
    const mechanism = createSaslMechanism({ mechanism: 'plain', username, password: new Secret('x', () => password) })
    t.match(await mechanism?.begin(broker).catch((error: unknown) => error), failed)
  }
})

/** RFC 7677 section 3. */
const vector = {
  nonce: 'rOprNGfwEbeRWgbNEkqO',
  first: 'n,,n=user,r=rOprNGfwEbeRWgbNEkqO',
  challenge: 'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096',
  proof: 'c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=',
  last: 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='
}

async function begin (): Promise<SaslExchange> {
  const credentials = { username: 'user', password: new Secret('pencil') }
  return scram('SCRAM-SHA-256', credentials, () => vector.nonce).begin(broker)
}

t.test('SCRAM-SHA-256 says what the RFC says, and takes the right signature only', async t => {
  const exchange = await begin()
  t.equal(String(exchange.first), vector.first)
  t.equal(String(await exchange.next(Buffer.from(vector.challenge))), vector.proof)
  t.equal(await exchange.next(Buffer.from(vector.last)), undefined)
  t.match(await exchange.next(Buffer.from('more')), failed)
  for (const last of ['v=AAAATRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=', 'v=', '', 'e=other-error']) {
    const other = await begin()
    await other.next(Buffer.from(vector.challenge))
    t.match(await other.next(Buffer.from(last)), failed, last)
  }
})

t.test('a challenge that a server may not send ends the login', async t => {
  const { nonce } = vector
  const challenges = [
    '', 'r=', `r=${nonce},s=W22Z,i=4096`, 'r=other-nonce,s=W22Z,i=4096', `r=${nonce}x,s=W22Z,i=4095`,
    `r=${nonce}x,s=W22Z,i=1000001`, `r=${nonce}x,s=,i=4096`, `r=${nonce}x,i=4096`, `m=ext,r=${nonce}x,s=W22Z,i=4096`
  ]
  for (const challenge of challenges) t.match(await (await begin()).next(Buffer.from(challenge)), failed, challenge)
  await fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 80 }), async random => {
    t.ok(await (await begin()).next(Buffer.from(random)) instanceof KafkaError)
  }), { numRuns: 100 })
})

/** The server's side, written from the RFC. */
function serverOf (password: string, first: Buffer): { challenge: string, check: (proof: string) => string } {
  const [, bare = '', nonce = ''] = /^n,,(n=[^,]*,r=(.*))$/.exec(String(first)) ?? []
  const salt = Buffer.from('salt')
  const challenge = `r=${nonce}server,s=${salt.toString('base64')},i=5000`
  const hmac = (key: Buffer, text: string): Buffer => createHmac('sha512', key).update(text).digest()
  const salted = pbkdf2Sync(password, salt, 5_000, 64, 'sha512')
  const check = (final: string): string => {
    const [, withoutProof = '', proof = ''] = /^(.*),p=([^,]*)$/.exec(final) ?? []
    const signed = `${bare},${challenge},${withoutProof}`
    const storedKey = createHash('sha512').update(hmac(salted, 'Client Key')).digest()
    const signature = hmac(storedKey, signed)
    const clientKey = Buffer.from(Buffer.from(proof, 'base64').map((byte, at) => byte ^ (signature[at] ?? 0)))
    if (!createHash('sha512').update(clientKey).digest().equals(storedKey)) return 'e=invalid-proof'
    return `v=${hmac(hmac(salted, 'Server Key'), signed).toString('base64')}`
  }
  return { challenge, check }
}

t.test('SCRAM-SHA-512 logs in with the right password only, whatever its characters', async t => {
  const tries: [string, string, boolean][] = [['pencil', 'pencil', true], ['p\u00e4n,=cil', 'p\u00e4n,=cil', true], ['\ufb01g', '\ufb01g', true], ['pencil', 'other', false]]
  for (const [known, given, accepted] of tries) {
    const settings = { mechanism: 'scram-sha-512', username: 'a,b=c', password: new Secret(given) } as const
    const mechanism = createSaslMechanism(settings)
    const exchange = await mechanism?.begin(broker)
    if (exchange === undefined) throw new Error('no mechanism')
    t.match(String(exchange.first), /^n,,n=a=2Cb=3Dc,r=/)
    const server = serverOf(known, exchange.first)
    const proof = await exchange.next(Buffer.from(server.challenge))
    const last = await exchange.next(Buffer.from(server.check(String(proof))))
    if (accepted) t.equal(last, undefined)
    else t.match(last, failed)
  }
})

t.test('two logins never have the same nonce', async t => {
  const mechanism = createSaslMechanism({ mechanism: 'scram-sha-256', username: 'u', password: new Secret('p') })
  const firsts = [await mechanism?.begin(broker), await mechanism?.begin(broker)].map(one => String(one?.first))
  t.not(firsts[0], firsts[1])
  t.equal(createSaslMechanism(undefined), undefined)
})
