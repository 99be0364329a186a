// The few file operations that the journal needs, synchronous, in one folder. Tests put a breaking one in its place.

import * as fs from 'node:fs'
import { dirname, join, resolve } from 'node:path'

export interface FolderFile { readonly name: string, readonly bytes: number }

/** All of it throws the system's errors. Files are named by descriptor once open. */
export interface Folder {
  readonly path: string
  list (): FolderFile[]
  /** Makes a new file; fails where there is one. */
  create (name: string): number
  /** Opens for reading and writing; makes the file where there is none. */
  open (name: string): number
  openToRead (name: string): number
  /** Writes as much as one system call takes and returns how much that was. */
  write (file: number, parts: readonly Uint8Array[], position: number): number
  read (file: number, target: Uint8Array, position: number): number
  /** Returns when the file's data and length are on the disk. */
  sync (file: number): void
  /** Returns when the names in the folder are on the disk. */
  syncNames (): void
  truncate (file: number, bytes: number): void
  bytesOf (file: number): number
  /** False where the file has been removed from its folder. */
  named (file: number): boolean
  close (file: number): void
  remove (name: string): void
  /** Bytes the disk has left for this process. */
  freeBytes (): number
}

export function openFolder (path: string): Folder {
  return {
    path,
    list () {
      const files: FolderFile[] = []
      for (const entry of fs.readdirSync(path, { withFileTypes: true })) {
        if (!entry.isFile()) continue
        const stat = fs.statSync(join(path, entry.name), { throwIfNoEntry: false })
        if (stat !== undefined) files.push({ name: entry.name, bytes: stat.size })
      }
      return files.sort((one, other) => one.name < other.name ? -1 : 1)
    },
    create: name => fs.openSync(join(path, name), 'wx+', 0o640),
    open: name => fs.openSync(join(path, name), fs.constants.O_RDWR | fs.constants.O_CREAT, 0o640),
    openToRead: name => fs.openSync(join(path, name), 'r'),
    write: (file, parts, position) => {
      const only = parts[0]
      if (parts.length === 1 && only !== undefined) return fs.writeSync(file, only, 0, only.length, position)
      return fs.writevSync(file, parts, position)
    },
    read: (file, target, position) => fs.readSync(file, target, 0, target.length, position),
    sync: file => fs.fdatasyncSync(file),
    syncNames: () => syncFolder(path),
    truncate: (file, bytes) => fs.ftruncateSync(file, bytes),
    bytesOf: file => fs.fstatSync(file).size,
    named: file => fs.fstatSync(file).nlink > 0,
    close: file => fs.closeSync(file),
    remove: name => fs.unlinkSync(join(path, name)),
    freeBytes () {
      const disk = fs.statfsSync(path)
      return disk.bavail * disk.bsize
    }
  }
}

/** Makes the folder where there is none, with every name on the way to it on the disk. */
export function makeFolder (path: string): void {
  const whole = resolve(path)
  const missing: string[] = []
  for (let at = whole; !isFolder(at) && at !== dirname(at); at = dirname(at)) missing.unshift(at)
  // One by one: Node's recursive mkdir never ends below a folder that answers ENOENT to new names, as /proc does.
  for (const made of missing) {
    try {
      fs.mkdirSync(made, { mode: 0o750 })
    } catch (error) {
      if (!isFolder(made)) throw error
    }
    syncFolder(dirname(made))
  }
}

function isFolder (path: string): boolean {
  return fs.statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
}

function syncFolder (path: string): void {
  const folder = fs.openSync(path, 'r')
  try {
    fs.fsyncSync(folder)
  } finally {
    fs.closeSync(folder)
  }
}
