// Reads how far the journal is known to be on the disk: what its writer noted after each sync.

import type { Folder } from './folder.ts'
import { decodeMark, markBytes } from './layout.ts'
import type { Mark } from './layout.ts'

/** The name of the file; it holds one mark, written in place and never synced, because it only ever says too little. */
export const markName = 'committed'

// A reader may catch the writer in the middle of 24 bytes, hardly ever twice.
const attemptsMax = 5

/** `undefined` where there is none that can be read. */
export function readMark (folder: Folder): Mark | undefined {
  let file: number
  try {
    file = folder.openToRead(markName)
  } catch {
    return undefined
  }
  try {
    const bytes = Buffer.alloc(markBytes)
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      const mark = folder.read(file, bytes, 0) === markBytes ? decodeMark(bytes) : undefined
      if (mark !== undefined) return mark
    }
    return undefined
  } finally {
    folder.close(file)
  }
}
