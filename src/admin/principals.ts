// Which principals there are and which of them are disabled. The list lasts as long as this gateway runs.

import type { PrincipalSettings } from '../contract/principal.ts'
import { Problem } from './problem.ts'

/** A principal as the admin listener shows it: never the content of a credential. */
export interface PrincipalView {
  readonly name: string
  /** False: the config does not have it. A token may still make it, so it can be disabled. */
  readonly configured: boolean
  readonly disabled: boolean
  readonly groups: readonly string[]
  /** Absent where it may send any. */
  readonly sources?: readonly string[]
  /** The kinds of its credentials, e.g. `apiKey`. */
  readonly credentials: readonly string[]
}

export interface PrincipalList {
  all (): PrincipalView[]
  /** Undefined where neither the config nor the list of disabled ones has it. */
  find (name: string): PrincipalView | undefined
  set (name: string, disabled: boolean): PrincipalView | Problem
  readonly gauges: ReadonlyMap<string, () => number>
}

const nameCharsMax = 512
// What no name has: control characters, and what would hide or turn around a part of it on a terminal.
const unusual = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u

const unknown = new Problem('unknown-principal',
  'the config has no such principal, and no token could make it: a name has 1 to 512 characters that can be seen')
const nobody = new Problem('unknown-principal',
  'senders who prove nothing are no principal; to keep them out, list an authenticator under authentication')
const full = new Problem('list-full',
  'the list of disabled principals is full (64 KiB of names); take principals out of the config, or enable others')

/** `publish` tells every worker who is disabled; false: they are too many, and the last list still holds. */
export function createPrincipalList (
  settings: readonly PrincipalSettings[], publish: (names: readonly string[]) => boolean
): PrincipalList {
  const configured = new Map(settings.map(one => [one.name, one]))
  let disabled: ReadonlySet<string> = new Set()

  function viewOf (name: string): PrincipalView {
    const known = configured.get(name)
    return {
      name, configured: known !== undefined, disabled: disabled.has(name), groups: known?.groups ?? [],
      ...(known?.sources === undefined ? {} : { sources: known.sources }),
      credentials: [...new Set(known?.credentials.flatMap(one => Object.keys(one)))]
    }
  }

  return {
    all: () => [...new Set([...configured.keys(), ...disabled])].map(viewOf),
    find: name => configured.has(name) || disabled.has(name) ? viewOf(name) : undefined,
    set (name, wanted) {
      if (!configured.has(name)) {
        if (name === 'anonymous') return nobody
        if (name === '' || name.length > nameCharsMax || !name.isWellFormed() || unusual.test(name)) return unknown
      }
      if (disabled.has(name) !== wanted) {
        const next = new Set(disabled)
        if (wanted) next.add(name)
        else next.delete(name)
        if (!publish([...next])) return full
        disabled = next
      }
      return viewOf(name)
    },
    gauges: new Map([['principals_disabled', () => disabled.size]])
  }
}
