// The room that the node has for what one connection sends: taken as bytes come, and waited for where there is none.

import type { Refusal } from '../../src/contract/outcome.ts'
import { FrameMeter } from './frame-meter.ts'
import { Holding } from './holding.ts'
import type { Purse } from './holding.ts'
import type { FrameCounts } from './patience.ts'

export class Room {
  /** Why events of the bytes in hand get no room. */
  shed: Refusal | undefined
  /** True where nothing is to be read, because there was no room for what was. */
  isStarved = false
  /** What was read last without room. */
  #shedBytes = 0
  #held: Holding
  readonly #meter: FrameMeter

  /** `inflates`: messages are delivered some time after their bytes have come. */
  constructor (purse: Purse, inflates = false) {
    this.#held = new Holding(purse)
    this.#meter = new FrameMeter(inflates)
  }

  get reservedBytes (): number { return this.#held.reservedBytes }
  /** True where something is held for which there was no room. */
  get owes (): boolean { return this.#held.unpaidBytes > 0 }
  /** What has come so far, as counts that go on. */
  get frames (): FrameCounts { return this.#meter }
  /** True once the peer has closed. */
  get isClosed (): boolean { return this.#meter.isClosed }
  /** What has come of a message that is not whole. */
  get openBytes (): number { return this.#meter.openBytes }
  get isBetweenMessages (): boolean { return this.#meter.isBetweenMessages }

  /** For bytes that were read and are about to be looked at. */
  take (bytes: number): void {
    this.shed = this.#held.take(bytes)
    if (this.shed !== undefined) this.#shedBytes = bytes
  }

  follow (bytes: Buffer): void { this.#meter.push(bytes) }

  /** The bytes have been looked at. */
  settle (): void {
    if (this.shed === undefined) return
    this.shed = undefined
    this.isStarved = true
  }

  /** The next message has been delivered: what it holds is the session's affair now. */
  delivered (): void { this.#meter.delivered() }

  /** Gives back what is above `bytes` and the message that is not whole. */
  keep (bytes: number): void { this.#held.keep(bytes + this.#meter.openBytes + this.#meter.wholeBytes) }
  /** The same where no message will become whole any more. */
  keepOnly (bytes: number): void { this.#held.keep(bytes) }
  cover (bytes: number): Refusal | undefined { return this.#held.cover(bytes) }

  /**
   * True where what was read before has found room now, so that more can be read. While the node is short of memory
   * there must be room for as much again.
   */
  find (isShort: boolean): boolean {
    if (!this.isStarved || this.#held.pay() !== undefined) return false
    if (isShort && !this.#held.hasRoom(this.#shedBytes)) return false
    this.isStarved = false
    return true
  }

  /** From now on bytes are taken from another purse; `handBytes` of those in hand are its own already. */
  move (purse: Purse, handBytes: number): void {
    this.#held.keep(0)
    this.#held = new Holding(purse)
    if (handBytes > 0) this.take(handBytes)
  }
}
