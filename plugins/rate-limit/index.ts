// The rate-limit policy: so many events and bytes a second for each key, exact over all workers of the node.

import type { Envelope } from '../../src/contract/envelope.ts'
import { compileLimitKey } from '../../src/contract/limit-key.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Admitted, JudgeContext, JudgeModule } from '../../src/contract/policy.ts'
import type { BucketSettings, Table } from '../../src/contract/table.ts'
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
    const keyOf = compileLimitKey(config.per)
    const wanted = bucketsOf(config)
    const events = wanted.events === undefined ? undefined : tables[0]
    const bytes = wanted.bytes === undefined ? undefined : tables.at(-1)
    const limit = limitIn(config)

    /** Why the first of `envelopes` does not pass now. */
    function refusalOf (key: string, envelope: Envelope): Refusal {
      const size = sizeOf(envelope)
      const burstBytes = wanted.bytes?.burstUnits ?? Infinity
      if (size > burstBytes) {
        return refuse('too-large', `an event here has ${size} bytes, and the limit lets ${burstBytes} pass at once; ` +
          'send smaller events')
      }
      const retryAfterMs = Math.max(1, events?.read(key, 1).waitMs ?? 0, bytes?.read(key, size).waitMs ?? 0)
      return refuse('rate-limited', `more is sent than the limit of ${limit} allows; send again later`, { retryAfterMs })
    }

    return {
      judge (envelope, { route }) {
        const key = keyOf(envelope, route)
        if (events !== undefined && events.take(key, 1, true) === 0) return refusalOf(key, envelope)
        const size = sizeOf(envelope)
        if (bytes === undefined || size === 0 || bytes.take(key, size, true) === size) return undefined
        events?.give(key, 1)
        return refusalOf(key, envelope)
      },

      judgeMany (envelopes, { route }: JudgeContext): Admitted {
        const [first] = envelopes
        if (first === undefined) return { passedCount: 0, refusal: undefined }
        const key = keyOf(first, route)
        const grantedCount = events?.take(key, envelopes.length, false) ?? envelopes.length
        const passedCount = bytes === undefined ? grantedCount : fitting(bytes, key, envelopes.slice(0, grantedCount))
        events?.give(key, grantedCount - passedCount)
        const next = envelopes[passedCount]
        return { passedCount, refusal: next === undefined ? undefined : refusalOf(key, next) }
      }
    }
  }
}

/**
 * How many of the first events the bytes are enough for. Events were granted before: what the bytes do not let through
 * goes back to the bucket of events, and the part of an event's bytes that was granted goes back to that of bytes.
 */
function fitting (bytes: Table, key: string, envelopes: readonly Envelope[]): number {
  const wantedBytes = envelopes.reduce((sum, envelope) => sum + sizeOf(envelope), 0)
  const grantedBytes = wantedBytes === 0 ? 0 : bytes.take(key, wantedBytes, false)
  let usedBytes = 0
  let count = 0
  for (const envelope of envelopes) {
    if (usedBytes + sizeOf(envelope) > grantedBytes) break
    usedBytes += sizeOf(envelope)
    count++
  }
  bytes.give(key, grantedBytes - usedBytes)
  return count
}

function sizeOf ({ data }: Envelope): number {
  return data?.length ?? 0
}

function bucketsOf (config: RateLimitConfig): Buckets {
  const { eventsPerSecondMax, bytesPerSecondMax, burstEventsMax, burstBytesMax, keysMax } = config
  const bucket = (perSecond: number | undefined, burst: number | undefined): BucketSettings | undefined =>
    perSecond === undefined ? undefined : {
      kind: 'bucket', unitsPerSecondMax: perSecond, burstUnits: burst ?? Math.max(1, Math.ceil(perSecond)), keysMax
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
