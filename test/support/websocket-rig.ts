// A WebSocket door on a plain HTTP server on the loopback, with a fake ingress behind it; and clients that remember.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import type { ClientOptions } from 'ws'
import type { Adapter, Log } from '../../src/contract/adapter.ts'
import type { Peer } from '../../src/contract/envelope.ts'
import { websocketConfig } from '../../protocols/websocket/config.ts'
import type { WebsocketConfig } from '../../protocols/websocket/config.ts'
import { websocket } from '../../protocols/websocket/index.ts'
import { FakeIngress } from './fake-ingress.ts'
import { silentLog } from './odd-envelopes.ts'
import { until } from './rest-rig.ts'
import { defaultsOf } from './schema-defaults.ts'

/** A client's frame (RFC 6455 5.2) that begins with the byte `first`; a mask of zeros changes nothing. */
export function clientFrame (first: number, payload: Buffer | string, mask: Buffer = Buffer.alloc(4)): Buffer {
  const bytes = Buffer.from(payload)
  const { length } = bytes
  const low = [length >> 8 & 0xff, length & 0xff]
  const long = length < 65_536 ? [0xfe, ...low] : [0xff, 0, 0, 0, 0, 0, length >> 16, ...low]
  const sizes = length < 126 ? [0x80 | length] : long
  return Buffer.concat([Buffer.from([first, ...sizes]), mask, bytes.map((byte, at) => byte ^ (mask[at % 4] ?? 0))])
}

/** What the door is built with when an operator sets nothing. */
export const websocketDefaults = defaultsOf(websocketConfig) as unknown as WebsocketConfig

export interface WebsocketRig {
  readonly ingress: FakeIngress
  readonly adapter: Adapter
  readonly port: number
  gauge (name: string): number
  /** Connects, and waits for the hello or for the answer that refuses it. */
  connect (options?: ConnectOptions): Promise<WebsocketClient>
  /** An upgraded connection as a bare socket: what is written is taken for frames. */
  raw (): Promise<Socket>
}

export interface ConnectOptions extends ClientOptions {
  readonly protocols?: string | string[]
  /** True: over TLS. */
  readonly secure?: boolean
  readonly target?: string
}

export interface RigParts {
  readonly config?: Partial<WebsocketConfig>
  readonly peer?: Partial<Peer>
  readonly log?: Log
}

/** Starts a door; the test's teardown stops it. */
export async function startWebsocket (t: Test, parts: RigParts = {}): Promise<WebsocketRig> {
  const { config, peer, log = silentLog } = parts
  const ingress = new FakeIngress()
  const adapter = websocket.create({
    config: { ...websocketDefaults, ...config }, routes: [], ingress, version: '1.2.3', log
  })
  const server = createServer({ requestTimeout: 0, requireHostHeader: false })
  let lastId = 0
  adapter.attach({
    protocol: 'http', server, onSocket: () => {},
    peerOf: () => ({ address: '127.0.0.1', port: 1, secure: false, connectionId: ++lastId, ...peer })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const clients: { terminate (): void }[] = []
  t.teardown(async () => {
    for (const client of clients) client.terminate()
    for (const one of ingress.pending.splice(0)) one.settle({ ...receiptless, id: one.envelope.id })
    server.close()
    await adapter.drain()
  })
  return {
    ingress, adapter, port,
    gauge: name => adapter.gauges.get(name)?.() ?? NaN,
    async connect (options = {}) {
      const client = new WebsocketClient(port, options)
      clients.push(client)
      return client.greeted()
    },
    async raw () {
      const socket = connect(port, '127.0.0.1').on('error', () => {})
      clients.push({ terminate: () => { socket.destroy() } })
      socket.write('GET /v1/stream HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
        'sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: sluice.v1\r\n\r\n')
      await once(socket, 'data')
      return socket.resume()
    }
  }
}

const receiptless = {
  outcome: 'written', source: '', ack: 'kafka', topic: undefined, partition: undefined, offset: undefined, journal: undefined
} as const

/** A client that keeps everything it was told. */
export class WebsocketClient {
  readonly socket: WebSocket
  readonly texts: string[] = []
  readonly headers: Record<string, string> = {}
  closeCode = 0
  reason = ''
  /** Of an answer that refuses the upgrade; 0: there is none. */
  status = 0
  body = ''

  constructor (port: number, options: ConnectOptions = {}) {
    const { protocols = 'sluice.v1', target = '/v1/stream', secure = false, ...rest } = options
    const url = `${secure ? 'wss' : 'ws'}://127.0.0.1:${port}${target}`
    this.socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...rest })
    this.socket.on('message', (data: Buffer) => { this.texts.push(data.toString()) }).on('error', () => {})
      .on('close', (code, reason) => {
        this.closeCode = code
        this.reason = reason.toString()
      })
      .on('unexpected-response', (_request, response: IncomingMessage) => {
        Object.assign(this.headers, response.headers)
        response.on('data', (chunk: Buffer) => { this.body += chunk.toString() })
        response.on('end', () => { this.status = response.statusCode ?? 0 })
      })
  }

  /** Waits for the hello, or for the answer that refuses it. */
  async greeted (): Promise<this> {
    await this.until(one => one.status !== 0 || one.closeCode !== 0 || one.isOpen)
    return this
  }

  /** A hello has come, or the protocol has none. */
  get isOpen (): boolean {
    return this.socket.readyState === WebSocket.OPEN && (this.texts.length > 0 || this.socket.protocol !== 'sluice.v1')
  }

  get messages (): { type: string, id: number, code?: string, [name: string]: unknown }[] {
    return this.texts.map(text => JSON.parse(text) as { type: string, id: number })
  }

  /** The highest id that was acked; -1: none. */
  get acked (): number { return this.messages.findLast(({ type }) => type === 'ack')?.id ?? -1 }
  get nacks (): string[] {
    return this.messages.filter(({ type }) => type === 'nack').map(({ id, code }) => `${id} ${code}`)
  }

  send (message: object | Buffer): void {
    this.socket.send(Buffer.isBuffer(message) ? message : JSON.stringify(message))
  }

  event (id: number, data: unknown = { n: id }, channel: string | number = 'orders/eu'): void {
    this.send({ type: 'event', id, channel, data })
  }

  until (condition: (client: this) => boolean): Promise<void> { return until(() => condition(this)) }
  closed (): Promise<void> { return this.until(({ closeCode }) => closeCode !== 0) }
  terminate (): void { this.socket.terminate() }
}

/** A number as the binary messages have it. */
export function varint (number: number): number[] {
  const bytes: number[] = []
  let left = number
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push(left % 0x80 + 0x80)
  return [...bytes, left]
}
