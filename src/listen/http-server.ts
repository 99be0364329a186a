// The HTTP/1.1 server of a listener, with every limit set, and how it ends without cutting an answer off.

import { createServer } from 'node:http'
import type { IncomingMessage, Server as HttpServer, ServerOptions } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Server as HttpsServer } from 'node:https'
import { Server as NetServer } from 'node:net'
import { secureOptions } from './certificates.ts'
import type { ConnectionsSettings, DataListenerSettings } from './config.ts'

export type WebServer = HttpServer | HttpsServer

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
    // Few at a time: each that took too long is told so.
    connectionsCheckingInterval: 100,
    insecureHTTPParser: false,
    // The door refuses a request without Host itself, as a problem document.
    requireHostHeader: false,
    noDelay: true,
    // Any other protocol that a client offers to change to is ignored, and its request served as it stands.
    shouldUpgradeCallback (this: HttpServer, request) {
      return this.listenerCount('upgrade') > 0 && isForWebSocket(request)
    }
  }
}

/** RFC 6455 4.2.1, as far as it tells what the connection is to become; the door checks the rest. */
function isForWebSocket ({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket'
}

/** Throws where TLS files cannot be read or do not fit together. */
export function createHttpServer (listener: DataListenerSettings, settings: ConnectionsSettings): WebServer {
  const options = httpOptions(settings)
  const server = listener.tls === undefined
    ? createServer(options)
    : createSecureServer({ ...options, ...secureOptions(listener.tls), handshakeTimeout: settings.handshakeTimeoutMs })
  // Node drops headers above this count silently; their size bounds them already, and the adapter counts them.
  server.maxHeadersCount = 0
  // Not one byte either way for so long: also a peer that asks and asks and never reads an answer.
  server.setTimeout(settings.idleTimeoutMs)
  return server
}

/** Resolves at the last connection. Idle ones are closed after a moment, busy ones when their answer is out. */
export function closeGently (server: WebServer): Promise<void> {
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
