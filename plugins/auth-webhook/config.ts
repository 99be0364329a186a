// Settings of the auth-webhook policy: how old a webhook may be, and how a provider's secrets are written down.

import Type from 'typebox'
import type { Static } from 'typebox'
import { bytes, secret } from '../../src/contract/setting.ts'
import type { Secret } from '../../src/contract/secret.ts'

export const webhookConfig = Type.Object({
  toleranceMs: Type.Integer({
    minimum: 1_000, maximum: 86_400_000, default: 300_000,
    description: 'How far the time of a webhook may be from now; for presets that sign one.'
  }),
  undatedMs: Type.Integer({
    minimum: 1_000, maximum: 86_400_000, default: 3_600_000,
    description: 'How long a webhook of a preset that signs no time (github) is remembered, so that it is not taken twice.'
  }),
  rememberedCountMax: Type.Integer({
    minimum: 1_000, maximum: 10_000_000, default: 100_000,
    description: 'Webhooks with a time, and as many without, that the node remembers.'
  }),
  bodyBytesMax: Type.Unsafe<number>(bytes({
    default: '1MiB', description: 'The largest body that is read to check its signature.'
  }))
}, { additionalProperties: false, description: 'Authenticates providers of webhooks by their signature.' })

export type WebhookConfig = Static<typeof webhookConfig>

export const webhookCredential = Type.Object({
  preset: Type.Union([Type.Literal('standard-webhooks'), Type.Literal('github'), Type.Literal('stripe')], {
    description: 'How the provider signs.'
  }),
  secrets: Type.Array(Type.Unsafe<Secret>(secret({ description: 'A secret as the provider shows it.' })), {
    minItems: 1, maxItems: 4, description: 'Its secrets; several while one takes the place of another.'
  }),
  path: Type.Optional(Type.String({
    pattern: '^/[^?#]*$', maxLength: 1_000,
    description: 'The path that the provider calls, without its query. If absent, any path.'
  }))
}, { additionalProperties: false, description: 'What a provider of webhooks signs with.' })

export type WebhookCredential = Static<typeof webhookCredential>
