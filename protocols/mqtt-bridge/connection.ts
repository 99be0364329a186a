// One connection to a broker, from CONNECT to its end: handshake, subscriptions, keepalive, and reading that can stop.

import type { Socket } from 'node:net'
import type { Peer } from '../../src/contract/envelope.ts'
import {
  encodeConnect, encodeDisconnect, encodeSubscribe, pingreqBytes, writeAcknowledgement
} from '../mqtt/codec/encode.ts'
import type { ConnackPacket, Packet, PublishPacket, SubackPacket } from '../mqtt/codec/packet.ts'
import { PacketReader } from '../mqtt/codec/packet-reader.ts'
import { noProperties } from '../mqtt/codec/properties.ts'
import { reasonCodes } from '../mqtt/codec/reason-codes.ts'
import type { ProtocolVersion } from '../mqtt/codec/rules.ts'
import type { Violation } from '../mqtt/codec/violation.ts'
import type { BridgeSettings } from './config.ts'

/** What whoever made the connection is told. `closed` is the last call, and comes once. */
export interface ConnectionOwner {
  /** The broker has let it in. `isResumed`: it kept the session, and sends again what was not acknowledged. */
  accepted (connection: Connection, isResumed: boolean): void
  /** The broker has taken the subscriptions. Messages of a resumed session may come sooner. */
  subscribed (): void
  publish (packet: PublishPacket): void
  /** False: nothing more may be read now; `resume` is called when it may. */
  hasRoom (): boolean
  closed (reason: string): void
}

export interface ConnectionOptions {
  readonly settings: BridgeSettings
  readonly clientId: string
  readonly filters: readonly string[]
  /** True: subscribes even where the session is resumed, for it may have been made by another config. */
  readonly isFirst: boolean
  readonly owner: ConnectionOwner
  /** Opens the socket; throws where a file or a secret cannot be read. */
  readonly open: () => Socket
  readonly log: { warn (fields: Record<string, unknown>, message: string): void }
}

/** An acknowledgement that is due. */
export interface Acknowledgement { readonly packetId: number, readonly reasonCode: number }

/** What the filters of shared subscriptions begin with. */
export const sharedPrefix = '$share/'
const subscribeId = 1
const acknowledgementBytes = 5
const userPropertiesCountMax = 1_000
/** One leaves each half of the keepalive. */
const unansweredPingsMax = 2
/** How long the broker may take to close after DISCONNECT. */
const goodbyeMs = 1_000

type Phase = 'connecting' | 'accepted' | 'ended'

let lastId = 1

/** An id that no accepted connection of this worker has: those count up from 0, and -1 is an explanation. */
export function nextConnectionId (): number {
  lastId++
  return -lastId
}

export class Connection {
  readonly #options: ConnectionOptions
  readonly #socket: Socket
  readonly #reader: PacketReader
  readonly #version: ProtocolVersion
  #phase: Phase = 'connecting'
  /** When SUBSCRIBE was sent and no answer has come; undefined at any other time. */
  #subscribedAtMs: number | undefined
  /** True: subscribes to everything, for the session or this process is new. */
  #isRenewed = true
  #isHalted = false
  #keepAliveMs: number
  /** Since the last answer. Not timed: a thread that stood still must not take its own pause for the broker's. */
  #unansweredPingsCount = 0
  #timer: NodeJS.Timeout

