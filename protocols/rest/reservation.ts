// What one request holds of the node's byte budget. Everything that was taken goes back, however the request ends.

import type { Refusal } from '../../src/contract/outcome.ts'
import type { Door } from './door.ts'

export class Reservation {
  readonly #door: Door
  #reservedBytes = 0
  #claimedBytes = 0

  constructor (door: Door) {
    this.#door = door
  }

  reserve (bytes: number): Refusal | undefined {
    const refusal = this.#door.ingress.reserve(bytes)
    if (refusal !== undefined) return refusal
    this.#reservedBytes += bytes
    this.#door.reservedBytes += bytes
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
    this.#door.reservedBytes -= reserved
    this.#door.ingress.release(reserved)
  }

  releaseAll (): void {
    this.#claimedBytes = 0
    this.release(this.#reservedBytes)
  }
}
