// One client per protocol, each with the same few abilities, so that conformance tests can loop over the adapters.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { WebSocket } from 'ws'
import type { Adapter, Listening } from '../../src/contract/adapter.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import { until } from './rest-rig.ts'
import { GrpcSender, grpcEndpoint } from './grpc-client.ts'
import { connectPacket, MqttClient, publishPacket, serveMqtt } from './mqtt-client.ts'
import { encodePacket } from './mqtt-packets.ts'
import type { Properties } from '../../protocols/mqtt/codec/properties.ts'

/** What a sender was told about its event: `written`, the code of a refusal, or nothing before its connection ended. */
export type Told = 'written' | RefusalCode | 'nothing'

/** A running listener with an adapter attached, and a sender. */
export interface Conversation {
  /** Codes that no sender is told, because its door withholds the answer and tries again until the event is written. */
  readonly withheld?: ReadonlySet<RefusalCode>
  /** Sends one event to the channel `orders/eu` and waits for what it is told. */
  send (data: Buffer): Promise<Told>
  /** Sends the first part of one event, and gives the function that breaks the connection. */
  sendHalf (): Promise<() => void>
  /** Sends bytes and waits until the connection is closed, by either side. */
  sendGarbage (bytes: Buffer): Promise<void>
  end (): void
}

/** Begins to talk to an adapter that has been created and not attached. */
export type Client = (adapter: Adapter) => Promise<Conversation>

/** By the name of the adapter. A new adapter is not tested before it has a line here, and the test says so. */
export const clients: Readonly<Record<string, Client>> = {
  rest: talkRest,
  websocket: talkWebsocket,
  grpc: talkGrpc,
  mqtt: talkMqtt
}

/** Listens on the loopback for an adapter of the protocol `http`. */
export async function serveHttp (adapter: Adapter): Promise<{ readonly port: number, close (): void }> {
  const server = createServer({ requestTimeout: 0, requireHostHeader: false })
  adapter.attach(listeningOn('http', server))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close () {
      server.closeAllConnections()
      server.close()
    }
  }
}

async function talkRest (adapter: Adapter): Promise<Conversation> {
  const { port, close } = await serveHttp(adapter)
  return {
    async send (data) {
      const answer = await fetch(`http://127.0.0.1:${port}/v1/events/orders/eu`, { method: 'POST', body: new Uint8Array(data) })
      const { outcome, code } = await answer.json() as { outcome: string, code: RefusalCode }
      return outcome === 'written' ? 'written' : code
    },
    async sendHalf () {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write('POST /v1/events/orders/eu HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\nhalf')
      await once(socket, 'connect')
      return () => { socket.destroy() }
    },
    sendGarbage: bytes => sendRaw(port, bytes),
    end: close
  }
}

