// Settings of limits that several nodes share: the store that counts for all of them, and what holds without it.

import Type from 'typebox'
import type { Static } from 'typebox'
import type { Secret } from '../contract/secret.ts'
import { secret } from '../contract/setting.ts'

const tls = Type.Object({
  ca: Type.Optional(Type.String({
    minLength: 1, description: 'PEM file of the certificate authorities to trust; if absent, those this machine trusts.'
  })),
  servername: Type.Optional(Type.String({
    minLength: 1, description: 'The name the store\'s certificate carries, where it is not the host name.'
  }))
}, {
  additionalProperties: false,
  description: 'For rediss: whom to trust. Paths are relative to the working directory, and read at every connection.'
})

const redis = Type.Object({
  url: Type.Unsafe<Secret>(secret({
    description: 'Where Redis or Valkey (6.2 or later) listens: `redis[s]://[user:password@]host[:port][/database]`. ' +
      'With `rediss` the connection is encrypted and verified.'
  })),
  tls: Type.Optional(tls),
  keyPrefix: Type.String({
    default: 'sluice:', maxLength: 100, description: 'Stands before every key, e.g. to tell two groups of gateways apart.'
  }),
  connectTimeoutMs: Type.Integer({
    default: 1_000, minimum: 10, maximum: 60_000,
    description: 'How long a connection with its login may take; the first one is waited for before the listeners open.'
  }),
  commandTimeoutMs: Type.Integer({
    default: 100, minimum: 1, maximum: 10_000,
    description: 'How long an answer may take; what waits for a later one is decided by onStoreFailure.'
  })
}, { additionalProperties: false, description: 'The store: one Redis or Valkey server, or what takes its place after a failover.' })

export const sharedLimitsConfig = Type.Object({
  redis,
  onStoreFailure: Type.Union([Type.Literal('local'), Type.Literal('deny'), Type.Literal('allow')], {
    default: 'local',
    description: 'Without the store, limits with `across: cluster` hold for each node by itself (`local`), refuse all, or ' +
      'let all pass.'
  })
}, {
  additionalProperties: false,
  description: 'The store for limits with `across: cluster`, which count over all nodes that name the same one.'
})

export type SharedLimitsSettings = Static<typeof sharedLimitsConfig>
