// Writes many pieces of memory in as few system calls as possible, whole or not at all as far as the caller can see.

import type { Folder } from './folder.ts'

/** Writes every part, in order, from `position` on. Throws the system's error; some of the bytes may be there then. */
export function writeAll (folder: Folder, file: number, parts: readonly Uint8Array[], position: number): void {
  let left = parts
  let at = position
  while (left.length > 0) {
    const written = folder.write(file, left, at)
    if (written <= 0) throw Object.assign(new Error('the disk took no bytes'), { code: 'EIO' })
    at += written
    left = withoutFirst(left, written)
  }
}

export function bytesOf (parts: readonly Uint8Array[]): number {
  let bytes = 0
  for (const part of parts) bytes += part.length
  return bytes
}

/** What is left of the parts when their first `count` bytes are written. */
function withoutFirst (parts: readonly Uint8Array[], count: number): readonly Uint8Array[] {
  let left = count
  for (const [index, part] of parts.entries()) {
    if (left < part.length) return [part.subarray(left), ...parts.slice(index + 1)]
    left -= part.length
  }
  return []
}
