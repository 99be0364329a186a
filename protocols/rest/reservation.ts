// What one request holds: of the node's byte budget, and its sender's proof. All goes back, however the request ends.

import type { Principal } from '../../src/contract/envelope.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Door } from './door.ts'

/** Whose bytes they are: known before the first is reserved, and the same until the last is released. */
export interface Owner { readonly door: Door, readonly principal: Principal }

export class Reservation {
  readonly #owner: Owner
  #reservedBytes = 0
  #claimedBytes = 0

  constructor (owner: Owner) {
    this.#owner = owner
  }

  reserve (bytes: number): Refusal | undefined {
    const { door, principal } = this.#owner
    const refusal = door.ingress.reserve(bytes, principal)
    if (refusal !== undefined) return refusal
    this.#reservedBytes += bytes
    door.reservedBytes += bytes
    return undefined
  }

  /** Counts bytes that were read although the budget refused them, so that they too can be released. */
  claim (bytes: number): void {
    this.#claimedBytes += bytes
  }

  release (bytes: number): void {
    const claimed = Math.min(bytes, this.#claimedBytes)
    this.#claimedBytes -= claimed
    const reserved = Math.min(bytes - claimed, this.#reservedBytes)
    if (reserved === 0) return
    this.#reservedBytes -= reserved
    const { door, principal } = this.#owner
    door.reservedBytes -= reserved
    door.ingress.release(reserved, principal)
  }

  /** No more events come, and all have their outcomes: to be told before the answer, which may bring a retry. */
  conclude (): void {
    const { door, principal } = this.#owner
    door.ingress.conclude(principal)
  }

  releaseAll (): void {
    this.conclude()
    this.#claimedBytes = 0
    this.release(this.#reservedBytes)
  }
}
