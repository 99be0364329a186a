// The packet ids of QoS 2 that a session knows: a list of a few, a bit for each id there is where they are more.

/** A bit for each id, and the object around them. */
const bitsBytes = 65_536 / 8
export const manyIdsBytes = bitsBytes + 256
/** More than these are many. */
const fewMax = 32
/** So few are a list again. Less than the above: an id that comes and goes must not change the form each time. */
const fewAgain = 16

export class PacketIds {
  /** Their events have no outcome yet. Each is a message in flight, which has a bound of its own. */
  readonly #pending = new Set<number>()
  /** PUBREC stands for these until PUBREL comes (section 4.3.3). */
  #few: number[] = []
  #many: Uint8Array | undefined
  #takenCount = 0

  get count (): number { return this.#pending.size + this.#takenCount }
  get pendingCount (): number { return this.#pending.size }
  /** What it holds beyond what every session does. */
  get bytes (): number { return this.#many === undefined ? 0 : manyIdsBytes }

  /** Undefined is nothing, false that its event has no outcome yet, true that it was taken. */
  known (packetId: number): boolean | undefined {
    if (this.#pending.has(packetId)) return false
    return this.#isTaken(packetId) ? true : undefined
  }

  #isTaken (packetId: number): boolean {
    const many = this.#many
    if (many === undefined) return this.#few.includes(packetId)
    return ((many[packetId >> 3] ?? 0) & (1 << (packetId & 7))) !== 0
  }

  open (packetId: number): void { this.#pending.add(packetId) }

  /** Its event has an outcome. Returns false where there was none to wait for. */
  settle (packetId: number): boolean { return this.#pending.delete(packetId) }

  take (packetId: number): void {
    if (this.#isTaken(packetId)) return
    this.#takenCount += 1
    if (this.#many !== undefined) return this.#mark(this.#many, packetId)
    this.#few.push(packetId)
    if (this.#few.length <= fewMax) return
    this.#many = new Uint8Array(bitsBytes)
    for (const one of this.#few) this.#mark(this.#many, one)
    this.#few = []
  }

  #mark (many: Uint8Array, packetId: number): void {
    many[packetId >> 3] = (many[packetId >> 3] ?? 0) | (1 << (packetId & 7))
  }

  release (packetId: number): void {
    if (!this.#isTaken(packetId)) return
    this.#takenCount -= 1
    const many = this.#many
    if (many === undefined) {
      const last = this.#few.pop()
      if (last !== undefined && last !== packetId) this.#few[this.#few.indexOf(packetId)] = last
      return
    }
    many[packetId >> 3] = (many[packetId >> 3] ?? 0) & ~(1 << (packetId & 7))
    if (this.#takenCount > fewAgain) return
    this.#few = this.taken()
    this.#many = undefined
  }

  taken (): number[] {
    const many = this.#many
    if (many === undefined) return [...this.#few]
    const ids: number[] = []
    for (const [at, bits] of many.entries()) {
      for (let bit = 0; bits >> bit > 0; bit++) if ((bits >> bit & 1) === 1) ids.push(at * 8 + bit)
    }
    return ids
  }
}
