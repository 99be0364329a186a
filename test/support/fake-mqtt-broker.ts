// An MQTT broker that does what a test tells it to: takes connections and subscriptions, sends, keeps what comes back.

import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import type { ConnectPacket, Packet, PublishPacket } from '../../protocols/mqtt/codec/packet.ts'
import { PacketReader } from '../../protocols/mqtt/codec/packet-reader.ts'
import { noProperties } from '../../protocols/mqtt/codec/properties.ts'
import type { Properties } from '../../protocols/mqtt/codec/properties.ts'
import { codecLimits, encodePacket } from './mqtt-packets.ts'

/** One connection of a bridge, as the broker sees it. */
export class FakeLink {
  readonly packets: Packet[] = []
  readonly socket: Socket
  isClosed = false
  #reader = new PacketReader({ from: 'client', packetBytesMax: 1_048_576, limits: codecLimits })

  constructor (socket: Socket, broker: FakeBroker) {
    this.socket = socket
    socket.on('error', () => {})
    socket.on('close', () => { this.isClosed = true })
    socket.on('data', (chunk: Buffer) => {
      this.#reader.push(chunk)
      for (let packet = this.#reader.next(); packet !== undefined; packet = this.#reader.next()) {
        if (packet.type === 'violation') throw new Error(`the bridge breaks ${packet.clause}: ${packet.detail}`)
        this.packets.push(packet)
        broker.answer(this, packet)
      }
    })
  }

  get connect (): ConnectPacket | undefined {
    return this.packets.find(one => one.type === 'CONNECT')
  }

  /** Packet ids in the order of their PUBACKs. */
  get acknowledged (): number[] {
    return this.packets.flatMap(one => one.type === 'PUBACK' ? one.packetId : [])
  }

  /** Reason codes in the order of the PUBACKs. */
  get reasonCodes (): number[] {
    return this.packets.flatMap(one => one.type === 'PUBACK' ? one.reasonCode : [])
  }

  count (type: Packet['type']): number {
    return this.packets.filter(one => one.type === type).length
  }

  write (packet: Packet): void {
    this.socket.write(encodePacket(packet, this.#reader.version ?? 5))
  }

  /** A message of QoS 1 with the text `payload`. */
  publish (packetId: number, payload: string, more: Partial<PublishPacket> = {}): void {
    this.write({
      type: 'PUBLISH', dup: false, qos: 1, retain: false, topicName: 'orders/eu', packetId, properties: noProperties,
      payload: Buffer.from(payload), ...more
    })
  }
}

export class FakeBroker {
  readonly links: FakeLink[] = []
  sessionPresent = false
  connackCode = 0
  /** The reason code of every subscription; undefined: SUBSCRIBE is not answered. */
  subackCode: number | undefined = 1
  answersPings = true
  /** What its CONNACK says beside that. */
  connackProperties: Properties = noProperties
  readonly #server: Server

  private constructor (server: Server) {
    this.#server = server
    server.on('connection', (socket: Socket) => { this.links.push(new FakeLink(socket, this)) })
  }

  static async start (): Promise<FakeBroker> {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new FakeBroker(server)
  }

  get url (): string { return `mqtt://127.0.0.1:${(this.#server.address() as AddressInfo).port}` }

  answer (link: FakeLink, packet: Packet): void {
    if (packet.type === 'CONNECT') {
      const sessionPresent = this.sessionPresent && this.connackCode === 0
      link.write({ type: 'CONNACK', sessionPresent, reasonCode: this.connackCode, properties: this.connackProperties })
    } else if (packet.type === 'SUBSCRIBE' && this.subackCode !== undefined) {
      const reasonCodes = packet.subscriptions.map(() => this.subackCode ?? 0)
      link.write({ type: 'SUBACK', packetId: packet.packetId, properties: noProperties, reasonCodes })
    } else if (packet.type === 'PINGREQ' && this.answersPings) {
      link.write({ type: 'PINGRESP' })
    }
  }

  async stop (): Promise<void> {
    for (const { socket } of this.links) socket.destroy()
    await new Promise(resolve => { this.#server.close(resolve) })
  }
}
