// TLS material of a listener: read at start and again when a file changes. A bad new file leaves the old one in use.

import { constants } from 'node:crypto'
import { readFileSync, unwatchFile, watchFile } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { SecureContextOptions, Server, TlsOptions } from 'node:tls'
import type { Log } from '../contract/adapter.ts'

export interface TlsFiles {
  readonly cert: string
  readonly key: string
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3'
  /** Who may have signed the certificate of a client. Absent: no client is asked for one. */
  readonly clientCa?: string | undefined
  readonly crl?: string | undefined
}

/** How soon a change of a file is seen. */
const lookEveryMs = 1_000

/** Reads the files and proves that they fit together. Throws what OpenSSL or the file system says. */
export function readTls (files: TlsFiles): SecureContextOptions {
  const options: SecureContextOptions = {
    cert: readFileSync(files.cert), key: readFileSync(files.key), minVersion: files.minVersion,
    ...readClientTrust(files)
  }
  createSecureContext(options)
  return options
}

function readClientTrust ({ clientCa, crl }: TlsFiles): SecureContextOptions {
  if (clientCa === undefined) return {}
  const ca = readFileSync(clientCa)
  const authorities = pemParts(ca.toString('latin1'), 'CERTIFICATE')
  if (authorities.length === 0) throw new Error(`${clientCa} holds no certificate in PEM`)
  return {
    ca,
    // A resumed session is not verified again: it would outlive the revocation of its certificate.
    secureOptions: constants.SSL_OP_NO_TICKET,
    ...(crl === undefined ? {} : { crl: readRevocations(crl) })
  }
}

/** Every list of the file: OpenSSL, given the file as a whole, takes the first only. */
function readRevocations (path: string): string[] {
  const lists = pemParts(readFileSync(path, 'latin1'), 'X509 CRL')
  if (lists.length === 0) throw new Error(`${path} holds no certificate revocation list in PEM`)
  return lists
}

function pemParts (text: string, kind: string): string[] {
  return text.match(new RegExp(`-----BEGIN ${kind}-----[^-]*-----END ${kind}-----`, 'g')) ?? []
}

/** What a server needs for TLS: the material, and whether it asks its clients for theirs. */
export function secureOptions (tls: TlsFiles & { readonly clientCertificate?: 'require' | 'request' }): TlsOptions {
  return {
    ...readTls(tls),
    // Where a certificate is only requested, one that does not hold counts as none: `authorized` tells.
    requestCert: tls.clientCa !== undefined, rejectUnauthorized: tls.clientCertificate !== 'request'
  }
}

/** Gives `server` new material whenever a file changes; open connections go on. Returns the function that stops it. */
export function followTls (server: Server, files: TlsFiles, log: Log): () => void {
  const { cert, key, clientCa, crl } = files
  const reload = (): void => {
    try {
      server.setSecureContext(readTls(files))
      log.info({ cert }, 'certificate reloaded')
    } catch (error) {
      // Between the write of the one file and of the other they do not fit: the second change brings the rest.
      log.warn({ cert, key, clientCa, crl, error }, 'certificate not reloaded: the one before stays in use')
    }
  }
  const paths = [cert, key, clientCa, crl].filter(path => path !== undefined)
  for (const path of paths) watchFile(path, { interval: lookEveryMs, persistent: false }, reload)
  return () => { for (const path of paths) unwatchFile(path, reload) }
}
