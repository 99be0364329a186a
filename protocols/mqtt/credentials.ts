// What a CONNECT shows to prove who sends it, in the form in which every authenticator looks for it.

import type { Credentials } from '../../src/contract/adapter.ts'
import type { Attributes } from '../../src/contract/envelope.ts'
import type { ConnectPacket } from './codec/packet.ts'
import type { MqttConfig } from './config.ts'

type Login = Pick<ConnectPacket, 'userName' | 'password'>
type Kind = 'basic' | 'apiKey' | 'bearer'

/** The form of a signed token (RFC 7515 section 7.1), whose header begins with `{"`. */
const signedToken = /^eyJ[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/

/**
 * What the password is, where the operator has not said it: a signed token by its form; with a user name, the password
 * of that user; else an API key, or a token of another form.
 */
function kindOf ({ userName, password }: Login, schemes: readonly string[]): Kind {
  const has = (scheme: string): boolean => schemes.includes(scheme)
  if (has('Bearer') && signedToken.test(password?.toString('latin1') ?? '')) return 'bearer'
  if (has('Basic') && userName !== undefined && userName !== '') return 'basic'
  if (has('ApiKey')) return 'apiKey'
  return has('Bearer') ? 'bearer' : 'basic'
}

/** One attribute, or none. Without a password nothing is shown: a user name alone proves nothing. */
class LoginAttributes implements Attributes {
  readonly #name: string
  readonly #value: string | undefined

  constructor (name: string, value: string | undefined) {
    this.#name = name
    this.#value = value
  }

  get (name: string): string | undefined {
    return name === this.#name ? this.#value : undefined
  }

  forEach (visit: (name: string, value: string) => void): void {
    if (this.#value !== undefined) visit(this.#name, this.#value)
  }
}

/** `schemes`: how senders may prove who they are here. A certificate is the peer's, not of these. */
export function credentialsOf (
  login: Login, config: Pick<MqttConfig, 'passwordIs' | 'apiKeyAttribute'>, schemes: readonly string[]
): Credentials {
  return { attributes: attributesOf(login, config, schemes), argument: () => undefined }
}

function attributesOf (
  login: Login, { passwordIs, apiKeyAttribute }: Pick<MqttConfig, 'passwordIs' | 'apiKeyAttribute'>,
  schemes: readonly string[]
): Attributes {
  const { userName, password } = login
  if (password === undefined) return new LoginAttributes('', undefined)
  const kind = passwordIs === 'auto' ? kindOf(login, schemes) : passwordIs
  if (kind === 'apiKey') return new LoginAttributes(apiKeyAttribute.toLowerCase(), password.toString())
  if (kind === 'bearer') return new LoginAttributes('authorization', `Bearer ${password.toString()}`)
  // RFC 7617 section 2: a user name has no colon, which is where its password would begin.
  if (userName === undefined || userName.includes(':')) return new LoginAttributes('authorization', 'Basic')
  const pair = Buffer.concat([Buffer.from(`${userName}:`), password])
  return new LoginAttributes('authorization', `Basic ${pair.toString('base64')}`)
}
