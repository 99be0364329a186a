// SASL OAUTHBEARER (RFC 7628): logs in by a token, to be sent over TLS only.

import type { KafkaError } from '../kafka-error.ts'
import type { SaslExchange, SaslMechanism } from '../wire/login.ts'
import { loginFailed, noToken } from './login-failure.ts'
import type { TokenSource } from './token-source.ts'

const separator = '\x01'
/** RFC 6750 section 2.1. */
const bearerToken = /^[A-Za-z0-9\-._~+/]+=*$/
const wordsMax = 300

/** `extensions` (KIP-342) go with the token; the schema has made sure of their names and values. */
export function oauthBearer (source: TokenSource, extensions: Readonly<Record<string, string>> = {}): SaslMechanism {
  return {
    name: 'OAUTHBEARER',
    async begin () {
      const token = await source.token()
      if (!bearerToken.test(token)) throw noToken('what was given as a token is not one (RFC 6750 section 2.1)')
      const pairs = Object.entries({ auth: `Bearer ${token}`, ...extensions }).map(([name, value]) => `${name}=${value}`)
      const first = Buffer.from(['n,,', ...pairs, '', ''].join(separator))
      return new Exchange(first, () => { source.forget(token) })
    }
  }
}

class Exchange implements SaslExchange {
  readonly first: Buffer
  readonly #forget: () => void
  #complaint = ''

  constructor (first: Buffer, forget: () => void) {
    this.first = first
    this.#forget = forget
  }

  /** Nothing: logged in. Else the server says why not, and wants a last message before it fails (section 3.2.3). */
  next (challenge: Buffer): Buffer | undefined | KafkaError {
    if (this.#complaint !== '') return loginFailed(`the broker does not take the token: ${this.#complaint}`)
    if (challenge.length === 0) return undefined
    this.#forget()
    this.#complaint = challenge.toString('utf8').replaceAll(/[^\x20-\x7e]/g, '?').slice(0, wordsMax)
    return Buffer.from(separator)
  }

  refused (): string {
    this.#forget()
    return this.#complaint
  }
}
