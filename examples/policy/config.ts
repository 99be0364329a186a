// Settings of the require-attribute policy: the name of the attribute.

import Type from 'typebox'
import type { Static } from 'typebox'

export const requireAttributeConfig = Type.Object({
  attribute: Type.String({
    minLength: 1, maxLength: 100,
    description: 'The name of the attribute that every event must bring, in any case.'
  })
}, { additionalProperties: false, description: 'Refuses events that lack an attribute.' })

export type RequireAttributeConfig = Static<typeof requireAttributeConfig>
