// The listening sockets of one worker: who may connect, over TLS or not, on ports that all workers share.

import type { AddressInfo, Server as NetServer, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Server as TlsServer, TLSSocket } from 'node:tls'
import type { Listening, Log } from '../contract/adapter.ts'
import { addressSet } from '../contract/address.ts'
import { createOriginRule } from '../contract/origin.ts'
import { followTls } from './certificates.ts'
import type { ConnectionsSettings, DataListenerSettings } from './config.ts'
import type { Connections, FarEnd } from './connections.ts'
import type { Handshakes } from './handshakes.ts'
import { closeGently, createHttpServer } from './http-server.ts'
import type { WebServer } from './http-server.ts'
import { certificateOf } from './peer-certificate.ts'
import { createProxied } from './proxied.ts'
import { closeSockets, createSocketServer } from './socket-server.ts'
import { serveWebSocketStreams } from './websocket-stream.ts'

export interface ListenAddress {
  readonly protocol: string
  readonly host: string
  readonly port: number
  readonly secure: boolean
}

export interface ListenOptions {
  readonly settings: ConnectionsSettings
  readonly connections: Connections
  readonly handshakes: Handshakes
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

type Serve = (socket: Socket) => void

/** Over TLS an admitted connection waits for its turn to shake hands. */
function inTurn ({ listener, options }: FrontParts, serve: Serve): Serve {
  const { connections, handshakes } = options
  if (listener.tls === undefined) return serve
  return socket => handshakes.begin(socket, connections.peerOf(socket)?.address ?? '', () => serve(socket))
}

/** A refused connection costs nothing more, not even a TLS handshake. */
function standAtDoor (server: NetServer, parts: FrontParts): void {
  const { keep, admit } = parts
  const serve = inTurn(parts, standBefore(server, socket => {
    if (!admit(socket)) return
    keep(socket)
    serve(socket)
  }))
}

/** Nothing hears of a connection before its PROXY header has told whose it is. */
function standBehindProxies (server: NetServer, parts: FrontParts): void {
  const { listener, options, keep, admit } = parts
  const serve = inTurn(parts, standBefore(server, socket => {
    keep(socket)
    readHeader(socket)
  }))
  const readHeader = createProxied({
    trusted: addressSet(listener.trustedProxies),
    timeoutMs: options.settings.handshakeTimeoutMs,
    connections: options.connections,
    log: options.log,
    onNamed: (socket, farEnd) => { if (admit(socket, farEnd)) serve(socket) }
  })
}

/** What MQTT is called in a WebSocket handshake: by its standard, and by clients older than it. */
const streamSubprotocols = ['mqtt', 'mqttv3.1']

/** Makes a listener. Throws where TLS files cannot be read or do not fit together. */
export function createListener (listener: DataListenerSettings, options: ListenOptions): Listener {
  const { connections, log } = options
  const overWebSocket = listener.protocol === 'mqtt' && listener.transport === 'websocket'
  const web = listener.protocol === 'http' || overWebSocket ? createHttpServer(listener, options.settings) : undefined
  const server: NetServer = web ?? createSocketServer(listener, options.settings)
  const secure = listener.tls !== undefined
  // The server itself knows only the connections that speak its protocol, not those still shaking hands.
  const sockets = new Set<Socket>()
  let stopFollowing = (): void => {}
  const keep = (socket: Socket): void => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  }
  const admit = (socket: Socket, farEnd?: FarEnd): boolean => {
    if (typeof connections.admit(socket, secure, farEnd) !== 'string') return true
    socket.destroy()
    return false
  }
  /** By a stream over WebSocket, the socket beneath it. */
  const beneath = new WeakMap<object, object>()
  const takeStreams = (web: WebServer, take: (stream: Duplex) => void): void => {
    serveWebSocketStreams(web, {
      subprotocols: streamSubprotocols, frameBytesMax: options.settings.frameBytesMax,
      hold: bytes => connections.holdFrames(bytes),
      mayConnect: createOriginRule(listener.protocol === 'mqtt' ? listener.origins : []),
      take (stream, socket) {
        beneath.set(stream, socket)
        take(stream)
      }
    })
  }
  const adopt = (secured: TLSSocket): void => {
    if (!connections.adopt(secured, certificateOf(secured))) secured.destroy()
  }
  if (secure) server.prependListener('secureConnection', adopt)
  server.on('tlsClientError', (error: Error, socket: TLSSocket) => {
    log.debug({ peer: socket.remoteAddress, error: socket.authorizationError ?? error.message }, 'TLS handshake failed')
    socket.destroy()
  })

  return {
    protocol: listener.protocol,
    server: overWebSocket ? undefined : web,
    onSocket (take) {
      if (web !== undefined) return takeStreams(web, take)
      server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => { if (!socket.destroyed) take(socket) })
    },
    peerOf (socket) {
      const peer = connections.peerOf(beneath.get(socket as object) ?? socket as object)
      if (peer === undefined) throw new Error('a socket that no listener admitted')
      return peer
    },
    open: port => new Promise((resolve, reject) => {
      server.once('error', reject)
      // By now the adapter has attached what it listens with.
      const stand = listener.proxyProtocol ? standBehindProxies : standAtDoor
      stand(server, { listener, options, keep, admit })
      const place = { host: listener.host, port: port ?? listener.port, reusePort: options.shared, backlog: 1_024 }
      server.listen(place, () => {
        server.off('error', reject)
        server.on('error', error => log.error({ error }, 'listener failed'))
        if (listener.tls !== undefined) stopFollowing = followTls(server as TlsServer, listener.tls, log)
        const address = server.address() as AddressInfo
        resolve({ protocol: listener.protocol, host: address.address, port: address.port, secure })
      })
    }),
    close () {
      stopFollowing()
      return web === undefined ? closeSockets(server) : closeGently(web)
    },
    cut () { for (const socket of sockets) socket.destroy() }
  }
}