  constructor (options: ConnectionOptions) {
    const { settings } = options
    this.#options = options
    this.#version = settings.version === 5 ? 5 : 4
    this.#keepAliveMs = keepAliveSeconds(settings) * 1_000
    this.#reader = new PacketReader({
      from: 'server', version: this.#version, packetBytesMax: settings.packetBytesMax,
      limits: { userPropertiesCountMax, topicFiltersCountMax: 100, disallowedCharacters: 'accept' }
    })
    const { connectTimeoutMs } = settings
    this.#timer = setTimeout(() => {
      this.fail(`no connection within ${connectTimeoutMs} ms`)
    }, connectTimeoutMs)
    try {
      this.#socket = options.open()
    } catch (error) {
      clearTimeout(this.#timer)
      throw error
    }
    this.#listen()
  }

  /** Bytes that are read and not decoded yet. */
  get heldBytes (): number { return this.#reader.heldBytes }

  peer (connectionId: number): Peer {
    const { remoteAddress = '', remotePort = 0 } = this.#socket
    const address = remoteAddress.startsWith('::ffff:') ? remoteAddress.slice(7) : remoteAddress
    return { address, port: remotePort, secure: this.#options.settings.url.startsWith('mqtts:'), connectionId }
  }

  /** Sends PUBACKs in this order, in one write. */
  acknowledge (list: readonly Acknowledgement[]): void {
    if (this.#phase !== 'accepted') return
    const bytes = Buffer.allocUnsafe(list.length * acknowledgementBytes)
    const receiver = { version: this.#version, packetBytesMax: acknowledgementBytes }
    let end = 0
    for (const { packetId, reasonCode } of list) {
      end = writeAcknowledgement(bytes, end, { type: 'PUBACK', packetId, reasonCode, properties: noProperties }, receiver)
    }
    this.#socket.write(bytes.subarray(0, end))
  }

  /** Goes on reading after `hasRoom` said no. */
  resume (): void {
    if (!this.#isHalted || this.#phase !== 'accepted') return
    this.#isHalted = false
    // What was not read cannot have been answered: the broker's time begins anew.
    this.#unansweredPingsCount = 0
    if (this.#subscribedAtMs !== undefined) this.#subscribedAtMs = performance.now()
    this.#socket.resume()
    this.#read()
  }

  /**
   * Says goodbye, and resolves when that has arrived or took too long. The broker keeps the session, with whatever was
   * not acknowledged.
   */
  async end (): Promise<void> {
    if (this.#phase === 'ended') return
    const receiver = { version: this.#version, packetBytesMax: this.#options.settings.packetBytesMax }
    this.#socket.end(encodeDisconnect({ type: 'DISCONNECT', reasonCode: 0, properties: noProperties }, receiver))
    // Reads what is still there, so that the end of the other side is seen.
    this.#socket.resume()
    this.#finish('')
    const timer = setTimeout(() => { this.#socket.destroy() }, goodbyeMs)
    await new Promise(resolve => { this.#socket.once('close', resolve) })
    clearTimeout(timer)
  }

  fail (reason: string): void {
    this.#socket.destroy()
    this.#finish(reason)
  }

  #listen (): void {
    const socket = this.#socket
    socket.setNoDelay(true)
    socket.once(this.#options.settings.url.startsWith('mqtts:') ? 'secureConnect' : 'connect', () => { this.#greet() })
    socket.on('data', (chunk: Buffer) => {
      if (this.#phase === 'ended') return
      this.#reader.push(chunk)
      this.#read()
    })
    socket.on('error', error => { this.fail(error.message) })
    socket.on('close', () => { this.#finish('the broker closed the connection') })
  }

  #greet (): void {
    const { settings, clientId } = this.#options
    const { username, password, inFlightEventsMax, packetBytesMax, sessionExpiryMs } = settings
    let secret: Buffer | undefined
    try {
      secret = password === undefined ? undefined : Buffer.from(password.reveal())
    } catch (error) {
      return this.fail(`the password cannot be read: ${(error as Error).message}`)
    }
    const properties = this.#version === 4 ? noProperties : {
      sessionExpiryInterval: Math.round(sessionExpiryMs / 1_000), receiveMaximum: inFlightEventsMax,
      maximumPacketSize: packetBytesMax
    }
    this.#socket.write(encodeConnect({
      type: 'CONNECT', version: this.#version, cleanStart: false, keepAlive: keepAliveSeconds(settings), properties,
      clientId, will: undefined, userName: username ?? (secret === undefined ? undefined : ''), password: secret
    }))
  }

  #read (): void {
    while (this.#phase !== 'ended') {
      if (this.#phase === 'accepted' && !this.#options.owner.hasRoom()) {
        this.#isHalted = true
        this.#socket.pause()
        return
      }
      const packet = this.#reader.next()
      if (packet === undefined) return
      const reason = this.#take(packet)
      if (reason !== undefined) return this.fail(reason)
    }
  }

  /** Why the connection must end, if it must. */
  #take (packet: Packet | Violation): string | undefined {
    if (packet.type === 'PUBLISH') return this.#published(packet)
    if (packet.type === 'violation') return `the broker breaks MQTT (${packet.clause}): ${packet.detail}`
    if (packet.type === 'CONNACK') return this.#accepted(packet)
    if (packet.type === 'SUBACK') return this.#subscribed(packet)
    if (packet.type === 'DISCONNECT') return `the broker disconnects with reason code ${hex(packet.reasonCode)}`
    if (packet.type !== 'PINGRESP') return `the broker sends ${packet.type}, which nobody asked for`
    this.#unansweredPingsCount = 0
    return undefined
  }

  #accepted ({ reasonCode, sessionPresent, properties }: ConnackPacket): string | undefined {
    if (reasonCode !== 0) return `the broker refuses the connection with code ${hex(reasonCode)}`
    const { isFirst, owner } = this.#options
    if (properties.serverKeepAlive !== undefined) this.#keepAliveMs = properties.serverKeepAlive * 1_000
    this.#phase = 'accepted'
    clearTimeout(this.#timer)
    if (this.#keepAliveMs > 0) this.#timer = setInterval(() => { this.#tick() }, this.#keepAliveMs / 2)
    owner.accepted(this, sessionPresent)
    this.#isRenewed = !sessionPresent || isFirst
    const filters = this.#filters()
    if (filters.length > 0) this.#subscribe(filters)
    else owner.subscribed()
    return undefined
  }

  /**
   * A broker may resume a session and have lost its subscriptions. In 3.1.1 each renewal brings retained messages
   * again, except to a shared one.
   */
  #filters (): readonly string[] {
    const { filters } = this.#options
    return this.#isRenewed || this.#version === 5 ? filters : filters.filter(one => one.startsWith(sharedPrefix))
  }

  #subscribe (filters: readonly string[]): void {
    const subscriptions = filters.map(topicFilter => ({
      // In version 5 retained messages come with a subscription that is new.
      topicFilter, qos: 1, noLocal: false, retainAsPublished: true, retainHandling: 1
    } as const))
    this.#subscribedAtMs = performance.now()
    this.#socket.write(encodeSubscribe({
      type: 'SUBSCRIBE', packetId: subscribeId, properties: noProperties, subscriptions
    }, this.#version))
  }

  #subscribed ({ reasonCodes: granted }: SubackPacket): string | undefined {
    const { owner, log } = this.#options
    const filters = this.#filters()
    if (this.#subscribedAtMs === undefined) return 'the broker sends SUBACK, which nobody asked for'
    if (granted.length !== filters.length) return 'the broker answers another number of subscriptions than there are'
    for (const [at, code] of granted.entries()) {
      const filter = filters[at] ?? ''
      if (code >= reasonCodes.unspecifiedError) return `the broker refuses the subscription ${filter} with code ${hex(code)}`
      if (code === 0) log.warn({ filter }, 'the broker grants QoS 0 only: messages can get lost on the way from it')
    }
    this.#subscribedAtMs = undefined
    owner.subscribed()
    return undefined
  }

  #published (packet: PublishPacket): string | undefined {
    if (packet.qos === 2) return 'the broker sends QoS 2, which nobody subscribed to'
    this.#options.owner.publish(packet)
    return undefined
  }

  #tick (): void {
    const { connectTimeoutMs } = this.#options.settings
    if (!this.#isHalted) {
      const sinceMs = performance.now() - (this.#subscribedAtMs ?? Infinity)
      if (sinceMs > connectTimeoutMs) return this.fail('the broker does not answer SUBSCRIBE')
      if (this.#unansweredPingsCount === unansweredPingsMax) {
        return this.fail(`the broker has not answered PINGREQ for ${this.#keepAliveMs} ms`)
      }
      this.#unansweredPingsCount++
    }
    // Also while nothing is read: the broker waits for it.
    this.#socket.write(pingreqBytes)
  }

  #finish (reason: string): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    clearTimeout(this.#timer)
    this.#options.owner.closed(reason)
  }
}

function keepAliveSeconds ({ keepAliveMs }: BridgeSettings): number {
  return Math.ceil(keepAliveMs / 1_000)
}

function hex (code: number): string {
  return `0x${code.toString(16).padStart(2, '0')}`
}
