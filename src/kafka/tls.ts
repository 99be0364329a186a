// What TLS to a broker is made from. The files are read at every connection, so a renewed certificate is used.

import { readFileSync } from 'node:fs'
import net from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { KafkaSettings } from './config.ts'

/** Throws what the file system says where a file cannot be read. */
export function tlsOptions (settings: NonNullable<KafkaSettings['tls']>, host: string): ConnectionOptions {
  const named = net.isIP(host) === 0 ? { servername: host } : {}
  if (settings === true) return named
  const { ca, cert, key, servername } = settings
  return {
    ...named,
    ...(servername === undefined ? {} : { servername }),
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(cert === undefined ? {} : { cert: readFileSync(cert) }),
    ...(key === undefined ? {} : { key: readFileSync(key) })
  }
}
