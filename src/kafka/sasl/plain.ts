// SASL PLAIN (RFC 4616): user name and password in one message, to be sent over TLS only.

import type { Secret } from '../../contract/secret.ts'
import type { SaslMechanism } from '../wire/login.ts'
import { loginFailed } from './login-failure.ts'

export function plain (username: string, password: Secret): SaslMechanism {
  return {
    name: 'PLAIN',
    async begin () {
      const parts = [username, password.reveal()]
      if (parts.some(part => part === '' || part.includes('\0'))) {
        throw loginFailed('the user name or the password is empty or has a NUL in it')
      }
      return { first: Buffer.from(['', ...parts].join('\0')), next: () => undefined }
    }
  }
}
