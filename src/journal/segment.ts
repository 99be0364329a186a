// Opens one segment file for reading: its header, and a cursor over its frames even where the header is damaged.

import { createCursor } from './cursor.ts'
import type { SegmentCursor } from './cursor.ts'
import type { Folder } from './folder.ts'
import { JournalError } from './journal-error.ts'
import { claimedBytes, decodeHeader, formatVersion, frameHolds, headerBytes, nameOf } from './layout.ts'
import type { SegmentHeader } from './layout.ts'

export interface OpenedSegment {
  readonly number: number
  readonly name: string
  /** `undefined` where the header is damaged. */
  readonly header: SegmentHeader | undefined
  /** `undefined` where neither the header nor a first frame tells the sync word, so that nothing can be read. */
  readonly cursor: SegmentCursor | undefined
  /** The file's length now. */
  bytes (): number
  read (target: Buffer, position: number): number
  close (): void
}

/** Throws `journal-format-unknown` for a segment of another format version, and the system's errors. */
export function openSegment (folder: Folder, number: number): OpenedSegment {
  const name = nameOf(number)
  const file = folder.openToRead(name)
  const read = (target: Buffer, position: number): number => folder.read(file, target, position)
  try {
    const start = Buffer.alloc(headerBytes)
    const reading = decodeHeader(start.subarray(0, readWhole(read, start, 0)))
    if (reading.kind === 'unknown-format') throw unknownFormat(folder.path, name, reading.format)
    const header = reading.kind === 'header' && reading.header.number === number ? reading.header : undefined
    const syncWord = header?.syncWord ?? syncWordOfFirstFrame(read, folder.bytesOf(file))
    return {
      number, name, header, read,
      cursor: syncWord === undefined ? undefined : createCursor({ read, syncWord, start: headerBytes }),
      bytes: () => folder.bytesOf(file),
      close: () => folder.close(file)
    }
  } catch (error) {
    folder.close(file)
    throw error
  }
}

function readWhole (read: OpenedSegment['read'], target: Buffer, position: number): number {
  let bytes = 0
  while (bytes < target.length) {
    const more = read(target.subarray(bytes), position + bytes)
    if (more === 0) break
    bytes += more
  }
  return bytes
}

// Only a frame can stand right behind the header, so nobody's data can imitate this one.
function syncWordOfFirstFrame (read: OpenedSegment['read'], fileBytes: number): number | undefined {
  const prefix = Buffer.alloc(12)
  if (readWhole(read, prefix, headerBytes) < prefix.length) return undefined
  const syncWord = prefix.readUInt32BE(0)
  const total = claimedBytes(prefix, 0, syncWord)
  if (total === 0 || headerBytes + total > fileBytes) return undefined
  const frame = Buffer.alloc(total)
  return readWhole(read, frame, headerBytes) === total && frameHolds(frame, 0, total) ? syncWord : undefined
}

function unknownFormat (dir: string, name: string, format: number): JournalError {
  return new JournalError(
    'journal-format-unknown',
    `journal segment ${name} in ${dir} has format ${format}; this version reads format ${formatVersion}`,
    { hint: 'start the version of sluice that wrote it, or give this one another journal.dir' }
  )
}
