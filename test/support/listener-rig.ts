// A listener of this process that answers every request with what it knows of the peer, and clients that look at it.

import { request as httpRequest } from 'node:http'
import type { Agent, IncomingMessage, Server, ServerResponse } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { Test } from 'tap'
import type { Log } from '../../src/contract/adapter.ts'
import type { ConnectionsSettings, DataListenerSettings } from '../../src/listen/config.ts'
import { createConnections } from '../../src/listen/connections.ts'
import type { ConnectionLimits, Connections } from '../../src/listen/connections.ts'
import { createHandshakes } from '../../src/listen/handshakes.ts'
import type { Handshakes } from '../../src/listen/handshakes.ts'
import { createListener } from '../../src/listen/listener.ts'
import type { ListenAddress, Listener } from '../../src/listen/listener.ts'

const settings: ConnectionsSettings = {
  headerBytesMax: 16_384,
  headersTimeoutMs: 10_000,
  keepAliveTimeoutMs: 65_000,
  idleTimeoutMs: 120_000,
  handshakeTimeoutMs: 10_000,
  handshakesPerSecondMax: 1_000,
  frameBytesMax: 65_536
}
const limits: ConnectionLimits = {
  connectionsMax: 100, connectionsPerPeerMax: 100, preAuthBytesMax: 10_000_000, preAuthBytesEach: 16_384,
  frameBytesMax: 262_144
}

export interface ListenerRigOptions {
  /** Of a listener whose connections are taken: gRPC's, or MQTT's over WebSocket. */
  readonly transport?: 'websocket'
  /** Whose pages may connect over WebSocket. */
  readonly origins?: readonly string[]
  readonly tls?: DataListenerSettings['tls']
  /** Who may connect; with it, every connection begins with a PROXY header. */
  readonly trustedProxies?: readonly string[]
  readonly settings?: Partial<ConnectionsSettings>
  readonly limits?: Partial<ConnectionLimits>
  readonly shared?: boolean
  readonly port?: number
  readonly handle?: (request: IncomingMessage, response: ServerResponse) => void
}

export interface ListenerRig extends ListenAddress {
  readonly listener: Listener
  readonly connections: Connections
  readonly handshakes: Handshakes
  /** Messages of the log in order. */
  readonly messages: string[]
}

/** Opens a listener that answers HTTP requests; the test closes it. */
export function openListener (t: Test, options: ListenerRigOptions = {}): Promise<ListenerRig> {
  return open(t, 'http', options, listener => {
    const server = listener.server as Server
    server.on('request', options.handle ?? ((request, response) => {
      response.end(JSON.stringify(listener.peerOf(request.socket)))
    }))
  })
}

/** Opens a listener whose connections `attach` takes; the test closes it. */
export function openSocketListener (
  t: Test, options: ListenerRigOptions, attach: (listener: Listener) => void
): Promise<ListenerRig> {
  return open(t, options.transport === undefined ? 'grpc' : 'mqtt', options, attach)
}

async function open (
  t: Test, protocol: 'http' | 'grpc' | 'mqtt', options: ListenerRigOptions, attach: (listener: Listener) => void
): Promise<ListenerRig> {
  const connections = createConnections({ ...limits, ...options.limits })
  const own = { ...settings, ...options.settings }
  const handshakes = createHandshakes({ perSecondMax: own.handshakesPerSecondMax, waitMs: own.handshakeTimeoutMs })
  const messages: string[] = []
  const write = (_fields: Record<string, unknown>, message: string): void => { messages.push(message) }
  const log: Log = { debug: write, info: write, warn: write, error: write }
  const { tls } = options
  const listener = createListener(
    {
      ...(protocol === 'mqtt' ? { protocol, transport: options.transport ?? 'tcp', origins: options.origins ?? [] } : { protocol }),
      host: '127.0.0.1', port: options.port ?? 0, insecure: false, ...(tls === undefined ? {} : { tls }),
      proxyProtocol: options.trustedProxies !== undefined, trustedProxies: [...options.trustedProxies ?? []]
    },
    { settings: own, connections, handshakes, shared: options.shared ?? false, log }
  )
  attach(listener)
  const address = await listener.open(undefined)
  t.teardown(async () => {
    const closed = listener.close()
    listener.cut()
    await closed
  })
  return { ...address, listener, connections, handshakes, messages }
}

export interface Answer { readonly status: number, readonly text: string, readonly headers: IncomingMessage['headers'] }

interface AskOptions {
  port: number
  ca?: string
  agent?: Agent
  path?: string
  /** What a client certificate needs. */
  identity?: { readonly cert: string, readonly key: string }
}

/** Sends a GET request, over TLS where a CA is given. */
export function ask ({ port, ca, agent, path = '/', identity }: AskOptions): Promise<Answer> {
  const options = { host: '127.0.0.1', port, path, agent: agent ?? false }
  return new Promise((resolve, reject) => {
    const take = (response: IncomingMessage): void => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }))
    }
    const made = ca === undefined ? httpRequest(options, take) : httpsRequest({ ...options, ca, ...identity }, take)
    made.on('error', reject).end()
  })
}

/** A plain TCP connection and everything it is sent, '' and closed where the server cuts it. */
export async function dial (t: Test, port: number): Promise<{ socket: Socket, closed: Promise<string> }> {
  const socket = connect({ host: '127.0.0.1', port })
  t.teardown(() => { socket.destroy() })
  let text = ''
  socket.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
  const closed = new Promise<string>(resolve => socket.on('error', () => {}).once('close', () => resolve(text)))
  await new Promise<void>(resolve => socket.once('connect', () => resolve()))
  return { socket, closed }
}

/** Waits until the condition holds; looks at it every few milliseconds. */
export async function until (what: string, holds: () => boolean, timeoutMs = 20_000): Promise<void> {
  const endMs = performance.now() + timeoutMs
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`${what} did not happen within ${timeoutMs} ms`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
