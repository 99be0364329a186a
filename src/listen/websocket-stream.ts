// Byte streams over WebSocket, for protocols that are not its own: binary frames in and out, text frames not taken.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'
import type { OriginRule } from '../contract/origin.ts'
import type { WebServer } from './http-server.ts'

export interface WebSocketStreamOptions {
  /** The subprotocols that are spoken (RFC 6455 1.9), the best one first. Who offers none of them is refused. */
  readonly subprotocols: readonly string[]
  readonly frameBytesMax: number
  /** Pages that may not are answered with 403. */
  readonly mayConnect: OriginRule
  /** Counts bytes of unfinished frames; false: there are too many on this worker. */
  readonly hold: (bytes: number) => boolean
  /** Takes a stream and the socket beneath it. */
  readonly take: (stream: Duplex, socket: Duplex) => void
}

/** Close code for data of a kind that is not taken (RFC 6455 7.4.1). */
const unsupportedData = 1_003

/** Serves WebSocket on `server` and nothing else. */
export function serveWebSocketStreams (server: WebServer, options: WebSocketStreamOptions): void {
  const { subprotocols, frameBytesMax, mayConnect, hold, take } = options
  const sockets = new WebSocketServer({
    noServer: true, maxPayload: frameBytesMax, perMessageDeflate: false, clientTracking: false,
    handleProtocols: offered => subprotocols.find(name => offered.has(name)) ?? false
  })

  /** What ws holds of a frame is counted here: it tells of whole ones only. */
  function bound (websocket: WebSocket, socket: Duplex, stream: Duplex): void {
    let heldBytes = 0
    const letGo = (): void => {
      hold(-heldBytes)
      heldBytes = 0
    }
    socket.prependListener('data', (chunk: Buffer) => {
      heldBytes += chunk.length
      if (!hold(chunk.length)) socket.destroy()
    })
    websocket.prependListener('message', letGo)
    // Behind the listener of ws, which has told of every frame that the chunk completes.
    socket.on('data', () => { stream.emit('frame', heldBytes > 0) })
    socket.once('close', letGo)
  }

  function begin (websocket: WebSocket, socket: Duplex & { setTimeout?: (ms: number) => void }): void {
    // Whoever takes the stream knows how long it may be silent.
    socket.setTimeout?.(0)
    const stream = createWebSocketStream(websocket)
    websocket.prependListener('message', (_data, isBinary) => {
      if (isBinary) return
      websocket.close(unsupportedData)
      stream.destroy()
    })
    bound(websocket, socket, stream)
    take(stream, socket)
  }

  const about = `Connection: close\r\nContent-Length: 0\r\nSec-WebSocket-Protocol: ${subprotocols[0]}\r\n`
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const offered = (request.headers['sec-websocket-protocol'] ?? '').split(',').map(name => name.trim())
    socket.on('error', () => {})
    if (!mayConnect(request.headers.origin, request.headers.host)) {
      socket.end(`HTTP/1.1 403 Forbidden\r\n${about}\r\n`)
      return
    }
    if (!subprotocols.some(name => offered.includes(name))) {
      socket.end(`HTTP/1.1 400 Bad Request\r\n${about}\r\n`)
      return
    }
    sockets.handleUpgrade(request, socket, head, websocket => { begin(websocket, socket) })
  })
  server.on('request', (_request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(426, { 'upgrade': 'websocket', 'connection': 'upgrade, close', 'content-length': 0 }).end()
  })
}
