// Settings of the quota policy: how much may be sent in an hour or a day, for whom.

import Type from 'typebox'
import type { Static } from 'typebox'
import { limitKeyAdvice, limitKeyPattern } from '../../src/contract/limit-key.ts'
import { bytes, expectedKeyword } from '../../src/contract/setting.ts'

export const quotaConfig = Type.Object({
  per: Type.String({
    [expectedKeyword]: limitKeyAdvice, pattern: limitKeyPattern, maxLength: 200, default: 'principal',
    description: `By what is counted: ${limitKeyAdvice}.`
  }),
  window: Type.Union([Type.Literal('hour'), Type.Literal('day')], {
    default: 'day', description: 'What the quota is for: the UTC hour or the UTC day.'
  }),
  eventsMax: Type.Optional(Type.Integer({
    minimum: 1, maximum: 1_000_000_000_000, description: 'Events in one window; if absent, only bytes are limited.'
  })),
  bytesMax: Type.Optional(Type.Unsafe<number>(bytes({
    maximumBytes: 16 * 2 ** 40 - 1, description: 'Bytes of data in one window; if absent, only events are limited.'
  }))),
  across: Type.Unsafe<'node' | 'cluster'>({
    enum: ['node', 'cluster'], default: 'node',
    description: 'Whether each node counts for itself, or all nodes together through the store of `sharedLimits`.'
  }),
  keysMax: Type.Integer({
    default: 10_000, minimum: 8, maximum: 10_000_000,
    description: 'How many may send in one window with a count of their own; more share counts, to their cost.'
  })
}, {
  additionalProperties: false, description: 'Limits events and bytes per UTC hour or day.',
  anyOf: [{ required: ['eventsMax'] }, { required: ['bytesMax'] }]
})

export type QuotaConfig = Static<typeof quotaConfig>
