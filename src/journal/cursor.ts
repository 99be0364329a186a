// Walks through one segment frame by frame, finds its way again behind damage, and says where that was.

import { claimedBytes, frameHolds, frameOverheadBytes } from './layout.ts'

const windowBytesMin = 262_144
const prefixBytes = 12

export type SegmentItem =
  /** A whole frame with a good CRC: `totalBytes` from `start` in `bytes`, valid until the next call. */
  | {
    readonly kind: 'frame'
    readonly position: number
    readonly bytes: Buffer
    readonly start: number
    readonly totalBytes: number
  }
  /** Bytes that are no frame, with a good frame right behind them. */
  | { readonly kind: 'damage', readonly position: number, readonly totalBytes: number }
  /** No good frame from `position` on. `restBytes` of 0: the segment ends cleanly there. */
  | { readonly kind: 'end', readonly position: number, readonly restBytes: number }

export interface CursorSource {
  /** Reads into `target` from a position of the file; returns how many bytes there were. */
  read (target: Buffer, position: number): number
  readonly syncWord: number
  /** Position of the first frame. */
  readonly start: number
}

export interface SegmentCursor {
  /** The next thing before `limit`, a position of the file. After `end` call it again with a higher limit, or not. */
  next (limit: number): SegmentItem
}

export function createCursor (source: CursorSource): SegmentCursor {
  const needle = Buffer.alloc(4)
  needle.writeUInt32BE(source.syncWord)
  let position = source.start
  let window = Buffer.allocUnsafe(windowBytesMin)
  let windowAt = 0
  let windowBytes = 0

  // Brings `count` bytes from `from` on into the window. Nothing behind `limit` is kept: it may still be taken back.
  function load (from: number, count: number, limit: number): boolean {
    if (from >= windowAt && from + count <= windowAt + windowBytes) return true
    if (count > window.length) window = Buffer.allocUnsafe(Math.max(count, window.length * 2))
    windowAt = from
    windowBytes = 0
    const wanted = window.subarray(0, limit - from)
    while (windowBytes < wanted.length) {
      const read = source.read(wanted.subarray(windowBytes), from + windowBytes)
      if (read === 0) break
      windowBytes += read
    }
    return windowBytes >= count
  }

  function frameAt (from: number, limit: number): number {
    if (limit - from < frameOverheadBytes || !load(from, prefixBytes, limit)) return 0
    const total = claimedBytes(window, from - windowAt, source.syncWord)
    if (total === 0 || total > limit - from || !load(from, total, limit)) return 0
    return frameHolds(window, from - windowAt, total) ? total : 0
  }

  function findFrame (from: number, limit: number): number {
    let at = from
    while (limit - at >= frameOverheadBytes && load(at, 4, limit)) {
      const found = window.subarray(0, windowBytes).indexOf(needle, at - windowAt)
      if (found < 0) {
        at = windowAt + windowBytes - 3
        continue
      }
      at = windowAt + found
      if (frameAt(at, limit) > 0) return at
      at++
    }
    return -1
  }

  return {
    next (limit) {
      const totalBytes = frameAt(position, limit)
      if (totalBytes > 0) {
        const at = position
        position += totalBytes
        return { kind: 'frame', position: at, bytes: window, start: at - windowAt, totalBytes }
      }
      const from = position
      const found = findFrame(from + 1, limit)
      if (found < 0) return { kind: 'end', position: from, restBytes: Math.max(0, limit - from) }
      position = found
      return { kind: 'damage', position: from, totalBytes: found - from }
    }
  }
}
