// Settings of the in-flight-limit policy: how many events may be on their way at the same time, for whom.

import Type from 'typebox'
import type { Static } from 'typebox'
import { limitKeyAdvice, limitKeyPattern } from '../../src/contract/limit-key.ts'
import { expectedKeyword } from '../../src/contract/setting.ts'

export const inFlightLimitConfig = Type.Object({
  per: Type.String({
    [expectedKeyword]: limitKeyAdvice, pattern: limitKeyPattern, maxLength: 200, default: 'principal',
    description: `By what is counted: ${limitKeyAdvice}.`
  }),
  eventsMax: Type.Integer({
    minimum: 1, maximum: 10_000_000, description: 'Events between passing this policy and having their outcome.'
  }),
  keysMax: Type.Integer({
    default: 10_000, minimum: 8, maximum: 1_000_000,
    description: 'How many may have events in flight at the same time with a count of their own; more share counts.'
  })
}, { additionalProperties: false, description: 'Limits events that are in flight at the same time.' })

export type InFlightLimitConfig = Static<typeof inFlightLimitConfig>
