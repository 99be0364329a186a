// The listening sockets of one worker: HTTP servers with every limit set, on ports that all workers share.

import { createServer as createHttpServer } from 'node:http'
import type { Server as HttpServer, ServerOptions } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Server as HttpsServer } from 'node:https'
import { Server as NetServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { Listening, Log } from '../contract/adapter.ts'
import { addressSet } from '../contract/address.ts'
import { followTls, readTls } from './certificates.ts'
import type { ConnectionsSettings, DataListenerSettings } from './config.ts'
import type { Connections, FarEnd } from './connections.ts'
import { certificateOf } from './peer-certificate.ts'
import { createProxied } from './proxied.ts'

export interface ListenAddress {
  readonly protocol: string
  readonly host: string
  readonly port: number
  readonly secure: boolean
}

export interface ListenOptions {
  readonly settings: ConnectionsSettings
  readonly connections: Connections
  /** True where several workers listen on the same port. */
  readonly shared: boolean
  readonly log: Log
}

/** One listener that is not open yet. */
export interface Listener extends Listening {
  /** Opens it on `port`, which the first worker has found free, or on the configured one. */
  open (port: number | undefined): Promise<ListenAddress>
  /** Takes no new connections and closes idle ones after a moment for requests under way. Resolves at the last. */
  close (): Promise<void>
  /** Cuts what is still open. */
  cut (): void
}

/** How soon a connection is closed that becomes idle while its listener is closing. */
const idleLookEveryMs = 50
/** How long an idle connection is left open when closing: what its peer sends meanwhile is answered, not reset. */
const farewellMs = 200

function httpOptions (settings: ConnectionsSettings): ServerOptions {
  return {
    maxHeaderSize: settings.headerBytesMax,
    headersTimeout: settings.headersTimeoutMs,
    // A body may take as long as it moves: the adapter watches its progress, so that long streams stay possible.
    requestTimeout: 0,
    keepAliveTimeout: settings.keepAliveTimeoutMs,
    connectionsCheckingInterval: 1_000,
    insecureHTTPParser: false,
    // The door refuses a request without Host itself, as a problem document.
    requireHostHeader: false,
    noDelay: true
  }
}

function createServer (listener: DataListenerSettings, settings: ConnectionsSettings): HttpServer | HttpsServer {
  const options = httpOptions(settings)
  if (listener.tls === undefined) return createHttpServer(options)
  const { clientCa, clientCertificate } = listener.tls
  return createHttpsServer({
    ...options, ...readTls(listener.tls), handshakeTimeout: settings.handshakeTimeoutMs,
    // Where a certificate is only requested, one that does not hold counts as none: `authorized` tells.
    requestCert: clientCa !== undefined, rejectUnauthorized: clientCertificate !== 'request'
  })
}

/**
 * Puts `takes` between the port and everything that listens for connections of `server` by now, and returns the
 * function that hands them a connection.
 */
function standBefore (server: NetServer, takes: (socket: Socket) => void): (socket: Socket) => void {
  const heirs = server.listeners('connection')
  server.removeAllListeners('connection')
  server.on('connection', takes)
  return socket => { for (const heir of heirs) heir.call(server, socket) }
}

interface FrontParts {
  readonly listener: DataListenerSettings
  readonly options: ListenOptions
  readonly keep: (socket: Socket) => void
  readonly admit: (socket: Socket, farEnd?: FarEnd) => boolean
}

/** Nothing hears of a connection before its PROXY header has told whose it is. */
function standBehindProxies (server: NetServer, { listener, options, keep, admit }: FrontParts): void {
  const serve = standBefore(server, socket => {
    keep(socket)
    readHeader(socket)
  })
  const readHeader = createProxied({
    trusted: addressSet(listener.trustedProxies),
    timeoutMs: options.settings.handshakeTimeoutMs,
    connections: options.connections,
    log: options.log,
    onNamed: (socket, farEnd) => { if (admit(socket, farEnd)) serve(socket) }
  })
}

/** Resolves at the last connection. Idle ones are closed after a moment, busy ones when their answer is out. */
function closeGently (server: HttpServer | HttpsServer): Promise<void> {
  return new Promise(resolve => {
    let timer: NodeJS.Timeout
    // After the sockets were read once more: a request that has come in makes its connection a busy one.
    const closeIdle = (): void => { setImmediate(() => server.closeIdleConnections()) }
    // The HTTP server's own close would reset idle connections on which a request is on its way already.
    NetServer.prototype.close.call(server, () => {
      clearInterval(timer)
      resolve()
    })
    timer = setTimeout(() => {
      closeIdle()
      // A connection kept alive is idle again when its last answer is out, and Node does not look at it by itself.
      timer = setInterval(closeIdle, idleLookEveryMs)
    }, farewellMs)
  })
}

/** Makes a listener. Throws where TLS files cannot be read or do not fit together. */
export function createListener (listener: DataListenerSettings, options: ListenOptions): Listener {
  const { connections, log } = options
  const server = createServer(listener, options.settings)
  const secure = listener.tls !== undefined
  // The HTTP server knows only the connections that speak HTTP, not those still shaking hands.
  const sockets = new Set<Socket>()
  let stopFollowing = (): void => {}
  // Node drops headers above this count silently; their size bounds them already, and the adapter counts them.
  server.maxHeadersCount = 0
  // Not one byte either way for so long: also a peer that asks and asks and never reads an answer.
  server.setTimeout(options.settings.idleTimeoutMs)

  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  }
  const admit = (socket: Socket, farEnd?: FarEnd): boolean => {
    if (typeof connections.admit(socket, secure, farEnd) !== 'string') return true
    socket.destroy()
    return false
  }
  const adopt = (secured: TLSSocket): void => {
    if (!connections.adopt(secured, certificateOf(secured))) secured.destroy()
  }
  // Ahead of the HTTP parser's own listener, so that a refused connection costs nothing more, not even a TLS handshake.
  if (!listener.proxyProtocol) server.prependListener('connection', socket => { if (admit(socket)) keep(socket) })
  if (secure) server.prependListener('secureConnection', adopt)
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    log.debug({ peer: socket.remoteAddress, error: socket.authorizationError ?? error.message }, 'TLS handshake failed')
    socket.destroy()
  })

  return {
    protocol: listener.protocol,
    server,
    peerOf (socket) {
      const peer = connections.peerOf(socket as object)
      if (peer === undefined) throw new Error('a socket that no listener admitted')
      return peer
    },
    open: port => new Promise((resolve, reject) => {
      server.once('error', reject)
      // By now the adapter has attached what it listens with.
      if (listener.proxyProtocol) standBehindProxies(server, { listener, options, keep, admit })
      const place = { host: listener.host, port: port ?? listener.port }
      server.listen({ ...place, reusePort: options.shared, backlog: 1_024 }, () => {
        server.off('error', reject)
        server.on('error', error => log.error({ error }, 'listener failed'))
        if (listener.tls !== undefined) stopFollowing = followTls(server as HttpsServer, listener.tls, log)
        const address = server.address() as AddressInfo
        resolve({ protocol: listener.protocol, host: address.address, port: address.port, secure })
      })
    }),
    close () {
      stopFollowing()
      return closeGently(server)
    },
    cut () { for (const socket of sockets) socket.destroy() }
  }
}
