// The server of a listener whose protocol is not HTTP/1.1: it hands on connections, over TCP or TLS.

import { createServer } from 'node:net'
import type { Server } from 'node:net'
import { createServer as createSecureServer } from 'node:tls'
import { secureOptions } from './certificates.ts'
import type { ConnectionsSettings, DataListenerSettings } from './config.ts'

/** What a client of the protocol may ask for in a TLS handshake (RFC 7301). */
const applicationProtocols: Readonly<Record<string, readonly string[]>> = { grpc: ['h2'], mqtt: ['mqtt'] }

/** Throws where TLS files cannot be read or do not fit together. */
export function createSocketServer (listener: DataListenerSettings, settings: ConnectionsSettings): Server {
  if (listener.tls === undefined) return createServer({ noDelay: true })
  return createSecureServer({
    ...secureOptions(listener.tls), handshakeTimeout: settings.handshakeTimeoutMs, noDelay: true,
    ALPNProtocols: [...applicationProtocols[listener.protocol] ?? []]
  })
}

/** Resolves at the last connection: whoever took one ends it. */
export function closeSockets (server: Server): Promise<void> {
  return new Promise(resolve => { server.close(() => resolve()) })
}
