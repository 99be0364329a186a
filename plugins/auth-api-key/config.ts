// Settings of the auth-api-key policy: where a peer shows its key, and how a principal's key is written down.

import Type from 'typebox'
import type { Static } from 'typebox'

export const apiKeyConfig = Type.Object({
  header: Type.String({
    pattern: '^[A-Za-z0-9_-]+$', maxLength: 100, default: 'x-api-key',
    description: 'The name of the attribute (a header on the web) that carries the key, in any case.'
  }),
  argument: Type.Optional(Type.String({
    pattern: '^[A-Za-z0-9_.-]+$', maxLength: 100,
    description: 'The name of a query argument that may carry the key instead. ' +
      'If absent, no argument is read; addresses end up in the logs of others.'
  }))
}, { additionalProperties: false, description: 'Authenticates peers by an API key.' })

export type ApiKeyConfig = Static<typeof apiKeyConfig>

export const apiKeyCredential = Type.String({
  pattern: '^sha256:[0-9a-f]{64}$',
  description: 'The hex SHA-256 of the key, after `sha256:`.'
})
