// The connection-limit policy: so many connections of one principal may be open at the same time, over all workers.

import { senderKey } from '../../src/contract/limit-key.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { GateModule } from '../../src/contract/policy.ts'
import { connectionLimitConfig } from './config.ts'
import type { ConnectionLimitConfig } from './config.ts'

/** Nobody knows when a connection closes. */
const retryAfterMs = 1_000

export const connectionLimit: GateModule<ConnectionLimitConfig> = {
  name: 'connection-limit',
  kind: 'gate',
  config: connectionLimitConfig,
  tables: ({ connectionsMax, keysMax }: ConnectionLimitConfig) => [{ kind: 'level', levelMax: connectionsMax, keysMax }],

  create ({ config: { connectionsMax }, tables: [level] }) {
    if (level === undefined) throw new Error('connection-limit needs its table')
    const refusal = refuse('rate-limited',
      `you have ${connectionsMax} connections open already, which is the limit; close one or use one that is open`,
      { retryAfterMs })
    return {
      enter: (principal, peer) => level.take(senderKey(principal, peer), 1, true) === 1 ? undefined : refusal,
      leave (principal, peer) { level.give(senderKey(principal, peer), 1) }
    }
  }
}
