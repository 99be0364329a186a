// What one connection holds of a byte budget. What was read although the budget refused it is counted, and bounded.

import type { Ingress } from '../../src/contract/adapter.ts'
import type { Peer, Principal } from '../../src/contract/envelope.ts'
import type { Refusal } from '../../src/contract/outcome.ts'

/** Where bytes are taken from and go back to. */
export interface Purse {
  reserve (bytes: number): Refusal | undefined
  release (bytes: number): void
  /** Told of bytes that were read and not granted: more of them, or fewer where negative. */
  owe (bytes: number): void
}

/** Whose bytes they are. The principal may be renewed meanwhile, but not become another one. */
interface Owner {
  readonly door: { readonly ingress: Ingress, unpaidBytes: number }
  readonly peer: Peer
  readonly principal: Principal
}

/** The small budget of those who have not proved who they are. */
export function unprovenPurseOf ({ door, peer }: Owner): Purse {
  const { ingress } = door
  return {
    reserve: bytes => ingress.reservePreAuth(bytes, peer), release: bytes => { ingress.releasePreAuth(bytes, peer) },
    owe: bytes => { door.unpaidBytes += bytes }
  }
}

/** The node's. */
export function purseOf (owner: Owner): Purse {
  const { door } = owner
  return {
    reserve: bytes => door.ingress.reserve(bytes, owner.principal),
    release: bytes => { door.ingress.release(bytes, owner.principal) },
    owe: bytes => { door.unpaidBytes += bytes }
  }
}

export class Holding {
  readonly #purse: Purse
  reservedBytes = 0
  /** Read, and not granted: at most what one read of the socket gives, for then reading stops. */
  unpaidBytes = 0

  constructor (purse: Purse) {
    this.#purse = purse
  }

  /** For bytes that have been read. */
  take (bytes: number): Refusal | undefined {
    const refusal = this.#purse.reserve(bytes)
    if (refusal === undefined) this.reservedBytes += bytes
    else this.#owe(bytes)
    return refusal
  }

  /** For bytes that came to be without being read, such as by inflating: up to `bytes` in all. */
  cover (bytes: number): Refusal | undefined {
    const missing = bytes - this.reservedBytes - this.unpaidBytes
    if (missing <= 0) return undefined
    const refusal = this.#purse.reserve(missing)
    if (refusal === undefined) this.reservedBytes += missing
    return refusal
  }

  /** Asks again for what was not granted. */
  pay (): Refusal | undefined {
    if (this.unpaidBytes === 0) return undefined
    const refusal = this.#purse.reserve(this.unpaidBytes)
    if (refusal !== undefined) return refusal
    this.reservedBytes += this.unpaidBytes
    this.#owe(-this.unpaidBytes)
    return undefined
  }

  /** True where so many bytes would be granted. */
  hasRoom (bytes: number): boolean {
    if (this.#purse.reserve(bytes) !== undefined) return false
    this.#purse.release(bytes)
    return true
  }

  #owe (bytes: number): void {
    this.unpaidBytes += bytes
    this.#purse.owe(bytes)
  }

  /** Gives back whatever is above `bytes`, first what was never granted. */
  keep (bytes: number): void {
    let excess = this.reservedBytes + this.unpaidBytes - bytes
    if (excess <= 0) return
    const unpaid = Math.min(excess, this.unpaidBytes)
    if (unpaid > 0) this.#owe(-unpaid)
    excess -= unpaid
    if (excess === 0) return
    this.reservedBytes -= excess
    this.#purse.release(excess)
  }
}
