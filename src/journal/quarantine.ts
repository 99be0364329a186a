// Copies damaged bytes of a segment into a file of their own, for whoever wants to look at them.

import type { Folder } from './folder.ts'
import { systemCode } from './journal-error.ts'
import type { OpenedSegment } from './segment.ts'
import { writeAll } from './write-all.ts'

export interface DamagedRange { readonly position: number, readonly totalBytes: number }

/** `error` is the system's code where the copy is not complete: the damage is still in its segment. */
export interface Copied { readonly made: boolean, readonly error: string }

const copyBytes = 262_144

export function copyNameOf (segment: OpenedSegment, range: DamagedRange): string {
  return `${segment.name}.${range.position}.quarantine`
}

/** `made` is false where an earlier look has made the copy, and counted it. Throws where no file can be made. */
export function copyAside (folder: Folder, segment: OpenedSegment, range: DamagedRange): Copied {
  let file: number
  try {
    file = folder.create(copyNameOf(segment, range))
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return { made: false, error: '' }
    throw error
  }
  try {
    copy(folder, segment, range, file)
    return { made: true, error: '' }
  } catch (error) {
    return { made: true, error: systemCode(error) }
  } finally {
    folder.close(file)
  }
}

function copy (folder: Folder, segment: OpenedSegment, range: DamagedRange, file: number): void {
  const buffer = Buffer.alloc(Math.min(copyBytes, range.totalBytes))
  let doneBytes = 0
  while (doneBytes < range.totalBytes) {
    const chunk = buffer.subarray(0, Math.min(buffer.length, range.totalBytes - doneBytes))
    const read = segment.read(chunk, range.position + doneBytes)
    if (read === 0) break
    writeAll(folder, file, [chunk.subarray(0, read)], doneBytes)
    doneBytes += read
  }
  folder.sync(file)
}
