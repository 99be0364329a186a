// SASL SCRAM-SHA-256 and SCRAM-SHA-512 (RFC 5802, RFC 7677): no password travels, and the server proves itself.

import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { Secret } from '../../contract/secret.ts'
import type { KafkaError } from '../kafka-error.ts'
import type { SaslExchange, SaslMechanism } from '../wire/login.ts'
import { loginFailed as failed } from './login-failure.ts'

const hashes = {
  'SCRAM-SHA-256': { digest: 'sha256', bytes: 32 },
  'SCRAM-SHA-512': { digest: 'sha512', bytes: 64 }
} as const

export type ScramName = keyof typeof hashes

interface Credentials { readonly username: string, readonly password: Secret }

/** RFC 7677 section 4 asks for 4096 at least. A server that asks for much more only wants to keep this machine busy. */
const iterationsMin = 4_096
const iterationsMax = 1_000_000
/** No channel binding. */
const header = 'n,,'

const derive = promisify(pbkdf2)

/** `makeNonce` is for tests; a nonce is printable and has no comma. */
export function scram (
  name: ScramName, credentials: Credentials, makeNonce: () => string = () => randomBytes(24).toString('base64')
): SaslMechanism {
  return { name, begin: async () => new Exchange(name, credentials, makeNonce()) }
}

class Exchange implements SaslExchange {
  readonly first: Buffer
  readonly #name: ScramName
  readonly #credentials: Credentials
  readonly #nonce: string
  readonly #bare: string
  #serverSignature: Buffer | undefined
  #step = 0

  constructor (name: ScramName, credentials: Credentials, nonce: string) {
    this.#name = name
    this.#credentials = credentials
    this.#nonce = nonce
    const username = credentials.username.replaceAll('=', '=3D').replaceAll(',', '=2C')
    this.#bare = `n=${username},r=${nonce}`
    this.first = Buffer.from(header + this.#bare)
  }

  next (challenge: Buffer): ReturnType<SaslExchange['next']> {
    this.#step++
    const message = challenge.toString('utf8')
    if (this.#step === 1) return this.#prove(message)
    return this.#step === 2 ? this.#verify(message) : failed('the server goes on after the login has ended')
  }

  /** Answers the server's first message with the proof that the password is known. */
  async #prove (message: string): Promise<Buffer | KafkaError> {
    const found = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,8})(?:,.*)?$/s.exec(message)
    if (found === null) return failed('the first message of the server cannot be read')
    const [, nonce = '', salt = '', iterations = ''] = found
    if (!nonce.startsWith(this.#nonce) || nonce === this.#nonce) return failed('the server did not extend the nonce')
    const count = Number(iterations)
    if (count < iterationsMin || count > iterationsMax) {
      return failed(`the server asks for ${count} iterations; ${iterationsMin} to ${iterationsMax} are done here`)
    }
    const { digest, bytes } = hashes[this.#name]
    // As it is: Kafka does not prepare passwords (RFC 4013), neither where it stores them nor in its own client.
    const password = this.#credentials.password.reveal()
    const salted = await derive(password, Buffer.from(salt, 'base64'), count, bytes, digest)
    const hmac = (key: Buffer, text: string): Buffer => createHmac(digest, key).update(text).digest()
    const clientKey = hmac(salted, 'Client Key')
    const storedKey = createHash(digest).update(clientKey).digest()
    const withoutProof = `c=${Buffer.from(header).toString('base64')},r=${nonce}`
    const signed = `${this.#bare},${message},${withoutProof}`
    const signature = hmac(storedKey, signed)
    const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)))
    this.#serverSignature = hmac(hmac(salted, 'Server Key'), signed)
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`)
  }

  /** The server's last message proves that it knows the password too. */
  #verify (message: string): undefined | KafkaError {
    const error = /^e=([^,]*)/.exec(message)
    if (error !== null) return failed(`the server answered ${error[1] ?? ''}`)
    const given = Buffer.from(/^v=([A-Za-z0-9+/=]+)/.exec(message)?.[1] ?? '', 'base64')
    const expected = this.#serverSignature
    const isProven = expected !== undefined && given.length === expected.length && timingSafeEqual(given, expected)
    return isProven ? undefined : failed('the server did not prove that it knows the password')
  }
}
