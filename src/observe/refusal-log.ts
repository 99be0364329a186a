// Answers "why was that refused?" in the log: one line per kind of refusal and second at most, the rest is counted.

import type { Log } from '../contract/adapter.ts'
import type { Refusal } from '../contract/outcome.ts'

const sampleMs = 1_000
const keysMaxDefault = 1_000
const textCharactersMax = 200

/** Who and what was refused. Nothing of the payload and no credential belongs here. */
export interface RefusedEvent {
  readonly door: string
  /** '' where it was refused before it had a route. */
  readonly route: string
  readonly channel?: string | undefined
  readonly principal?: string | undefined
  /** The peer's address. */
  readonly address?: string | undefined
  readonly requestId?: string | undefined
  /** True: a policy in shadow mode would have refused it, and it went on. */
  readonly shadow?: true
}

export interface RefusalLogOptions {
  /** The most lines per second over all kinds; 0 writes none. */
  readonly perSecondMax: number
  /** The most kinds (code, route and policy) that are told apart; what comes later shares one. */
  readonly keysMax?: number
  /** Milliseconds that only go up. */
  readonly nowMs?: () => number
}

export interface RefusalLog {
  refused (refusal: Refusal, event: RefusedEvent): void
  /** Writes what was counted and not yet told, for the end of a run. At most `keysMax` lines. */
  flush (): void
}

interface Kind { readonly code: string, readonly route: string, nextMs: number, suppressedCount: number }

export function createRefusalLog (log: Log, options: RefusalLogOptions): RefusalLog {
  const { perSecondMax, keysMax = keysMaxDefault, nowMs = () => performance.now() } = options
  const kinds = new Map<string, Kind>()
  const others: Kind = { code: '(others)', route: '', nextMs: -Infinity, suppressedCount: 0 }
  let secondStartMs = -Infinity
  let writtenCount = 0

  function kindOf ({ code, policy }: Refusal, { route, shadow }: RefusedEvent): Kind {
    const key = `${code} ${route} ${policy?.place ?? ''} ${shadow === true}`
    const known = kinds.get(key)
    if (known !== undefined || kinds.size >= keysMax) return known ?? others
    const kind: Kind = { code, route, nextMs: -Infinity, suppressedCount: 0 }
    kinds.set(key, kind)
    return kind
  }

  /** True where one more line may be written now. */
  function mayWrite (kind: Kind): boolean {
    const now = nowMs()
    if (now >= secondStartMs + 1_000) {
      secondStartMs = now
      writtenCount = 0
    }
    if (now < kind.nextMs || writtenCount >= perSecondMax) return false
    kind.nextMs = now + sampleMs
    writtenCount++
    return true
  }

  return {
    refused (refusal, event) {
      if (perSecondMax === 0) return
      const kind = kindOf(refusal, event)
      if (!mayWrite(kind)) {
        kind.suppressedCount++
        return
      }
      const { suppressedCount } = kind
      kind.suppressedCount = 0
      log.warn(lineOf(refusal, event, suppressedCount), `${event.shadow === true ? 'would be refused (shadow)' : refusal.outcome}: ${refusal.code}`)
    },
    flush () {
      for (const kind of [...kinds.values(), others]) {
        const { code, route, suppressedCount } = kind
        if (suppressedCount > 0) log.warn({ code, route, suppressedCount }, 'refusals that were only counted')
        kind.suppressedCount = 0
      }
    }
  }
}

function lineOf (refusal: Refusal, event: RefusedEvent, suppressedCount: number): Record<string, unknown> {
  const { door, route, address, requestId } = event
  const { name: policy, place } = refusal.policy ?? {}
  return {
    code: refusal.code, detail: cut(refusal.detail), pointer: cut(refusal.pointer), policy, place, door, route,
    channel: cut(event.channel), principal: cut(event.principal), address, requestId: cut(requestId), suppressedCount
  }
}

// These texts may come from outside.
function cut (text: string | undefined): string | undefined {
  return text === undefined || text.length <= textCharactersMax ? text : `${text.slice(0, textCharactersMax)}...`
}
