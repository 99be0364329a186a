// Settings of the rate-limit policy: how many events and bytes a second, for whom, and how many at once.

import Type from 'typebox'
import type { Static } from 'typebox'
import { limitKeyAdvice, limitKeyPattern } from '../../src/contract/limit-key.ts'
import { bytes, expectedKeyword } from '../../src/contract/setting.ts'

export const rateLimitConfig = Type.Object({
  per: Type.String({
    [expectedKeyword]: limitKeyAdvice, pattern: limitKeyPattern, maxLength: 200, default: 'principal',
    description: `By what is counted: ${limitKeyAdvice}.`
  }),
  eventsPerSecondMax: Type.Optional(Type.Number({
    exclusiveMinimum: 0, maximum: 10_000_000, description: 'Events per second; if absent, only bytes are limited.'
  })),
  bytesPerSecondMax: Type.Optional(Type.Unsafe<number>(bytes({
    description: 'Bytes of data per second; if absent, only events are limited.'
  }))),
  burstEventsMax: Type.Optional(Type.Integer({
    minimum: 1, maximum: 1_000_000_000,
    description: 'Events at once after a pause; if absent, those of one second.'
  })),
  burstBytesMax: Type.Optional(Type.Unsafe<number>(bytes({
    description: 'Bytes at once after a pause, and the largest event that can pass; if absent, those of one second.'
  }))),
  across: Type.Unsafe<'node' | 'cluster'>({
    enum: ['node', 'cluster'], default: 'node',
    description: 'Whether each node counts for itself, or all nodes together through the store of `sharedLimits`.'
  }),
  keysMax: Type.Integer({
    default: 10_000, minimum: 8, maximum: 10_000_000,
    description: 'How many may be limited at the same time with a count of their own; more share counts, to their cost.'
  })
}, {
  additionalProperties: false, description: 'Limits events and bytes per second.',
  anyOf: [{ required: ['eventsPerSecondMax'] }, { required: ['bytesPerSecondMax'] }]
})

export type RateLimitConfig = Static<typeof rateLimitConfig>
