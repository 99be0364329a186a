// One record of a binary message: flags, id, channel, attributes, data. Read in place, without a copy of the data.

import { isUtf8 } from 'node:buffer'
import type { Refusal } from '../../src/contract/outcome.ts'
import { addPair } from './pairs.ts'

/** Bits of a record's first byte. */
export const flags = { named: 0x01, attributes: 0x02, receipt: 0x04, empty: 0x08, more: 0x10 } as const
const knownFlags = 0x1f

/** One record, read into the same object again and again. */
export interface BinaryRecord {
  id: number
  /** The number of a declared channel; -1 where the record names one itself. */
  number: number
  channel: string
  /** Name, value, name, value; empty: none. */
  pairs: string[]
  /** What is wrong with the attributes, where the rest can be read. */
  refusal: Refusal | undefined
  receipt: boolean
  /** The data is from `start` to `end`; null data has `empty`. */
  start: number
  end: number
  empty: boolean
  /** Where the next record begins; the length of the message where this is the last. */
  next: number
  /** Why the message cannot be read from here on. */
  mistake: string
}

export function newRecord (): BinaryRecord {
  return {
    id: 0, number: 0, channel: '', pairs: noPairs, refusal: undefined, receipt: false, start: 0, end: 0, empty: false,
    next: 0, mistake: ''
  }
}

const noPairs: string[] = []

/** Where the last varint ended; -1: it was none. */
let behind = 0

/** A number of seven bits a byte, the lowest first, up to 2^53 - 1 (LEB128); as short as can be or not. */
function readNumber (bytes: Buffer, at: number): number {
  const first = bytes[at] ?? 0xff
  if (first < 0x80) {
    behind = at + 1
    return first
  }
  let value = 0
  let scale = 1
  for (let place = at; place < bytes.length && place < at + 8; place++) {
    const byte = bytes[place] ?? 0
    value += (byte & 0x7f) * scale
    scale *= 128
    if (byte < 0x80) {
      behind = place + 1
      if (value <= Number.MAX_SAFE_INTEGER) return value
      break
    }
  }
  behind = -1
  return 0
}

function fail (record: BinaryRecord, mistake: string): false {
  record.mistake = mistake
  return false
}

/** Reads the record at `at`. False: `mistake` says why it cannot be. */
export function readRecord (bytes: Buffer, at: number, record: BinaryRecord): boolean {
  const head = bytes[at] ?? 0
  if ((head & ~knownFlags) !== 0) return fail(record, 'a record has flags that v1 does not know')
  record.id = readNumber(bytes, at + 1)
  if (behind < 0) return fail(record, 'a record has no id that can be read')
  if ((head & flags.named) === 0) {
    record.number = readNumber(bytes, behind)
    if (behind < 0) return fail(record, 'a record has no channel that can be read')
  } else if (!readName(bytes, record)) return false
  record.receipt = (head & flags.receipt) !== 0
  record.empty = (head & flags.empty) !== 0
  record.pairs = noPairs
  record.refusal = undefined
  if ((head & flags.attributes) !== 0 && !readPairs(bytes, record)) return false
  if ((head & flags.more) === 0) {
    record.start = behind
    record.end = record.next = bytes.length
    if (record.empty && record.start !== record.end) return fail(record, 'a record without data has data')
    return true
  }
  const length = readNumber(bytes, behind)
  if (behind < 0 || length > bytes.length - behind) return fail(record, 'a record is longer than its message')
  if (record.empty && length > 0) return fail(record, 'a record without data has data')
  record.start = behind
  record.end = record.next = behind + length
  return true
}

function readName (bytes: Buffer, record: BinaryRecord): boolean {
  const length = readNumber(bytes, behind)
  if (behind < 0 || length > bytes.length - behind) return fail(record, 'a channel is longer than its message')
  const name = bytes.subarray(behind, behind + length)
  if (!isUtf8(name)) return fail(record, 'a channel is not UTF-8')
  record.number = -1
  record.channel = name.toString()
  behind += length
  return true
}

/** A block of attributes: its length in bytes, then names and values, each behind its own length. */
function readPairs (bytes: Buffer, record: BinaryRecord): boolean {
  const length = readNumber(bytes, behind)
  const end = behind + length
  if (behind < 0 || end > bytes.length) return fail(record, 'attributes are longer than their message')
  const pairs: string[] = []
  while (behind < end) {
    const name = readText(bytes, end)
    const value = name === undefined ? undefined : readText(bytes, end)
    if (name === undefined || value === undefined) {
      return fail(record, 'attributes end within a text, or hold one that is not UTF-8')
    }
    record.refusal ??= addPair(pairs, name, value)
  }
  record.pairs = pairs
  return true
}

function readText (bytes: Buffer, end: number): string | undefined {
  const length = readNumber(bytes, behind)
  if (behind < 0 || length > end - behind) return undefined
  const text = bytes.subarray(behind, behind + length)
  behind += length
  return isUtf8(text) ? text.toString() : undefined
}
