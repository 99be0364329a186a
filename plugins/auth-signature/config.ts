// Settings of the auth-signature policy: what a signature must cover, how old it may be, and how a key is written down.

import Type from 'typebox'
import type { Static } from 'typebox'
import { bytes, secret } from '../../src/contract/setting.ts'
import type { Secret } from '../../src/contract/secret.ts'

export const signatureConfig = Type.Object({
  components: Type.Array(Type.String({ pattern: '^(@[a-z-]+|[a-z0-9!#$%&\'*+.^_`|~-]+)$', maxLength: 100 }), {
    minItems: 1, maxItems: 32, default: ['@method', '@path', 'content-digest'],
    description: 'What every signature must cover, as RFC 9421 names it. Without `content-digest` the body is not protected.'
  }),
  origin: Type.Optional(Type.String({
    pattern: '^[a-z][a-z0-9+.-]*://[^/?#]+$', maxLength: 300,
    description: 'The beginning of the address that senders use, up to its path. ' +
      'If absent, signatures over `@target-uri` and `@scheme` cannot be checked, and are refused.'
  })),
  windowMs: Type.Integer({
    minimum: 1_000, maximum: 86_400_000, default: 300_000,
    description: 'How long after its `created` time a signature holds.'
  }),
  skewMs: Type.Integer({
    minimum: 0, maximum: 600_000, default: 30_000,
    description: 'How far the clock of a sender may be ahead or behind.'
  }),
  rememberedCountMax: Type.Integer({
    minimum: 1_000, maximum: 10_000_000, default: 100_000,
    description: 'Signatures that the node remembers, so that none is taken twice; above it the oldest stop to hold early.'
  }),
  bodyBytesMax: Type.Unsafe<number>(bytes({
    default: '1MiB', description: 'The largest body that is read to check its digest.'
  }))
}, { additionalProperties: false, description: 'Authenticates requests by a signature over them (RFC 9421).' })

export type SignatureConfig = Static<typeof signatureConfig>

const keyId = Type.String({ minLength: 1, maxLength: 256, description: 'The `keyid` that signatures by this key name.' })

export const signatureCredential = Type.Union([
  Type.Object({
    keyId,
    secret: Type.Unsafe<Secret>(secret({
      description: 'The shared secret of hmac-sha256: text, or bytes in base64 after `base64:`.'
    }))
  }, { additionalProperties: false }),
  Type.Object({
    keyId,
    algorithm: Type.Union([
      Type.Literal('ed25519'), Type.Literal('ecdsa-p256-sha256'), Type.Literal('rsa-pss-sha512'),
      Type.Literal('rsa-v1_5-sha256')
    ], { description: 'The one algorithm of this key.' }),
    publicKey: Type.String({ minLength: 1, maxLength: 10_000, description: 'The public key in PEM.' })
  }, { additionalProperties: false })
], { description: 'A key that the principal signs its requests with.' })

export type SignatureCredential = Static<typeof signatureCredential>
