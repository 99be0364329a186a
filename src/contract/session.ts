// Sessions: what a client that has a name of its own leaves behind from one connection to the next, once per node.

import type { Refusal } from './outcome.ts'

/** Whoever serves a session now. */
export interface SessionOwner {
  /**
   * Another connection claims the session, perhaps in another worker. Ends the connection that has it, if any, and
   * resolves with what the next owner needs to go on: at most `sessionStateBytesMax` bytes. `handedOver` answers it
   * before it is called again.
   */
  handOver (): Promise<Uint8Array | undefined>
  /** What it handed over has another owner now. Or nobody waits for it any more: it is this one's again, as it was. */
  handedOver (isTaken: boolean): void
}

/** A session that was claimed, until it is handed over or released. */
export interface Session {
  /** What the owner before handed over; undefined: the session is new, or what it had is lost. */
  readonly state: Uint8Array | undefined
  /** The session is over, and its name free. Does nothing once it was handed over. */
  release (): void
}

/** More state than this is not handed over; the next owner then begins anew. */
export const sessionStateBytesMax = 262_144

/**
 * Claims the session `name` for `principal`. Waits until its owner has handed it over. Refused where it belongs to
 * another principal (`forbidden`), and where there is no room, its owner is not in time or there is a later claim
 * (`overloaded`). Claims of several workers may overtake one another on their way: which one is later goes by
 * `sinceMs`, when its connection was known to be there, of `nodeNowMs`; absent, it is now. A worker that dies takes its
 * sessions with it.
 */
export type ClaimSession = (
  name: string, principal: string, owner: SessionOwner, sinceMs?: number
) => Promise<Session | Refusal>

/** The one clock of all workers of the node, in milliseconds. */
export const nodeNowMs = (): number => Number(process.hrtime.bigint()) / 1e6

/** Grants every session as a new one: where one adapter serves one sender, there is nobody to share names with. */
export const grantSession: ClaimSession = () => Promise.resolve({ state: undefined, release () {} })
