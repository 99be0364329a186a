// What must hold before a thread starts, told in words an operator can act on.

import { existsSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { lockFile } from './journal/lock.ts'
import type { FileLock } from './journal/lock.ts'
import { readTls } from './listen/certificates.ts'
import type { Settings } from './settings.ts'

/** A start that failed for a reason an operator can mend. */
export class StartError extends Error {
  override readonly name = 'StartError'
  readonly code: string
  readonly hint: string
  constructor (code: string, message: string, hint: string) {
    super(message)
    this.code = code
    this.hint = hint
  }
}

/** Reads what every worker will read, so that a wrong file is told once and by its key. */
export function proveTlsFits (settings: Settings): void {
  for (const [at, listener] of settings.listeners.entries()) {
    if (listener.protocol === 'health' || listener.tls === undefined) continue
    try {
      readTls(listener.tls)
    } catch (error) {
      const { code = '', message } = error as NodeJS.ErrnoException
      throw new StartError(code, `cannot use the certificate of listeners[${at}].tls: ${message}`,
        `check the files named there; relative paths start in ${process.cwd()}`)
    }
  }
}

/** The file of quotas, locked from before it is read until it has been written last. */
export interface QuotaFile extends FileLock {
  /** Where it is, whatever links lead there: two names of one file are one lock. */
  readonly path: string
}

export function lockQuotaFile (named: string): QuotaFile {
  let path: string
  let lock: FileLock | undefined
  try {
    mkdirSync(dirname(named), { recursive: true })
    path = existsSync(named) ? realpathSync(named) : join(realpathSync(dirname(named)), basename(named))
    if (existsSync(path) && !statSync(path).isFile()) throw new Error('it is no file')
    lock = lockFile(`${path}.lock`)
  } catch (error) {
    throw new StartError('quota-file-unusable', `the file of quotas ${named} cannot be used: ${(error as Error).message}`,
      'limits.quotaFile must be a file, in a folder that this gateway may write, on a file system with file locks')
  }
  if (lock !== undefined) return { path, release: lock.release }
  throw new StartError('quota-file-in-use', `the file of quotas ${named} is in use by another gateway`,
    'stop that gateway, or give this one another limits.quotaFile')
}

/** Workers share ports by `reusePort`, which would share them with a stranger too: prove first that they are free. */
export async function provePortsFree (settings: Settings): Promise<void> {
  for (const [at, { host, port }] of settings.listeners.entries()) {
    if (port === 0) continue
    const probe = createServer()
    await new Promise<void>((resolve, reject) => {
      probe.once('error', (error: NodeJS.ErrnoException) => reject(portError(error, { at, host, port })))
      probe.listen({ host, port }, () => probe.close(() => resolve()))
    })
  }
}

function portError (error: NodeJS.ErrnoException, place: { at: number, host: string, port: number }): StartError {
  const { host, port, at } = place
  const code = error.code ?? ''
  if (code === 'EADDRINUSE') {
    return new StartError(code, `${host}:${port} is in use by another program`,
      `end that program or choose another port in listeners[${at}]`)
  }
  return new StartError(code, `cannot listen on ${host}:${port}: ${error.message}`, `change listeners[${at}]`)
}
