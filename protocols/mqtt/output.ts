// What is to be told on one connection, gathered and written in one piece, and how long its client may take for it.

import type { Duplex } from 'node:stream'
import type { Acknowledging } from './acknowledging.ts'
import type { Door } from './door.ts'

/** Larger than any acknowledgement with its reason. */
const roomBytes = 8_192

export class Output {
  readonly #door: Door
  readonly #stream: Duplex
  readonly #onRoom: () => void
  #parts: Buffer[] = []
  #isFull = false
  /** When the client must have taken what it was told; Infinity: nothing waits. */
  deadlineMs = Infinity

  /** `onRoom` is called when there is room again after there was none. */
  constructor (door: Door, stream: Duplex, onRoom: () => void) {
    this.#door = door
    this.#stream = stream
    this.#onRoom = onRoom
  }

  /** True: the client does not take what it is told, so no more of it is read. */
  get isFull (): boolean { return this.#isFull }

  /** Adds an answer that leaves with the next ones. */
  add (bytes: Buffer): void { this.#parts.push(bytes) }

  /** Writes what was added, and the acknowledgements that are due. */
  flush (acknowledging: Acknowledging): void {
    const { scratch } = this.#door
    for (;;) {
      const end = acknowledging.write(scratch, 0)
      // The scratch belongs to all connections: what is written later must be of its own.
      if (end > 0) this.#parts.push(Buffer.from(scratch.subarray(0, end)))
      if (end <= scratch.length - roomBytes) break
    }
    const [first, second] = this.#parts
    if (first === undefined) return
    this.write(second === undefined ? first : Buffer.concat(this.#parts))
    this.#parts = []
  }

  write (bytes: Buffer): void {
    const stream = this.#stream
    if (!stream.writable) return
    stream.write(bytes)
    if (this.#isFull || stream.writableLength <= this.#door.config.outputBytesMax) return
    this.#isFull = true
    this.deadlineMs = this.#door.nowMs() + this.#door.config.writeTimeoutMs
    stream.once('drain', () => {
      this.#isFull = false
      this.deadlineMs = Infinity
      this.#onRoom()
    })
  }
}
