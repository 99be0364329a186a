// Opens one segment file for reading: its header, and a cursor over its frames even where the header is damaged.

import { createCursor } from './cursor.ts'
import type { SegmentCursor } from './cursor.ts'
import type { Folder } from './folder.ts'
import { JournalError } from './journal-error.ts'
import { decodeHeader, formatVersion, headerBytes, nameOf } from './layout.ts'
import type { SegmentHeader } from './layout.ts'

export interface OpenedSegment {
  readonly number: number
  readonly name: string
  /** `undefined` where the header is damaged. */
  readonly header: SegmentHeader | undefined
  /** `undefined` where neither the header nor the first frame tells the sync word, so that nothing can be read. */
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
    const syncWord = header?.syncWord ?? findSyncWord(read, start.readUInt32BE(40), folder.bytesOf(file))
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

/**
 * The sync word of a segment whose header is damaged. Both places that it is looked for in are out of reach of whoever
 * sends events: the header itself, and what stands right behind it, where only a frame can.
 */
function findSyncWord (read: OpenedSegment['read'], headerWord: number, fileBytes: number): number | undefined {
  const prefix = Buffer.alloc(4)
  readWhole(read, prefix, headerBytes)
  for (const syncWord of [headerWord, prefix.readUInt32BE(0)]) {
    if (createCursor({ read, syncWord, start: headerBytes }).next(fileBytes).kind !== 'end') return syncWord
  }
  return undefined
}

function unknownFormat (dir: string, name: string, format: number): JournalError {
  return new JournalError(
    'journal-format-unknown',
    `journal segment ${name} in ${dir} has format ${format}; this version reads format ${formatVersion}`,
    { hint: 'start the version of sluice that wrote it, or give this one another journal.dir' }
  )
}
