// Opens the socket to a broker. Files of TLS are read each time, so that a renewed certificate is used.

import { readFileSync } from 'node:fs'
import { connect, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import type { BridgeSettings } from './config.ts'

const shape = /^(mqtts?):\/\/(?:\[(.+)\]|([^:/]+))(?::(\d+))?\/?$/

/** Host and port of the URL, which the schema has checked. */
export function addressOf (url: string): { readonly host: string, readonly port: number, readonly secure: boolean } {
  const [, scheme, inBrackets, plain, port] = shape.exec(url) ?? []
  const secure = scheme === 'mqtts'
  return { host: inBrackets ?? plain ?? '', port: port === undefined ? (secure ? 8883 : 1883) : Number(port), secure }
}

/** Throws what the file system says where a file cannot be read. */
export function openSocket ({ url, tls = {} }: Pick<BridgeSettings, 'url' | 'tls'>): Socket {
  const { host, port, secure } = addressOf(url)
  if (!secure) return connect({ host, port })
  const { ca, cert, key, servername = host } = tls
  return connectSecurely({
    host, port, rejectUnauthorized: true,
    // An address is no name of TLS (RFC 6066 3).
    ...(isIP(servername) === 0 ? { servername } : {}),
    ...(ca === undefined ? {} : { ca: readFileSync(ca) }),
    ...(cert === undefined ? {} : { cert: readFileSync(cert) }),
    ...(key === undefined ? {} : { key: readFileSync(key) })
  })
}
