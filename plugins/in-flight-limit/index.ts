// The in-flight-limit policy: so many events of a key may be without an outcome at the same time, over all workers.

import { compileLimitKey, countsSenderAlone } from '../../src/contract/limit-key.ts'
import { describeLimit } from '../../src/contract/limit-state.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { Admitted, JudgeContext, JudgeModule } from '../../src/contract/policy.ts'
import { inFlightLimitConfig } from './config.ts'
import type { InFlightLimitConfig } from './config.ts'

/** Nobody knows when an outcome comes; most come much sooner. */
const retryAfterMs = 1_000

export const inFlightLimit: JudgeModule<InFlightLimitConfig> = {
  name: 'in-flight-limit',
  kind: 'judge',
  scope: 'event',
  config: inFlightLimitConfig,
  tables: ({ eventsMax, keysMax }: InFlightLimitConfig) => [{ kind: 'level', levelMax: eventsMax, keysMax }],

  create ({ config, tables: [level] }) {
    if (level === undefined) throw new Error('in-flight-limit needs its table')
    const keyOf = compileLimitKey(config.per)
    const limit = describeLimit('events', level.settings, { window: 'in-flight', per: config.per })
    const isAlone = countsSenderAlone(config.per)
    const refusal = {
      ...refuse('rate-limited',
        `more than ${config.eventsMax} events are in flight; wait for the outcome of some and send again`, { retryAfterMs }),
      limit: { limit, leftUnits: 0, resetMs: undefined }
    }
    return {
      judge: (envelope, { route }) => level.take(keyOf(envelope, route), 1, true) === 1 ? undefined : refusal,
      judgeMany (envelopes, { route }: JudgeContext): Admitted {
        const [first] = envelopes
        if (first === undefined) return { passedCount: 0, refusal: undefined }
        const passedCount = level.take(keyOf(first, route), envelopes.length, false)
        return { passedCount, refusal: passedCount === envelopes.length ? undefined : refusal }
      },
      limits: (envelope, { route }) => !isAlone ? []
        : [{ limit, leftUnits: level.read(keyOf(envelope, route), 1).leftUnits, resetMs: undefined }],
      release (envelope, { route }) { level.give(keyOf(envelope, route), 1) }
    }
  }
}
