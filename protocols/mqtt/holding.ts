// What the messages of one connection hold in memory: reserved before they go on, and given back exactly.

import type { Principal } from '../../src/contract/envelope.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Door } from './door.ts'
import type { Lot } from './in-flight.ts'

/** What a message takes beside its bytes. */
const messageBytes = 256

/**
 * Messages are views of the chunk they came in, so a chunk is held as long as one of them is. Nothing is reserved for
 * messages that only wait: they have a small allowance of their own, so that the packets behind them can still be read.
 */
export class Holding {
  readonly #door: Door
  readonly #principal: Principal
  #chunkBytes = 0
  #lot: Lot | undefined
  /** Reserved for a packet that is not complete. */
  #carryBytes = 0
  #carryFits = true
  /** Of such a packet, what was not granted. */
  #unpaidBytes = 0
  #waitingBytes = 0

  constructor (door: Door, principal: Principal) {
    this.#door = door
    this.#principal = principal
  }

  /** False: nothing more may be read before some of what was read has gone on. */
  get mayRead (): boolean {
    const { pausedBytesMax, pausedTotalBytesMax } = this.#door.config
    if (!this.#carryFits || this.#waitingBytes === 0) return this.#carryFits
    return this.#waitingBytes < pausedBytesMax && this.#door.pausedBytes < pausedTotalBytesMax
  }

  get carryFits (): boolean { return this.#carryFits }

  /** A chunk of so many bytes is being read. A packet that ends in it is a copy, of what was carried as well. */
  begin (chunkBytes: number): void { this.#chunkBytes = chunkBytes + this.#carryBytes }

  /** What a message of this chunk is a part of. */
  lot (): Lot {
    // One that went on already has what it needs.
    if (this.#lot === undefined || this.#lot.reserved) {
      this.#lot = { bytes: this.#lot === undefined ? this.#chunkBytes : 0, openCount: 0, reserved: false }
      this.#wait(this.#lot.bytes)
    }
    this.#lot.bytes += messageBytes
    this.#wait(messageBytes)
    return this.#lot
  }

  #wait (bytes: number): void {
    this.#waitingBytes += bytes
    this.#door.pausedBytes += bytes
  }

  /** The chunk has been read. */
  end (): void {
    const lot = this.#lot
    this.#lot = undefined
    if (lot?.openCount === 0) this.#letGo(lot)
  }

  /** Makes what is reserved for an incomplete packet `heldBytes`. */
  carry (heldBytes: number): Refusal | undefined {
    const moreBytes = heldBytes - this.#carryBytes
    this.#carryFits = true
    if (moreBytes > 0) {
      const refusal = this.#door.ingress.reserve(moreBytes, this.#principal)
      if (refusal !== undefined) {
        this.#carryFits = false
        this.#owe(moreBytes)
        return refusal
      }
    } else if (moreBytes < 0) {
      this.#door.ingress.release(-moreBytes, this.#principal)
    }
    this.#carryBytes = heldBytes
    this.#door.reservedBytes += moreBytes
    this.#owe(0)
    return undefined
  }

  /** So many bytes are not granted now. */
  #owe (bytes: number): void {
    this.#door.unpaidBytes += bytes - this.#unpaidBytes
    this.#unpaidBytes = bytes
  }

  /** Its messages go on. */
  reserve (lot: Lot): Refusal | undefined {
    if (lot.reserved) return undefined
    const refusal = this.#door.ingress.reserve(lot.bytes, this.#principal)
    if (refusal !== undefined) return refusal
    lot.reserved = true
    this.#wait(-lot.bytes)
    this.#door.reservedBytes += lot.bytes
    return undefined
  }

  /** One of its messages has its outcome. */
  finish (lot: Lot | undefined): void {
    if (lot?.openCount === 0 && lot !== this.#lot) this.#letGo(lot)
  }

  #letGo (lot: Lot): void {
    if (!lot.reserved) return this.#wait(-lot.bytes)
    this.#door.ingress.release(lot.bytes, this.#principal)
    this.#door.reservedBytes -= lot.bytes
  }

  /** Nothing is read any more. */
  close (): void {
    this.end()
    this.carry(0)
  }
}
