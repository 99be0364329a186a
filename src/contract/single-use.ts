// Proofs that are taken once: a principal that was let in by one carries what gives it back where nothing was written.

import type { Principal } from './envelope.ts'
import { refuse } from './outcome.ts'
import type { Refusal } from './outcome.ts'
import type { Table } from './table.ts'

/** What whoever shows a proof again is told. */
export interface Repetition {
  /** The first one is under way: what becomes of it decides. */
  readonly underWay: Refusal
  /** Something was written for it, or nobody can tell. */
  readonly usedUp: Refusal
}

/** How soon most requests are over. */
const underWayMs = 1_000

/** `what` is e.g. "this webhook", `advice` what else its sender may do. */
export function repetitionOf (what: string, advice: string): Repetition {
  return {
    underWay: refuse('unverifiable', `${what} is under way already; what becomes of it decides`, { retryAfterMs: underWayMs }),
    // Who can show it has the right secret, or saw what was made with it: nobody guesses.
    usedUp: { ...refuse('unauthenticated', `${what} was taken already, or is too old to tell${advice}`), proven: true }
  }
}

/** A proof that holds. `memory` is shared by all workers; `knownMs` is how long it would hold from now on. */
export interface ShownProof { readonly memory: Table | undefined, readonly key: string, readonly knownMs: number }

/** The principal of a proof that nobody has shown before, else what is said of its repetition. */
export function takeSingleUse (
  principal: Principal, { memory, key, knownMs }: ShownProof, repetition: Repetition
): Principal | Refusal {
  const taking = memory?.takeOnce?.(key, knownMs) ?? 'used-up'
  if (taking !== 'taken') return taking === 'under-way' ? repetition.underWay : repetition.usedUp
  const takenMs = performance.now()
  let isOver = false
  /** After its time it may be somebody else who has taken it. */
  const end = (tell: ((key: string) => void) | undefined): void => {
    if (!isOver && performance.now() - takenMs < knownMs) tell?.(key)
    isOver = true
  }
  const singleUse = Object.freeze({
    useUp () { end(memory?.useOnce) },
    giveBack () { end(memory?.giveOnce) }
  })
  return Object.freeze({ ...principal, singleUse })
}
