// Settings of the auth-mtls policy, which has none, and how a principal's certificate is written down.

import Type from 'typebox'
import type { Static } from 'typebox'

export const mtlsConfig = Type.Object({}, {
  additionalProperties: false, description: 'Authenticates peers by their verified TLS certificate.'
})

export type MtlsConfig = Static<typeof mtlsConfig>

const text = { minLength: 1, maxLength: 2_048 }

export const mtlsCredential = Type.Object({
  subject: Type.Optional(Type.String({
    ...text, description: 'The distinguished name as RFC 4514 writes it, last part first, e.g. `CN=factory-7,O=Example`.'
  })),
  dnsName: Type.Optional(Type.String({ ...text, description: 'A DNS name among the alternative names, in any case.' })),
  uri: Type.Optional(Type.String({
    ...text, pattern: '^[^*]+\\*?$',
    description: 'A URI among the alternative names, such as a SPIFFE id; one that ends in `*` stands for all that begin so.'
  })),
  email: Type.Optional(Type.String({ ...text, description: 'A mail address among the alternative names.' })),
  fingerprint: Type.Optional(Type.String({
    pattern: '^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$',
    description: 'SHA-256 of the whole certificate in hex, with or without colons.'
  }))
}, {
  additionalProperties: false, minProperties: 1, maxProperties: 1, description: 'What a certificate of this principal says.'
})

export type MtlsCredential = Static<typeof mtlsCredential>
