// The events of one hand-over: their frames in one piece of memory, and who waits for each. Reused when it is answered.

import { encodeRecord, recordBytes } from '../contract/record.ts'
import type { Outcome, Settler } from '../contract/outcome.ts'
import type { SinkRecord } from '../contract/sink.ts'
import { frameOverheadBytes, recordOffset, sealFrame, writeHead } from './layout.ts'


/** Bytes of the record's frame. Its time stands in the frame, so that the record's own time is a delta of 0. */
export function frameBytesOf (record: SinkRecord, topicBytes: number): number {
  return frameOverheadBytes + topicBytes + recordBytes(record, 0, 0)
}

export class Group {
  static readonly memoryBytesMin = 65_536
  #memory: Buffer
  #usedBytes = 0
  /** Those whose ticket is already settled, at its deadline. */
  #goneCount = 0
  // One entry per event, in the order of their frames.
  readonly #starts: number[] = []
  readonly #settlers: (Settler | undefined)[] = []
  readonly #tickets: number[] = []
  readonly #deadlines: number[] = []
  readonly #ids: string[] = []
  readonly #sources: string[] = []

  constructor () {
    this.#memory = Buffer.alloc(Group.memoryBytesMin)
  }

  get usedBytes (): number { return this.#usedBytes }
  /** Tickets that wait. */
  get count (): number { return this.#starts.length - this.#goneCount }
  get memory (): Buffer { return this.#memory }

  /** Appends the record's frame; `wait` must follow. */
  write (record: SinkRecord, topicBytes: number, frameBytes: number, syncWord: number): void {
    const at = this.#usedBytes
    const end = at + frameBytes
    if (end > this.#memory.length) this.#grow(end)
    writeHead(this.#memory, at, record, topicBytes)
    encodeRecord(record, this.#memory, at + recordOffset(topicBytes), 0, 0)
    sealFrame(this.#memory, at, end, syncWord)
    this.#starts.push(at)
    this.#ids.push(record.id)
    this.#sources.push(record.source)
    this.#usedBytes = end
  }

  /** Says who waits for the frame that was written last. `deadlineMs` as in `Sink.deliver`. */
  wait (settler: Settler, ticket: number, deadlineMs: number): void {
    this.#settlers.push(settler)
    this.#tickets.push(ticket)
    this.#deadlines.push(deadlineMs)
  }

  /** Settles whatever is due at `nowMs` with `outcome`; returns the next deadline, or 0. */
  expire (nowMs: number, outcome: Outcome): number {
    let nextMs = 0
    for (let index = 0; index < this.#starts.length; index++) {
      const deadlineMs = this.#deadlines[index] ?? 0
      if (deadlineMs === 0 || this.#settlers[index] === undefined) continue
      if (deadlineMs <= nowMs) this.#settle(index, outcome)
      else if (nextMs === 0 || deadlineMs < nextMs) nextMs = deadlineMs
    }
    return nextMs
  }

  /** Takes the frames out whose tickets are settled already, before anything is handed over. Returns the bytes won. */
  compact (): number {
    if (this.#goneCount === 0) return 0
    const beforeBytes = this.#usedBytes
    let kept = 0
    let bytes = 0
    for (let index = 0; index < this.#starts.length; index++) {
      if (this.#settlers[index] === undefined) continue
      const start = this.#starts[index] ?? 0
      const end = this.#starts[index + 1] ?? beforeBytes
      this.#memory.copyWithin(bytes, start, end)
      this.#move(index, kept)
      this.#starts[kept++] = bytes
      bytes += end - start
    }
    this.#shorten(kept)
    this.#goneCount = 0
    this.#usedBytes = bytes
    return beforeBytes - bytes
  }

  /** Settles everyone who still waits with the same refusal. */
  refuseAll (outcome: Outcome): void {
    for (let index = 0; index < this.#starts.length; index++) this.#settle(index, outcome)
  }

  /** Settles everyone who still waits with a receipt. `position` is that of the group's first byte in `segment`. */
  acknowledge (segment: number, position: number): void {
    for (let index = 0; index < this.#starts.length; index++) {
      if (this.#settlers[index] === undefined) continue
      this.#settle(index, {
        outcome: 'written', ack: 'disk', id: this.#ids[index] ?? '', source: this.#sources[index] ?? '',
        topic: undefined, partition: undefined, offset: undefined,
        journal: `${segment}:${position + (this.#starts[index] ?? 0)}`
      })
    }
  }

  /** Makes it empty, with the memory it is to use now. */
  reset (memory: Buffer): void {
    this.#memory = memory
    this.#usedBytes = 0
    this.#goneCount = 0
    this.#shorten(0)
  }

  #settle (index: number, outcome: Outcome): void {
    const settler = this.#settlers[index]
    if (settler === undefined) return
    this.#settlers[index] = undefined
    this.#goneCount++
    settler.settle(this.#tickets[index] ?? 0, outcome)
  }

  #move (from: number, to: number): void {
    this.#settlers[to] = this.#settlers[from]
    this.#tickets[to] = this.#tickets[from] ?? 0
    this.#deadlines[to] = this.#deadlines[from] ?? 0
    this.#ids[to] = this.#ids[from] ?? ''
    this.#sources[to] = this.#sources[from] ?? ''
  }

  #shorten (count: number): void {
    this.#starts.length = count
    this.#settlers.length = count
    this.#tickets.length = count
    this.#deadlines.length = count
    this.#ids.length = count
    this.#sources.length = count
  }

  #grow (bytes: number): void {
    let size = this.#memory.length
    while (size < bytes) size *= 2
    const memory = Buffer.alloc(size)
    this.#memory.copy(memory, 0, 0, this.#usedBytes)
    this.#memory = memory
  }
}
