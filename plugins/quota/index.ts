// The quota policy: so many events and bytes for each key in a UTC hour or day, exact over all workers of the node.

import { createEventLimit } from '../../src/contract/event-limit.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { JudgeModule } from '../../src/contract/policy.ts'
import type { WindowSettings } from '../../src/contract/table.ts'
import { quotaConfig } from './config.ts'
import type { QuotaConfig } from './config.ts'

export const quota: JudgeModule<QuotaConfig> = {
  name: 'quota',
  kind: 'judge',
  scope: 'event',
  config: quotaConfig,
  tables: (config: QuotaConfig) => [windowOf(config, config.eventsMax), windowOf(config, config.bytesMax)].flat(),

  create ({ config, tables }) {
    const events = config.eventsMax === undefined ? undefined : tables[0]
    const bytes = config.bytesMax === undefined ? undefined : tables.at(-1)
    const limit = limitIn(config)
    const eventBytesMax = config.bytesMax ?? Infinity

    return createEventLimit({
      events, bytes, eventBytesMax, per: config.per, window: `per-${config.window}`,
      refusalOf (key, size) {
        if (size > eventBytesMax) {
          return refuse('too-large', `an event here has ${size} bytes, more than the quota of ${limit}; send smaller events`)
        }
        const retryAfterMs = Math.max(1, events?.read(key, 1).waitMs ?? 0, bytes?.read(key, size).waitMs ?? 0)
        const advice = `send again when the next ${config.window} begins (UTC)`
        return refuse('rate-limited', `the quota of ${limit} is used up; ${advice}`, { retryAfterMs })
      }
    })
  }
}

function windowOf ({ window, keysMax, across }: QuotaConfig, unitsMax: number | undefined): WindowSettings[] {
  return unitsMax === undefined ? [] : [{ kind: 'window', window, unitsMax, keysMax, across }]
}

function limitIn ({ window, eventsMax, bytesMax }: QuotaConfig): string {
  const parts = [eventsMax === undefined ? [] : `${eventsMax} events`, bytesMax === undefined ? [] : `${bytesMax} bytes`]
  return `${parts.flat().join(' and ')} per ${window}`
}
