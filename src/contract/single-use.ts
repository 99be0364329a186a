// Proofs that are taken once: a principal that was let in by one carries what gives it back where nothing was written.

import type { Principal } from './envelope.ts'
import type { Table } from './table.ts'

/**
 * The principal of a proof that nobody has shown before, or undefined: it was taken already, or nobody can tell.
 * `memory` is shared by all workers; `knownMs` is how long the proof would hold from now on.
 */
export function takeSingleUse (
  principal: Principal, memory: Table | undefined, key: string, knownMs: number
): Principal | undefined {
  if (memory?.takeOnce?.(key, knownMs) !== true) return undefined
  const takenMs = performance.now()
  let isUsed = false
  const singleUse = Object.freeze({
    useUp () { isUsed = true },
    giveBack () {
      // After its time it may be somebody else who has taken it.
      if (!isUsed && performance.now() - takenMs < knownMs) memory.giveOnce?.(key)
      isUsed = true
    }
  })
  return Object.freeze({ ...principal, singleUse })
}
