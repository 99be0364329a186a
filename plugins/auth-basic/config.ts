// Settings of the auth-basic policy: how many passwords are checked at once, and how long a right one is remembered.

import Type from 'typebox'
import type { Static } from 'typebox'

export const basicConfig = Type.Object({
  rememberMs: Type.Integer({
    default: 60_000, minimum: 0, maximum: 600_000,
    description: 'How long a right password is not checked again; a wrong one for a sixth of that.'
  }),
  rememberedCountMax: Type.Integer({
    default: 10_000, minimum: 10, maximum: 1_000_000,
    description: 'How many right, and how many wrong ones, a worker remembers (by a keyed hash).'
  }),
  checkCountMax: Type.Integer({
    default: 1, minimum: 1, maximum: 8,
    description: 'How many a worker checks at once, each on a thread of the pool that serves the disk, too.'
  }),
  waitingCountMax: Type.Integer({
    default: 100, minimum: 0, maximum: 10_000, description: 'How many wait for that in a worker; more are told to come back.'
  }),
  waitMs: Type.Integer({
    default: 5_000, minimum: 10, maximum: 60_000,
    description: 'How long one waits for that at most, then it is told to come back.'
  })
}, { additionalProperties: false, description: 'Authenticates peers by name and password (RFC 7617).' })

export type BasicConfig = Static<typeof basicConfig>

export const basicCredential = Type.Object({
  username: Type.String({
    minLength: 1, maxLength: 256, pattern: '^[^:\\u0000-\\u001f\\u007f]+$',
    description: 'The name it sends, which need not be that of the principal.'
  }),
  passwordHash: Type.String({
    maxLength: 512, pattern: '^\\$(scrypt|argon2id)\\$[A-Za-z0-9+/=,$]+$',
    description: 'The scrypt or argon2id hash of its password, as `sluice key password` prints it.'
  })
}, { additionalProperties: false, description: 'A name and the hash of its password.' })

export type BasicCredential = Static<typeof basicCredential>
