// Bytes to lines: splits on LF over chunks, copies only lines that span chunks, never holds one above its limit.

import { skipSpace } from '../../src/contract/json-scan.ts'

/** Told each line of a stream, in order. A line is without its LF and a CR before it; `bytes` counts both. */
export interface LineSink {
  line (line: Buffer, bytes: number): void
  /** A line above the limit; its last bytes, of which these are all that is still counted, have just gone by. */
  longLine (bytes: number): void
  /** Bytes of no line: one of nothing but white space, or a part of one that is too long. */
  skipped (bytes: number): void
  /** False: `push` stops before the next line. */
  ready (): boolean
}

const lf = 0x0a
const cr = 0x0d

/** Holds at most `lineBytesMax` bytes of a line that is not complete. */
export class LineSplitter {
  readonly #sink: LineSink
  readonly #lineBytesMax: number
  #pieces: Buffer[] = []
  #heldBytes = 0
  #skipping = false

  constructor (sink: LineSink, lineBytesMax: number) {
    this.#sink = sink
    this.#lineBytesMax = lineBytesMax
  }

  /** True in the middle of a line. */
  get isHolding (): boolean { return this.#heldBytes > 0 }

  /** Splits a chunk. Returns what it did not look at because the sink was not ready, else undefined. */
  push (chunk: Buffer): Buffer | undefined {
    let at = 0
    while (at < chunk.length) {
      if (!this.#sink.ready()) return at === 0 ? chunk : chunk.subarray(at)
      const end = chunk.indexOf(lf, at)
      if (end < 0) {
        this.#hold(chunk.subarray(at))
        return undefined
      }
      this.#complete(chunk, at, end)
      at = end + 1
    }
    return undefined
  }

  /** The end of the stream: what is held is a line of its own (its last LF is optional). */
  end (): void {
    if (this.#heldBytes > 0 || this.#skipping) this.#complete(empty, 0, -1)
  }

  /** Forgets what is held; returns how many bytes that were. */
  drop (): number {
    const bytes = this.#heldBytes
    if (bytes > 0) this.#pieces = []
    this.#heldBytes = 0
    return bytes
  }

  #hold (piece: Buffer): void {
    if (!this.#skipping && this.#heldBytes + piece.length <= this.#lineBytesMax) {
      this.#pieces.push(piece)
      this.#heldBytes += piece.length
      return
    }
    this.#skipping = true
    this.#sink.skipped(piece.length + this.drop())
  }

  /** `end` is the position of the LF, or -1 at the end of the stream. */
  #complete (chunk: Buffer, from: number, end: number): void {
    const pieceBytes = end < 0 ? 0 : end - from
    const lfBytes = end < 0 ? 0 : 1
    if (this.#skipping || this.#heldBytes + pieceBytes > this.#lineBytesMax) {
      const bytes = pieceBytes + lfBytes + this.drop()
      this.#skipping = false
      return this.#sink.longLine(bytes)
    }
    let line = chunk.subarray(from, from + pieceBytes)
    if (this.#heldBytes > 0) {
      this.#pieces.push(line)
      line = Buffer.concat(this.#pieces, this.#heldBytes + pieceBytes)
    }
    const bytes = this.drop() + pieceBytes + lfBytes
    if (line.length > 0 && line[line.length - 1] === cr) line = line.subarray(0, line.length - 1)
    if (skipSpace(line, 0, line.length) === line.length) this.#sink.skipped(bytes)
    else this.#sink.line(line, bytes)
  }
}

const empty = Buffer.alloc(0)
