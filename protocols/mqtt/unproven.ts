// What a connection holds before its client is known: bytes of the small budget for all such connections.

import type { Ingress } from '../../src/contract/adapter.ts'
import type { Peer } from '../../src/contract/envelope.ts'

export class Unproven {
  readonly #ingress: Ingress
  readonly #peer: Peer
  #bytes = 0

  constructor (ingress: Ingress, peer: Peer) {
    this.#ingress = ingress
    this.#peer = peer
  }

  /** Makes it so many bytes; false: there is no room for them. */
  hold (bytes: number): boolean {
    const moreBytes = bytes - this.#bytes
    if (moreBytes > 0 && this.#ingress.reservePreAuth(moreBytes, this.#peer) !== undefined) return false
    if (moreBytes < 0) this.#ingress.releasePreAuth(-moreBytes, this.#peer)
    this.#bytes = bytes
    return true
  }
}
