// The small budget of those who have not proved who they are, and how much of it one address may have.

/** Above this share of the budget nobody takes more than is fair. */
const crowdedShare = 1 / 2

/**
 * Counts bytes by address. While half of the budget is free, who comes first is served; above that an address may hold
 * as much as it had if it and all others that hold something, and one more, shared the budget equally. One address can
 * thus never shut out another.
 */
export class PreAuth {
  readonly #bytesMax: number
  readonly #perAddress = new Map<string, number>()
  #bytes = 0

  constructor (bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes (): number { return this.#bytes }
  get addressesCount (): number { return this.#perAddress.size }

  /** False: there is no room, or not for this address. */
  mayTake (bytes: number, address: string): boolean {
    const allBytes = this.#bytes + bytes
    if (allBytes > this.#bytesMax) return false
    if (allBytes <= this.#bytesMax * crowdedShare) return true
    const ownBytes = this.#perAddress.get(address)
    // Who has nothing may always try: a share must be usable whatever its size.
    return ownBytes === undefined || ownBytes + bytes <= this.#bytesMax / (this.#perAddress.size + 1)
  }

  take (bytes: number, address: string): void {
    this.#bytes += bytes
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + bytes)
  }

  give (bytes: number, address: string): void {
    const leftBytes = (this.#perAddress.get(address) ?? 0) - bytes
    if (leftBytes < 0) throw new Error(`pre-auth budget: ${-leftBytes} bytes more were given back than taken`)
    this.#bytes -= bytes
    if (leftBytes > 0) this.#perAddress.set(address, leftBytes)
    else this.#perAddress.delete(address)
  }
}
