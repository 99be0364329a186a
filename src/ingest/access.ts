// Whose access has ended: principals that an operator disabled, and proofs that have expired.

import type { Principal } from '../contract/envelope.ts'
import { refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'

export interface Access {
  /** Why this principal may not go on, undefined where it may. `nowMs` is wall clock, milliseconds since the epoch. */
  ended (principal: Principal, nowMs: number): Refusal | undefined
  /** From now on exactly these principals are disabled. */
  disable (names: readonly string[]): void
  /** Calls `listener` with the name of every principal that becomes disabled. */
  watchRevoked (listener: (principal: string) => void): () => void
}

const disabledNow = refuse('unauthenticated', 'access was ended by the operator; ask them for it')
const expired = refuse('unauthenticated', 'the credential has expired; authenticate again with a fresh one')

/** The state of one worker. */
export function createAccess (): Access {
  const listeners = new Set<(principal: string) => void>()
  let disabled: ReadonlySet<string> = new Set()
  return {
    ended ({ name, anonymous, expiresAtMs }, nowMs) {
      if (expiresAtMs !== undefined && nowMs >= expiresAtMs) return expired
      // A sender nobody asked has no name that anybody could have meant.
      return disabled.size > 0 && !anonymous && disabled.has(name) ? disabledNow : undefined
    },
    disable (names) {
      const before = disabled
      disabled = new Set(names)
      for (const name of disabled) if (!before.has(name)) for (const listener of [...listeners]) listener(name)
    },
    watchRevoked (listener) {
      listeners.add(listener)
      return () => { listeners.delete(listener) }
    }
  }
}
