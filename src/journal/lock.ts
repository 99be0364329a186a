// One gateway per journal folder, or file: a lock that the system gives back when its holder dies, however it dies.
//
// Node has no file locks of its own, but the SQLite inside it takes them (fcntl on Unix, LockFileEx on Windows): an
// exclusive transaction on an empty database holds one for as long as the connection is open. A process id in a file
// would need guessing whether that process still lives, which goes wrong across containers that share a volume.

import { DatabaseSync } from 'node:sqlite'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { JournalError } from './journal-error.ts'

export const lockName = 'lock'
/** Tells who holds the lock, for the message only. */
export const ownerName = 'owner'
// A reader that looks whether the lock is held holds it itself for an instant: the gateway waits that out.
const patienceMs = 500

export interface FileLock {
  release (): void
}

/** Undefined where somebody else holds it, be it another thread of this process. Throws where it cannot be known. */
export function lockFile (path: string): FileLock | undefined {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: patienceMs })
    // Nothing is ever stored, so no rollback journal is wanted beside the lock either.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database?.close()
    if (isBusy(error)) return undefined
    throw error
  }
  const held = database
  return { release: () => held.close() }
}

/** Throws `journal-in-use` where another gateway, or another thread of this one, has the folder open. */
export function acquireLock (dir: string): FileLock {
  let lock: FileLock | undefined
  try {
    lock = lockFile(join(dir, lockName))
    if (lock !== undefined) writeFileSync(join(dir, ownerName), `${process.pid}\n`)
  } catch (cause) {
    lock?.release()
    throw new JournalError('journal-lock-failed', `locking the journal in ${dir} failed`, {
      hint: 'the folder must be writable and on a file system with file locks', cause
    })
  }
  if (lock !== undefined) return lock
  throw new JournalError('journal-in-use', `the journal in ${dir} is in use by another gateway${ownerOf(dir)}`, {
    hint: 'stop that gateway, or give this one another journal.dir'
  })
}

/** True while a gateway has the folder open. */
export function isLocked (dir: string): boolean {
  let database: DatabaseSync
  try {
    database = new DatabaseSync(join(dir, lockName), { readOnly: true, timeout: 0 })
  } catch {
    return false
  }
  try {
    database.prepare('SELECT count(*) FROM sqlite_schema').get()
    return false
  } catch (error) {
    return isBusy(error)
  } finally {
    database.close()
  }
}

function isBusy (error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5
}

function ownerOf (dir: string): string {
  try {
    return ` (process ${Number(readFileSync(join(dir, ownerName), 'utf8'))})`
  } catch {
    return ''
  }
}
