// What is in flight on one stream: from the ids of a sender to tickets and back, and how far a cumulative ack may go.

const firstCapacity = 16

/**
 * Events are opened in the order of their ids and closed in any order. An ack of id n covers every event up to n, so it
 * may be sent when all of them are closed. Holds a few numbers per event in flight, and grows with their count: whoever
 * opens keeps that within the window it grants.
 */
export class AckWindow {
  #ids = new Float64Array(firstCapacity)
  #bytes = new Uint32Array(firstCapacity)
  /** 1: open. */
  #open = new Uint8Array(firstCapacity)
  /** Tickets count up from 0. This is the oldest that is open, or the next one. */
  #oldest = 0
  #next = 0
  #openCount = 0
  #coveredId = -1
  #toldId = -1

  /** Events that have been opened and not closed. */
  get openCount (): number { return this.#openCount }

  /** The highest id that was opened; -1 at first. */
  lastId = -1

  /** Begins an event of `bytes` bytes, and gives its ticket. `id` is above every one before it. */
  open (id: number, bytes: number): number {
    const ticket = this.#next
    if (ticket - this.#oldest === this.#ids.length) this.#grow()
    const at = ticket & (this.#ids.length - 1)
    this.#ids[at] = id
    this.#bytes[at] = bytes
    this.#open[at] = 1
    this.#next = ticket + 1
    this.#openCount += 1
    this.lastId = id
    return ticket
  }

  /** The id and the bytes of an open event. */
  idOf (ticket: number): number { return this.#ids[ticket & (this.#ids.length - 1)] ?? -1 }
  bytesOf (ticket: number): number { return this.#bytes[ticket & (this.#bytes.length - 1)] ?? 0 }

  /** Ends an event. False: it has ended before, or never begun. */
  close (ticket: number): boolean {
    const mask = this.#ids.length - 1
    if (ticket < this.#oldest || ticket >= this.#next || this.#open[ticket & mask] !== 1) return false
    this.#open[ticket & mask] = 0
    this.#openCount -= 1
    while (this.#oldest < this.#next && this.#open[this.#oldest & mask] === 0) {
      this.#coveredId = this.#ids[this.#oldest & mask] ?? -1
      this.#oldest += 1
    }
    return true
  }

  /** The id up to which everything has ended, where that is more than when it was taken last; else undefined. */
  takeAck (): number | undefined {
    if (this.#coveredId === this.#toldId) return undefined
    this.#toldId = this.#coveredId
    return this.#coveredId
  }

  #grow (): void {
    const oldMask = this.#ids.length - 1
    const capacity = this.#ids.length * 2
    const ids = new Float64Array(capacity)
    const bytes = new Uint32Array(capacity)
    const open = new Uint8Array(capacity)
    for (let ticket = this.#oldest; ticket < this.#next; ticket++) {
      const from = ticket & oldMask
      const to = ticket & (capacity - 1)
      ids[to] = this.#ids[from] ?? 0
      bytes[to] = this.#bytes[from] ?? 0
      open[to] = this.#open[from] ?? 0
    }
    this.#ids = ids
    this.#bytes = bytes
    this.#open = open
  }
}
