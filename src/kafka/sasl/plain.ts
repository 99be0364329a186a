// SASL PLAIN (RFC 4616): user name and password in one message, to be sent over TLS only.

import type { Secret } from '../../contract/secret.ts'
import type { SaslMechanism } from '../wire/login.ts'

export function plain (username: string, password: Secret): SaslMechanism {
  return {
    name: 'PLAIN',
    begin: async () => ({
      first: Buffer.from(`\0${username}\0${password.reveal()}`),
      next: () => undefined
    })
  }
}
