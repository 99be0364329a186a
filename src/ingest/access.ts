// Whose access has ended: principals that an operator disabled, and proofs that have expired.

import type { Principal } from '../contract/envelope.ts'
import { refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'

export interface Access {
  /** Why this principal may not go on, undefined where it may. `nowMs` is wall clock, milliseconds since the epoch. */
  ended (principal: Principal, nowMs: number): Refusal | undefined
  /** From now on exactly these principals are disabled. */
  disable (names: readonly string[]): void
  /** Tells watchers who was disabled since the last call. For a timer: those who send nothing must be reached too. */
  look (): void
  /** Calls `listener` with the name of every principal that becomes disabled. */
  watchRevoked (listener: (principal: string) => void): () => void
}

/** Who is disabled, where that has changed since the last call; else undefined. Called for every request and event. */
type ReadDisabled = () => readonly string[] | undefined

const disabledNow = refuse('unauthenticated', 'access was ended by the operator; ask them for it')
const expired = refuse('unauthenticated', 'the credential has expired; authenticate again with a fresh one')

const noNews: ReadDisabled = () => undefined

/** The state of one worker. */
export function createAccess (read = noNews): Access {
  const listeners = new Set<(principal: string) => void>()
  let disabled: ReadonlySet<string> = new Set()
  let untold: readonly string[] = []

  function replace (names: readonly string[]): void {
    const before = disabled
    disabled = new Set(names)
    untold = [...untold, ...names.filter(name => !before.has(name))].filter(name => disabled.has(name))
  }

  function refresh (): void {
    const names = read()
    if (names !== undefined) replace(names)
  }

  // Not from within `ended`: whoever closes connections then would do so in the middle of an event.
  function tell (): void {
    if (untold.length === 0) return
    const names = new Set(untold)
    untold = []
    for (const name of names) for (const listener of [...listeners]) listener(name)
  }

  return {
    ended ({ name, anonymous, expiresAtMs }, nowMs) {
      refresh()
      if (expiresAtMs !== undefined && nowMs >= expiresAtMs) return expired
      // A sender nobody asked has no name that anybody could have meant.
      return disabled.size > 0 && !anonymous && disabled.has(name) ? disabledNow : undefined
    },
    disable (names) {
      replace(names)
      tell()
    },
    look () {
      refresh()
      tell()
    },
    watchRevoked (listener) {
      listeners.add(listener)
      return () => { listeners.delete(listener) }
    }
  }
}
