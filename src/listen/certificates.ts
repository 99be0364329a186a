// TLS material of a listener: read at start and again when a file changes. A bad new file leaves the old one in use.

import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { SecureContextOptions, Server } from 'node:tls'
import type { Log } from '../contract/adapter.ts'

export interface TlsFiles {
  readonly cert: string
  readonly key: string
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
}

/** How soon a change of a file is seen. */
const lookEveryMs = 1_000

/** Reads the files and proves that they fit together. Throws what OpenSSL or the file system says. */
export function readTls (files: TlsFiles): SecureContextOptions {
  const options: SecureContextOptions = {
    cert: readFileSync(files.cert), key: readFileSync(files.key), minVersion: files.minVersion
  }
  createSecureContext(options)
  return options
}

/** Gives `server` new material whenever a file changes; open connections go on. Returns the function that stops it. */
export function followTls (server: Server, files: TlsFiles, log: Log): () => void {
  const reload = (): void => {
    try {
      server.setSecureContext(readTls(files))
      log.info({ cert: files.cert }, 'certificate reloaded')
    } catch (error) {
      // Between the write of the one file and of the other they do not fit: the second change brings the rest.
      log.warn({ cert: files.cert, key: files.key, error }, 'certificate not reloaded: the one before stays in use')
    }
  }
  for (const path of [files.cert, files.key]) watchFile(path, { interval: lookEveryMs, persistent: false }, reload)
  return () => { for (const path of [files.cert, files.key]) unwatchFile(path, reload) }
}
