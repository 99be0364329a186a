// Result lines as bytes: the receipts of one batch differ in index, id and offset alone, and the rest is copied.

import { isReceipt } from '../../src/contract/outcome.ts'
import type { Outcome, Receipt } from '../../src/contract/outcome.ts'
import { placeText, resultText } from './reply.ts'

/** Of the lines in hand, which are copied out of it together. */
const scratch = Buffer.allocUnsafeSlow(65_536)
/** A receipt that may be longer is made as text. */
const receiptBytesMax = 4_096
const variableBytesMax = 64

const opening = Buffer.from('{"index":')
const beforeId = Buffer.from(',"outcome":"written","id":"')
const beforeOffset = Buffer.from(',"offset":')
const [zero, quote, backslash, brace, newline] = Buffer.from('0"\\}\n') as unknown as [number, number, number, number, number]
const int32Max = 0x7fffffff

let placeOf = ''
/** From behind the id to the partition. */
let placeBytes = Buffer.alloc(0)

/** The text of a whole number, which is not negative. */
function writeInteger (at: number, value: number): number {
  if (value > int32Max) return at + scratch.write(String(value), at, 'latin1')
  let end = at + 1
  for (let rest = value; rest > 9; rest = (rest / 10) | 0) end++
  let rest = value
  for (let digitAt = end - 1; digitAt >= at; digitAt--) {
    const tens = (rest / 10) | 0
    scratch[digitAt] = zero + rest - tens * 10
    rest = tens
  }
  return end
}

/** Text that stands in JSON as it is, and where it ends; -1: it is not such text. */
function writePlain (at: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code < 0x20 || code > 0x7e || code === quote || code === backslash) return -1
    scratch[at + i] = code
  }
  return at + text.length
}

function copy (at: number, part: Buffer): number {
  scratch.set(part, at)
  return at + part.length
}

/** -1: this receipt has to be made as text. */
function writeReceipt (from: number, index: number, receipt: Receipt): number {
  const { outcome, id, offset, journal } = receipt
  if (outcome !== 'written' || offset === undefined || journal !== undefined) return -1
  const place = placeText(receipt)
  if (place !== placeOf) {
    placeOf = place
    placeBytes = Buffer.from(`",${place}`)
  }
  if (placeBytes.length + id.length + variableBytesMax + beforeId.length > receiptBytesMax) return -1
  const idAt = copy(writeInteger(copy(from, opening), index), beforeId)
  const idEnd = writePlain(idAt, id)
  if (idEnd < 0) return -1
  const end = writeInteger(copy(copy(idEnd, placeBytes), beforeOffset), offset)
  scratch[end] = brace
  scratch[end + 1] = newline
  return end + 2
}

/** Collects the lines of one answer. All are to be flushed before the lines of another begin. */
export class ResultLines {
  readonly #write: (bytes: Buffer) => void
  #end = 0

  /** `write` takes lines as they are to be sent; nobody else has these bytes. */
  constructor (write: (bytes: Buffer) => void) {
    this.#write = write
  }

  /** The line of the event at `index`: the bytes of `resultText`. */
  add (index: number, outcome: Outcome): void {
    if (scratch.length - this.#end < receiptBytesMax) this.flush()
    const end = isReceipt(outcome) ? writeReceipt(this.#end, index, outcome) : -1
    if (end >= 0) this.#end = end
    else this.#addText(`${resultText(index, outcome)}\n`)
  }

  #addText (line: string): void {
    const byteCount = Buffer.byteLength(line)
    if (byteCount > scratch.length - this.#end) this.flush()
    if (byteCount > scratch.length) this.#write(Buffer.from(line))
    else this.#end += scratch.write(line, this.#end)
  }

  flush (): void {
    if (this.#end === 0) return
    const bytes = Buffer.from(scratch.subarray(0, this.#end))
    this.#end = 0
    this.#write(bytes)
  }
}
