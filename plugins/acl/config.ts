// Settings of the acl policy: who may send and who may not.

import Type from 'typebox'
import type { Static } from 'typebox'

const entry = Type.String({ pattern: '^(\\*|group:.+|principal:.+)$', maxLength: 300 })

export const aclConfig = Type.Object({
  allow: Type.Array(entry, {
    description: 'Who may send: `group:NAME`, `principal:NAME`, or `*` for everyone. An empty list allows nobody.'
  }),
  deny: Type.Array(entry, {
    default: [],
    description: 'Who may not send, written the same way. It wins over `allow`.'
  })
}, { additionalProperties: false, description: 'Decides by principal and group who may send.' })

export type AclConfig = Static<typeof aclConfig>
