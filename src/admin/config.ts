// What an operator can set about the admin listener: the `admin:` section.

import { Type } from 'typebox'
import type { Static } from 'typebox'
import { hideKeyword } from '../contract/setting.ts'

/** The `admin:` section. */
export const adminConfig = Type.Object({
  tokens: Type.Array(Type.String({ pattern: '^sha256:[0-9a-f]{64}$' }), {
    default: [], maxItems: 16, uniqueItems: true, [hideKeyword]: true,
    description: 'Hashes of the tokens that the admin listener takes; `sluice key new` makes one. Any of them is enough.'
  }),
  hosts: Type.Array(Type.String({ pattern: '^[A-Za-z0-9.:_-]+$', maxLength: 253 }), {
    default: [], maxItems: 16,
    description: 'Names by which the admin listener may be called (Host header, without port) beside loopback names and ' +
      'the address it listens on.'
  })
}, { additionalProperties: false, default: {}, description: 'Who may use the admin listener.' })

export type AdminSettings = Static<typeof adminConfig>
