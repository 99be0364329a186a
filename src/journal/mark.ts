// Reads how far the journal is known to be on the disk: what its writer noted after each sync.

import type { Folder } from './folder.ts'
import { decodeMark, markBytes } from './layout.ts'
import type { Mark } from './layout.ts'

/** The name of the file; it holds one mark, written in place and never synced, because it only ever says too little. */
export const markName = 'committed'

/** `undefined` where there is none, or where it was caught half-written: look again then. */
export function readMark (folder: Folder): Mark | undefined {
  let file: number
  try {
    file = folder.openToRead(markName)
  } catch {
    return undefined
  }
  try {
    const bytes = Buffer.alloc(markBytes)
    return folder.read(file, bytes, 0) === markBytes ? decodeMark(bytes) : undefined
  } finally {
    folder.close(file)
  }
}
