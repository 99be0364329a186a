// The bytes of a segment's header and of a frame, both ways. Pure: no file is touched here.
//
// Segment:  header, then frames without gaps. Everything is big endian.
// Header:   magic 8 | format u32 | header bytes u32 | number f64 | created ms f64 | previous segment's bytes f64
//           | sync word u32 | crc u32
// Frame:    sync word u32 | crc u32 | body bytes u32 | wall time ms f64 | topic bytes u16 | topic | record
//
// The record is the body of a Kafka record v2. The CRC is zlib's CRC-32 (ISO 3309), because Node computes it natively;
// a frame's covers everything after itself, so a wrong length never passes. The sync word is a random number of the run
// that wrote the segment. Whoever sends events does not know it, so data that imitates frames is never taken for one
// when reading goes on behind a damaged place.

import { crc32 } from 'node:zlib'

export const formatVersion = 1
export const headerBytes = 48
/** What a frame is longer than its topic and record. */
export const frameOverheadBytes = 22
const prefixBytes = 12
const magic = Buffer.from('SLUICEJ\n', 'latin1')

export interface SegmentHeader {
  readonly number: number
  readonly createdMs: number
  /** Length of the segment before this one when it was left, header included; 0 where there is none. */
  readonly previousBytes: number
  readonly syncWord: number
}

export type HeaderReading =
  | { readonly kind: 'header', readonly header: SegmentHeader }
  | { readonly kind: 'damaged' }
  | { readonly kind: 'unknown-format', readonly format: number }

export function encodeHeader (header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  magic.copy(bytes)
  bytes.writeUInt32BE(formatVersion, 8)
  bytes.writeUInt32BE(headerBytes, 12)
  bytes.writeDoubleBE(header.number, 16)
  bytes.writeDoubleBE(header.createdMs, 24)
  bytes.writeDoubleBE(header.previousBytes, 32)
  bytes.writeUInt32BE(header.syncWord, 40)
  bytes.writeUInt32BE(crc32(bytes.subarray(0, 44)), 44)
  return bytes
}

export function decodeHeader (bytes: Buffer): HeaderReading {
  if (bytes.length < headerBytes || bytes.compare(magic, 0, 8, 0, 8) !== 0) return { kind: 'damaged' }
  const format = bytes.readUInt32BE(8)
  if (format !== formatVersion) return { kind: 'unknown-format', format }
  if (bytes.readUInt32BE(44) !== crc32(bytes.subarray(0, 44))) return { kind: 'damaged' }
  return {
    kind: 'header',
    header: {
      number: bytes.readDoubleBE(16), createdMs: bytes.readDoubleBE(24),
      previousBytes: bytes.readDoubleBE(32), syncWord: bytes.readUInt32BE(40)
    }
  }
}

/** What a frame holds beside its record, which starts at `recordAt`. */
export interface FrameHead {
  readonly topic: string
  readonly timestampMs: number
  readonly recordAt: number
}

/** Writes topic and time of a frame at `at`. `topicBytes` is the topic's length as UTF-8, below 65,536. */
export function writeHead (
  target: Buffer, at: number, head: { readonly topic: string, readonly timestampMs: number }, topicBytes: number
): void {
  target.writeDoubleBE(head.timestampMs, at + 12)
  target.writeUInt16BE(topicBytes, at + 20)
  target.write(head.topic, at + 22, topicBytes, 'utf8')
}

/** Closes the frame from `at` to `end`, whose head and record are written: sync word, length, CRC. */
export function sealFrame (target: Buffer, at: number, end: number, syncWord: number): void {
  target.writeUInt32BE(syncWord, at)
  target.writeUInt32BE(end - at - prefixBytes, at + 8)
  target.writeUInt32BE(crc32(target.subarray(at + 8, end)), at + 4)
}

/** Where a frame's record starts, from the frame's own start. */
export function recordOffset (topicBytes: number): number {
  return frameOverheadBytes + topicBytes
}

/** The length of the frame at `at` by its own word; 0 where none of this sync word starts there. Needs 12 bytes. */
export function claimedBytes (bytes: Buffer, at: number, syncWord: number): number {
  if (bytes.readUInt32BE(at) !== syncWord) return 0
  const total = prefixBytes + bytes.readUInt32BE(at + 8)
  return total >= frameOverheadBytes ? total : 0
}

/** True where the whole frame of `total` bytes at `at` is as it was written. */
export function frameHolds (bytes: Buffer, at: number, total: number): boolean {
  if (bytes.readUInt32BE(at + 4) !== crc32(bytes.subarray(at + 8, at + total))) return false
  return recordOffset(bytes.readUInt16BE(at + 20)) <= total
}

/** Reads the head of a frame that `frameHolds`. */
export function readHead (bytes: Buffer, at: number): FrameHead {
  const topicBytes = bytes.readUInt16BE(at + 20)
  return {
    topic: bytes.toString('utf8', at + 22, at + 22 + topicBytes),
    timestampMs: bytes.readDoubleBE(at + 12),
    recordAt: at + recordOffset(topicBytes)
  }
}

/** Bytes of the file that tells readers how far the journal is on the disk. */
export const markBytes = 24

/** Up to where the journal was known to be on the disk: a segment and its length then. */
export interface Mark { readonly segment: number, readonly bytes: number }

export function encodeMark (target: Buffer, mark: Mark): void {
  target.writeDoubleBE(mark.segment, 0)
  target.writeDoubleBE(mark.bytes, 8)
  target.writeUInt32BE(0x4d41524b, 16)
  target.writeUInt32BE(crc32(target.subarray(0, 20)), 20)
}

/** `undefined` where the bytes are not a mark, e.g. because it was read while being written. */
export function decodeMark (bytes: Buffer): Mark | undefined {
  if (bytes.length < markBytes || bytes.readUInt32BE(20) !== crc32(bytes.subarray(0, 20))) return undefined
  return { segment: bytes.readDoubleBE(0), bytes: bytes.readDoubleBE(8) }
}

const segmentName = /^(\d{10,16})\.log$/

export function nameOf (segment: number): string {
  return `${String(segment).padStart(10, '0')}.log`
}

/** The number in a segment's file name, or `undefined` for any other file. */
export function numberOf (name: string): number | undefined {
  const digits = segmentName.exec(name)?.[1]
  return digits === undefined || nameOf(Number(digits)) !== name ? undefined : Number(digits)
}
