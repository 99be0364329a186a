// MQTT as a sender speaks it, packet by packet: for tests of the door, and for the suite over all doors.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Adapter, Listening } from '../../src/contract/adapter.ts'
import type { ConnectPacket, Packet, PublishPacket } from '../../protocols/mqtt/codec/packet.ts'
import { PacketReader } from '../../protocols/mqtt/codec/packet-reader.ts'
import { noProperties } from '../../protocols/mqtt/codec/properties.ts'
import type { ProtocolVersion } from '../../protocols/mqtt/codec/rules.ts'
import { codecLimits, encodePacket } from './mqtt-packets.ts'
import { until } from './until.ts'

let lastClientNumber = 0
const timeoutMs = 10_000

/** A CONNECT with a client id of its own. */
export function connectPacket (parts: Partial<ConnectPacket> = {}): ConnectPacket {
  return {
    type: 'CONNECT', version: 5, cleanStart: true, keepAlive: 60, properties: noProperties,
    clientId: `device-${++lastClientNumber}`, will: undefined, userName: undefined, password: undefined, ...parts
  }
}

export function publishPacket (parts: Partial<PublishPacket> = {}): PublishPacket {
  return {
    type: 'PUBLISH', dup: false, qos: 1, retain: false, topicName: 'orders/eu', packetId: 1, properties: noProperties,
    payload: Buffer.from('{"a":1}'), ...parts
  }
}

type PacketOf<Type, Some extends Packet = Packet> = Some extends Packet ? (Type extends Some['type'] ? Some : never) : never

/** One connection, and everything that was said on it. */
export class MqttClient {
  readonly stream: Duplex
  readonly heard: Packet[] = []
  closed = false
  readonly #version: ProtocolVersion
  readonly #reader: PacketReader

  constructor (stream: Duplex, version: ProtocolVersion = 5) {
    this.stream = stream
    this.#version = version
    this.#reader = new PacketReader({ from: 'server', version, packetBytesMax: 1_048_576, limits: codecLimits })
    stream.on('data', (chunk: Buffer) => {
      this.#reader.push(chunk)
      for (let packet = this.#reader.next(); packet !== undefined; packet = this.#reader.next()) {
        if (packet.type === 'violation') throw new Error(`the server broke a rule: ${packet.rule}`)
        this.heard.push(packet)
      }
    })
    stream.on('error', () => {})
    stream.on('close', () => { this.closed = true })
  }

  /** In one write. */
  say (...packets: readonly Packet[]): void {
    this.stream.write(Buffer.concat(packets.map(packet => encodePacket(packet, this.#version))))
  }

  /** Waits for the packet of that type, and of that id where one is given. */
  async next<Type extends Packet['type']> (type: Type, packetId?: number): Promise<PacketOf<Type>> {
    const find = (): Packet | undefined => this.heard.find(packet =>
      packet.type === type && (packetId === undefined || ('packetId' in packet && packet.packetId === packetId)))
    await until(() => find() !== undefined || this.closed, { timeoutMs, what: () => `${type}, heard ${JSON.stringify(this.heard)}` })
    const found = find()
    if (found === undefined) throw new Error(`closed before ${type}, heard ${JSON.stringify(this.heard)}`)
    return found as PacketOf<Type>
  }

  async ended (): Promise<void> { await until(() => this.closed, { timeoutMs, what: () => 'the end of the connection' }) }

  types (): string[] { return this.heard.map(({ type }) => type) }
  close (): void { this.stream.destroy() }
}

/** A door on the loopback. */
export interface MqttServer {
  readonly port: number
  /** Opens a connection and says nothing. */
  open (): Socket
  close (): void
}

export async function serveMqtt (adapter: Adapter): Promise<MqttServer> {
  const sockets = new Set<Socket>()
  const ids = new WeakMap<object, number>()
  let lastId = 0
  let take = (_socket: unknown): void => {}
  const listening: Listening = {
    protocol: 'mqtt', server: undefined, onSocket: given => { take = given },
    peerOf (socket) {
      const id = ids.get(socket as object) ?? ++lastId
      ids.set(socket as object, id)
      return { address: '127.0.0.1', port: (socket as Socket).remotePort ?? 0, secure: false, connectionId: id }
    }
  }
  adapter.attach(listening)
  const server = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('close', () => { sockets.delete(socket) })
    take(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    port,
    open: () => connect({ port, host: '127.0.0.1', noDelay: true }).on('error', () => {}),
    close () {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}