async function talkWebsocket (adapter: Adapter): Promise<Conversation> {
  const { port, close } = await serveHttp(adapter)
  const open = new Set<WebSocket>()
  const begin = (): WebSocket => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/v1/stream`, 'sluice.v1', { perMessageDeflate: false })
    open.add(socket)
    return socket.on('error', () => {}).on('close', () => { open.delete(socket) })
  }
  return {
    async send (data) {
      const socket = begin()
      const told = await sendOnce(socket, data)
      socket.close()
      await until(() => socket.readyState === WebSocket.CLOSED)
      return told
    },
    async sendHalf () {
      const socket = begin()
      await once(socket, 'open')
      socket.send('{"type":"event","id":1,', { fin: false })
      return () => { socket.terminate() }
    },
    async sendGarbage (bytes) {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      socket.write(upgradeText)
      await once(socket, 'data')
      socket.resume()
      socket.end(bytes)
      await once(socket, 'close')
    },
    end () {
      for (const socket of open) socket.terminate()
      close()
    }
  }
}

async function talkGrpc (adapter: Adapter): Promise<Conversation> {
  const { port, close } = await grpcEndpoint(adapter)
  const sender = new GrpcSender(`127.0.0.1:${port}`)
  return {
    send: async data => (await sender.publish({ channel: 'orders/eu', data })).told,
    sendHalf: () => sendHalfMessage(port),
    sendGarbage: bytes => sendRaw(port, bytes),
    end () {
      sender.close()
      close()
    }
  }
}

/** The head of an upgrade, as bytes. */
const upgradeText = 'GET /v1/stream HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n' +
  'sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: sluice.v1\r\n\r\n'

/** What is told of the one event of a connection. */
function sendOnce (socket: WebSocket, data: Buffer): Promise<Told> {
  return new Promise(resolve => {
    socket.on('open', () => { socket.send(`{"type":"event","id":1,"channel":"orders/eu","data":${data.toString()}}`) })
    socket.on('message', (bytes: Buffer) => {
      const { type, code } = JSON.parse(bytes.toString()) as { type: string, code: RefusalCode }
      if (type === 'ack') resolve('written')
      if (type === 'nack') resolve(code)
    })
    socket.on('unexpected-response', (_request, response) => {
      response.on('data', (bytes: Buffer) => { resolve((JSON.parse(bytes.toString()) as { code: RefusalCode }).code) })
      response.on('end', () => { socket.terminate() })
    })
    socket.on('close', code => { resolve(code === 1009 ? 'too-large' : 'nothing') })
  })
}

async function sendHalfMessage (port: number): Promise<() => void> {
  const session = connectHttp2(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  const request = session.request({
    ':method': 'POST', ':path': '/sluice.v1.Ingest/Publish', 'content-type': 'application/grpc', 'te': 'trailers'
  })
  request.on('error', () => {})
  request.write(Buffer.from([0, 0, 0, 0, 100, 1, 2, 3]))
  await once(session, 'connect')
  return () => { session.destroy() }
}

async function sendRaw (port: number, bytes: Buffer): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  socket.resume()
  socket.end(bytes)
  await once(socket, 'close')
}

function listeningOn (protocol: string, server: unknown): Listening {
  let lastId = 0
  const ids = new WeakMap<object, number>()
  return {
    protocol, server, onSocket: () => {},
    peerOf (socket) {
      const known = ids.get(socket as object) ?? ++lastId
      ids.set(socket as object, known)
      return { address: '127.0.0.1', port: (socket as Socket).remotePort ?? 0, secure: false, connectionId: known }
    }
  }
}

/** What the user property `code` of an answer says. */
export function codeIn ({ userProperties = [] }: Properties): RefusalCode | undefined {
  return userProperties.find(([name]) => name === 'code')?.[1] as RefusalCode | undefined
}

/** What a device is never told: its message is tried again until it is written. */
export const withheldByMqtt: ReadonlySet<RefusalCode> = new Set([
  'unverifiable', 'rate-limited', 'overloaded', 'sink-unavailable', 'journal-full', 'delivery-timeout'
])

/** Speaks to an adapter for the suite over all doors: MQTT 5, QoS 1, a connection for each event. */
async function talkMqtt (adapter: Adapter): Promise<Conversation> {
  const server = await serveMqtt(adapter)
  return {
    withheld: withheldByMqtt,
    send: data => sendByMqtt(new MqttClient(server.open()), data),
    async sendHalf () {
      const client = new MqttClient(server.open())
      client.say(connectPacket())
      await client.next('CONNACK')
      const whole = encodePacket(publishPacket(), 5)
      client.stream.write(whole.subarray(0, whole.length - 2))
      return () => { client.close() }
    },
    async sendGarbage (bytes) {
      const socket = server.open()
      socket.resume()
      socket.end(bytes)
      await once(socket, 'close')
    },
    end: () => { server.close() }
  }
}

async function sendByMqtt (client: MqttClient, payload: Buffer): Promise<Told> {
  client.say(connectPacket(), publishPacket({ payload }))
  const told = (): Told | undefined => {
    for (const packet of client.heard) {
      if (packet.type !== 'CONNACK' && packet.type !== 'PUBACK' && packet.type !== 'DISCONNECT') continue
      if (packet.reasonCode >= 0x80) return codeIn(packet.properties) ?? 'nothing'
      if (packet.type === 'PUBACK') return 'written'
    }
    return client.closed ? 'nothing' : undefined
  }
  await until(() => told() !== undefined)
  const answer = told() ?? 'nothing'
  client.close()
  return answer
}
