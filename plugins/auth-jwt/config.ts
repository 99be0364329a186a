// Settings of the auth-jwt policy: whose tokens are taken, how they are checked and which of their claims count.

import Type from 'typebox'
import type { Static } from 'typebox'
import { sourcesClaimMeaning, sourcesSetting } from '../../src/contract/claims.ts'
import type { Secret } from '../../src/contract/secret.ts'
import { secret } from '../../src/contract/setting.ts'

export const asymmetricAlgorithms = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'
] as const
export const secretAlgorithms = ['HS256', 'HS384', 'HS512'] as const
type Algorithm = typeof asymmetricAlgorithms[number] | typeof secretAlgorithms[number]

const claim = Type.String({ minLength: 1, maxLength: 256 })

const issuer = Type.Object({
  issuer: Type.String({
    minLength: 1, maxLength: 512, description: 'The `iss` of its tokens, exactly; where its keys are found, too, unless told.'
  }),
  audiences: Type.Array(Type.String({ minLength: 1, maxLength: 512 }), {
    minItems: 1, maxItems: 32, description: 'A token must be meant for one of them (its `aud`).'
  }),
  algorithms: Type.Array(Type.Unsafe<Algorithm>({ enum: [...asymmetricAlgorithms, ...secretAlgorithms] }), {
    default: ['RS256', 'PS256', 'ES256', 'EdDSA'], minItems: 1,
    description: 'How its tokens may be signed. Those that begin with HS need a `secret` and cannot stand beside others.'
  }),
  jwksUrl: Type.Optional(Type.String({
    minLength: 1, maxLength: 2_048, description: 'Where its keys are; if absent, its discovery document tells.'
  })),
  keys: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 65_536 }), {
    minItems: 1, maxItems: 16,
    description: 'Its public keys themselves, each as PEM or a JSON Web Key (Set); then nothing is fetched.'
  })),
  secret: Type.Optional(Type.Unsafe<Secret>(secret({
    description: 'The secret shared with it, at least 32 bytes (HS256), 48 (HS384) or 64 (HS512); then nothing is fetched.'
  }))),
  tokenType: Type.Optional(Type.String({
    minLength: 1, maxLength: 64,
    description: 'The `typ` that its tokens must have, e.g. `at+jwt` (RFC 9068); if absent, any, also that of other uses.'
  })),
  principalClaim: Type.Unsafe<string>({
    ...claim, default: 'sub', description: 'The claim that names the principal: a name, or a JSON pointer from `/` on.'
  }),
  principalPrefix: Type.String({
    maxLength: 64, default: '', description: 'Stands before the name of a principal that only the token names.'
  }),
  groupsClaim: Type.Optional(Type.Unsafe<string>({
    ...claim, description: 'The claim that lists the groups of such a principal: a list, or text with spaces between.'
  })),
  sources: Type.Optional(Type.Unsafe<string[]>(sourcesSetting)),
  sourcesClaim: Type.Optional(Type.Unsafe<string>({ ...claim, description: sourcesClaimMeaning })),
  attributeClaims: Type.Record(Type.String(), Type.Unsafe<string>({ ...claim, description: 'The claim of this attribute.' }), {
    default: {}, maxProperties: 32, description: 'What else is known of such a principal: the claim of each attribute.'
  }),
  knownOnly: Type.Boolean({
    default: false, description: 'If true, only subjects that a principal of the config has as its credential are let in.'
  }),
  clockSkewMs: Type.Integer({
    default: 60_000, minimum: 0, maximum: 600_000, description: 'How far the clocks of the issuer and this node may differ.'
  })
}, { additionalProperties: false })

export const jwtConfig = Type.Object({
  issuers: Type.Array(issuer, {
    minItems: 1, maxItems: 32, description: 'Who may issue tokens, and what such a token must be like.'
  }),
  argument: Type.Optional(Type.String({
    pattern: '^[A-Za-z0-9_.-]+$', maxLength: 100,
    description: 'The name of a query argument that may carry the token instead. ' +
      'If absent, no argument is read; addresses end up in the logs of others.'
  })),
  rememberMs: Type.Integer({
    default: 60_000, minimum: 0, maximum: 300_000, description: 'How long a good token is not checked again, at most.'
  }),
  rememberedCountMax: Type.Integer({
    default: 10_000, minimum: 10, maximum: 1_000_000, description: 'How many good tokens a worker remembers (by their hash).'
  }),
  keysRefreshMs: Type.Integer({
    default: 600_000, minimum: 1_000, maximum: 86_400_000, description: 'How old fetched keys get before they are fetched anew.'
  }),
  keysStaleMs: Type.Integer({
    default: 86_400_000, minimum: 1_000, maximum: 604_800_000,
    description: 'How long fetched keys are used while their issuer cannot be reached.'
  }),
  keysFetchGapMs: Type.Integer({
    default: 30_000, minimum: 10, maximum: 600_000,
    description: 'The least time between two fetches for the sake of tokens whose key is not known.'
  }),
  fetchTimeoutMs: Type.Integer({
    default: 5_000, minimum: 100, maximum: 30_000, description: 'How long one answer of an issuer may take.'
  })
}, { additionalProperties: false, description: 'Authenticates peers by a signed token (JWT) of an issuer, e.g. OpenID Connect.' })

export type JwtConfig = Static<typeof jwtConfig>
export type IssuerConfig = JwtConfig['issuers'][number]

export const jwtCredential = Type.Object({
  issuer: Type.String({ minLength: 1, maxLength: 512, description: 'The issuer of its tokens, one of those configured.' }),
  subject: Type.String({
    minLength: 1, maxLength: 256, description: 'What the claim has that names the principal, `sub` unless set otherwise.'
  })
}, { additionalProperties: false, description: 'A token of this issuer with this subject.' })

export type JwtCredential = Static<typeof jwtCredential>
