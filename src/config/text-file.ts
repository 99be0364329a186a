// Reads small text files that an operator names: regular files only, with a size cap, as strict UTF-8.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/** The file is there but is not the kind of text that may be read. */
export class TextFileError extends Error {
  constructor (message: string) {
    super(message)
    this.name = 'TextFileError'
  }
}

/** Cap of a file behind `${file:}`, in bytes. */
export const referencedFileBytesMax = 64 * 1024

/**
 * The text of a regular file of at most `bytesMax` bytes. Throws TextFileError, or what the file system throws.
 * Opened without blocking, so that a named pipe cannot hold the process.
 */
export function readTextFile (path: string, bytesMax: number = referencedFileBytesMax): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const facts = fstatSync(file)
    if (facts.isDirectory()) throw new TextFileError('it is a folder')
    if (!facts.isFile()) throw new TextFileError('it is not a regular file')
    if (facts.size > bytesMax) throw new TextFileError(`it has ${facts.size} bytes, above the cap of ${bytesMax}`)
    // Read by count, not by the size told: files under /proc tell 0, and a file may grow meanwhile.
    const buffer = Buffer.allocUnsafe(bytesMax + 1)
    let length = 0
    for (;;) {
      const count = readSync(file, buffer, length, buffer.length - length, null)
      length += count
      if (count === 0) break
      if (length > bytesMax) throw new TextFileError(`it has more than ${bytesMax} bytes, the cap`)
    }
    try {
      return new TextDecoder('utf-8', { fatal: true }).decode(buffer.subarray(0, length))
    } catch {
      throw new TextFileError('it is not UTF-8')
    }
  } finally {
    closeSync(file)
  }
}
