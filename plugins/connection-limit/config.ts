// Settings of the connection-limit policy: how many connections a principal may have at the same time.

import Type from 'typebox'
import type { Static } from 'typebox'

export const connectionLimitConfig = Type.Object({
  connectionsMax: Type.Integer({
    minimum: 1, maximum: 1_000_000, description: 'Open connections of one principal, on the whole node.'
  }),
  keysMax: Type.Integer({
    default: 10_000, minimum: 8, maximum: 1_000_000,
    description: 'How many principals may be connected at the same time with a count of their own; more share counts.'
  })
}, { additionalProperties: false, description: 'Limits the connections of each principal.' })

export type ConnectionLimitConfig = Static<typeof connectionLimitConfig>
