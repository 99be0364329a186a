// Settings of the auth-introspection policy: who is asked about tokens, what an answer must say and how long it holds.

import Type from 'typebox'
import type { Static } from 'typebox'
import { sourcesClaimMeaning, sourcesSetting } from '../../src/contract/claims.ts'
import type { Secret } from '../../src/contract/secret.ts'
import { secret } from '../../src/contract/setting.ts'

const claim = { type: 'string', minLength: 1, maxLength: 256 }

export const introspectionConfig = Type.Object({
  url: Type.String({
    minLength: 1, maxLength: 2_048,
    description: 'The introspection endpoint (RFC 7662), over an encrypted connection or on this machine.'
  }),
  clientId: Type.String({ minLength: 1, maxLength: 512, description: 'Who this gateway is to that endpoint.' }),
  clientSecret: Type.Unsafe<Secret>(secret({ description: 'The secret of that client.' })),
  audiences: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 512 }), {
    minItems: 1, maxItems: 32,
    description: 'A token must be meant for one of them; if absent, the endpoint alone decides which tokens are for this client.'
  })),
  argument: Type.Optional(Type.String({
    pattern: '^[A-Za-z0-9_.-]+$', maxLength: 100,
    description: 'The name of a query argument that may carry the token instead. ' +
      'If absent, no argument is read; addresses end up in the logs of others.'
  })),
  principalClaim: Type.Unsafe<string>({
    ...claim, default: 'sub', description: 'What names the principal: a member of the answer, or a JSON pointer from `/` on.'
  }),
  principalPrefix: Type.String({
    maxLength: 64, default: '', description: 'Stands before the name of a principal that only the answer names.'
  }),
  groupsClaim: Type.Optional(Type.Unsafe<string>({
    ...claim,
    description: 'What lists the groups of such a principal, e.g. `scope`: a list, or text with spaces between. If absent, none.'
  })),
  sources: Type.Optional(Type.Unsafe<string[]>(sourcesSetting)),
  sourcesClaim: Type.Optional(Type.Unsafe<string>({ ...claim, description: sourcesClaimMeaning })),
  attributeClaims: Type.Record(Type.String(), Type.Unsafe<string>({ ...claim, description: 'What gives this attribute.' }), {
    default: {}, maxProperties: 32, description: 'What else is known of such a principal: the member for each attribute.'
  }),
  knownOnly: Type.Boolean({
    default: false, description: 'If true, only subjects that a principal of the config has as its credential are let in.'
  }),
  onUnavailable: Type.Unsafe<'deny'>({
    enum: ['deny'], default: 'deny',
    description: 'Nobody is let in while the endpoint does not answer, but for tokens that are remembered.'
  }),
  rememberMs: Type.Integer({
    default: 30_000, minimum: 0, maximum: 30_000, description: 'How long an active token is not asked about again.'
  }),
  rememberInactiveMs: Type.Integer({
    default: 10_000, minimum: 0, maximum: 10_000, description: 'The same for one that is not active.'
  }),
  rememberedCountMax: Type.Integer({
    default: 10_000, minimum: 10, maximum: 1_000_000,
    description: 'How many active, and how many other, tokens a worker remembers (by their hash).'
  }),
  timeoutMs: Type.Integer({ default: 3_000, minimum: 100, maximum: 30_000, description: 'How long an answer may take.' }),
  askedCountMax: Type.Integer({
    default: 64, minimum: 1, maximum: 1_000,
    description: 'How many tokens a worker asks about at once; more are told to come back.'
  })
}, { additionalProperties: false, description: 'Authenticates peers by a token that its issuer is asked about (OAuth 2.0).' })

export type IntrospectionConfig = Static<typeof introspectionConfig>

export const introspectionCredential = Type.Object({
  subject: Type.String({
    minLength: 1, maxLength: 256, description: 'What names the principal in the answer, `sub` unless set otherwise.'
  })
}, { additionalProperties: false, description: 'A token of this subject.' })

export type IntrospectionCredential = Static<typeof introspectionCredential>
