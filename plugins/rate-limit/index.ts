// The rate-limit policy: so many events and bytes a second for each key, exact over all workers of the node.

import { createEventLimit } from '../../src/contract/event-limit.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { JudgeModule } from '../../src/contract/policy.ts'
import type { BucketSettings } from '../../src/contract/table.ts'
import { rateLimitConfig } from './config.ts'
import type { RateLimitConfig } from './config.ts'

interface Buckets { readonly events: BucketSettings | undefined, readonly bytes: BucketSettings | undefined }

export const rateLimit: JudgeModule<RateLimitConfig> = {
  name: 'rate-limit',
  kind: 'judge',
  scope: 'event',
  config: rateLimitConfig,

  tables (config: RateLimitConfig) {
    const { events, bytes } = bucketsOf(config)
    return [events, bytes].filter(settings => settings !== undefined)
  },

  create ({ config, tables }) {
    const wanted = bucketsOf(config)
    const events = wanted.events === undefined ? undefined : tables[0]
    const bytes = wanted.bytes === undefined ? undefined : tables.at(-1)
    const limit = limitIn(config)
    const eventBytesMax = wanted.bytes?.burstUnits ?? Infinity

    return createEventLimit({
      events, bytes, eventBytesMax, per: config.per, window: 'per-second',
      refusalOf (key, size) {
        if (size > eventBytesMax) {
          return refuse('too-large', `an event here has ${size} bytes, and the limit lets ${eventBytesMax} pass at once; ` +
            'send smaller events')
        }
        const retryAfterMs = Math.max(1, events?.read(key, 1).waitMs ?? 0, bytes?.read(key, size).waitMs ?? 0)
        return refuse('rate-limited', `more is sent than the limit of ${limit} allows; send again later`, { retryAfterMs })
      }
    })
  }
}

function bucketsOf (config: RateLimitConfig): Buckets {
  const { eventsPerSecondMax, bytesPerSecondMax, burstEventsMax, burstBytesMax, keysMax, across } = config
  const bucket = (perSecond: number | undefined, burst: number | undefined): BucketSettings | undefined =>
    perSecond === undefined ? undefined : {
      kind: 'bucket', unitsPerSecondMax: perSecond, burstUnits: burst ?? Math.max(1, Math.ceil(perSecond)), keysMax, across
    }
  return { events: bucket(eventsPerSecondMax, burstEventsMax), bytes: bucket(bytesPerSecondMax, burstBytesMax) }
}

function limitIn ({ eventsPerSecondMax, bytesPerSecondMax }: RateLimitConfig): string {
  const parts = [
    eventsPerSecondMax === undefined ? [] : `${eventsPerSecondMax} events`,
    bytesPerSecondMax === undefined ? [] : `${bytesPerSecondMax} bytes`
  ]
  return `${parts.flat().join(' and ')} per second`
}
