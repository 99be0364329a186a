// A REST door on a plain HTTP server on the loopback, with a fake ingress behind it; and raw sockets to talk to it.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'
import type { Adapter, Log, RouteView } from '../../src/contract/adapter.ts'
import { restConfig } from '../../protocols/rest/config.ts'
import type { RestConfig } from '../../protocols/rest/config.ts'
import { rest } from '../../protocols/rest/index.ts'
import { FakeIngress } from './fake-ingress.ts'
import { defaultsOf } from './schema-defaults.ts'

const silentLog: Log = { debug () {}, info () {}, warn () {}, error () {} }

/** What the door is built with when an operator sets nothing. */
export const restDefaults = defaultsOf(restConfig) as unknown as RestConfig

export function routeView (parts: Partial<RouteView>): RouteView {
  return { name: 'orders', channel: 'orders/{region}', format: 'binary', own: {}, ...parts }
}

export interface RestRig {
  readonly ingress: FakeIngress
  readonly adapter: Adapter
  readonly server: Server
  readonly port: number
  readonly base: string
  /** Sends and parses; the path is sent as given. */
  request (method: string, path: string, options?: RequestOptions): Promise<Answer>
  /** Opens a socket and writes the bytes. */
  raw (text: string | Buffer): RawClient
}

export interface RequestOptions { headers?: Record<string, string>, body?: string | Buffer }

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly json: unknown
}

/** Starts a door; the test's teardown stops it. */
export async function startRest (
  t: Test, parts: { config?: Partial<RestConfig>, routes?: RouteView[] } = {}
): Promise<RestRig> {
  const ingress = new FakeIngress()
  const adapter = rest.create({
    config: { ...restDefaults, ...parts.config }, routes: parts.routes ?? [routeView({})], ingress, version: '1.2.3',
    log: silentLog
  })
  const server = createServer({
    headersTimeout: 5_000, requestTimeout: 0, requireHostHeader: false, connectionsCheckingInterval: 500
  })
  const ids = new WeakMap<object, number>()
  let lastId = 0
  adapter.attach({
    protocol: 'http', server, onSocket: () => {},
    peerOf (socket) {
      const id = ids.get(socket as Socket) ?? ++lastId
      ids.set(socket as Socket, id)
      return { address: '127.0.0.1', port: (socket as Socket).remotePort ?? 0, secure: false, connectionId: id }
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const base = `http://127.0.0.1:${port}`
  t.teardown(async () => {
    server.closeAllConnections()
    server.close()
    await adapter.drain()
  })
  return {
    ingress, adapter, server, port, base,
    request: (...given) => send(base, ...given), raw: text => new RawClient(port, text)
  }
}

async function send (base: string, method: string, path: string, options: RequestOptions = {}): Promise<Answer> {
  const { headers = {}, body } = options
  const response = await fetch(base + path, {
    method, headers, ...(body === undefined ? {} : { body: typeof body === 'string' ? body : new Uint8Array(body) })
  })
  const text = await response.text()
  const type = response.headers.get('content-type') ?? ''
  return {
    status: response.status, headers: response.headers, text,
    json: type.endsWith('json') && !type.endsWith('ndjson') && text !== '' ? JSON.parse(text) : undefined
  }
}

/** A socket that remembers what it was told. */
export class RawClient {
  readonly socket: Socket
  text = ''
  closed = false

  constructor (port: number, text: string | Buffer) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', bytes => { this.text += bytes.toString('latin1') })
    this.socket.on('close', () => { this.closed = true })
    this.socket.on('error', () => {})
    if (text.length > 0) this.socket.write(text)
  }

  /** The status of the first answer, 0 where there is none yet. */
  get status (): number { return Number(/^HTTP\/1\.1 (\d{3})/.exec(this.text)?.[1] ?? 0) }

  async until (condition: (client: RawClient) => boolean, timeoutMs = 10_000): Promise<this> {
    await until(() => condition(this), timeoutMs)
    return this
  }
}

/** Waits until a condition holds; throws when it does not within the time. */
export async function until (condition: () => boolean, timeoutMs = 10_000): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs
  while (!condition()) {
    if (performance.now() > deadlineMs) throw new Error(`not true within ${timeoutMs} ms: ${condition.toString()}`)
    await new Promise(resolve => { setTimeout(resolve, 5) })
  }
}
