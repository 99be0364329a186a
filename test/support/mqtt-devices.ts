// MQTT devices for fault tests: they come back, send again what was not acknowledged, and keep what is to be checked.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type {
  AcknowledgementPacket, ConnackPacket, ConnectPacket, Packet, PublishPacket
} from '../../protocols/mqtt/codec/packet.ts'
import { PacketReader } from '../../protocols/mqtt/codec/packet-reader.ts'
import { noProperties } from '../../protocols/mqtt/codec/properties.ts'
import type { Properties } from '../../protocols/mqtt/codec/properties.ts'
import { digestOf } from './history.ts'
import type { SentEvent, Told } from './history.ts'
import { codecLimits, encodePacket } from './mqtt-packets.ts'
import { until } from './until.ts'

export interface DeviceLoad {
  readonly port: number
  readonly devices: number
  /** Each device begins so many events in a second, while fewer than `inFlightMax` wait. */
  readonly eventsPerSecond: number
  readonly inFlightMax: number
  readonly keepAliveSeconds: number
  readonly topic: string
  /** Every so-manieth event of a device of MQTT 5 goes here instead, where it is refused. */
  readonly refusingTopic: string
}

/** An event and how its device fared with it. */
export interface DeviceEvent extends SentEvent {
  told: Told
  attemptCount: number
  readonly qos: 1 | 2
  /** A CONNACK said that the session in which it was sent is gone, before its device had PUBREC or PUBACK. */
  outlivedSession: boolean
}

interface Kept {
  readonly event: DeviceEvent
  readonly topic: string
  readonly data: string
  /** PUBREC has come: only PUBREL is owed, and sent again. */
  isReceived: boolean
  sentAtMs: number
}

const refusedEvery = 40
const tickMs = 50
const pauseMsMax = 500
const padding = 'x'.repeat(200)
const failureCodeMin = 0x80
const sessionExpirySeconds = 3_600
const source = '/devices'

/** One device. Half of them speak MQTT 5, half 3.1.1; half of either send with QoS 1, half with QoS 2. */
class Device {
  readonly sent: DeviceEvent[] = []
  readonly endings = new Map<string, number>()
  writtenCount = 0
  brokenCount = 0
  resumedCount = 0
  isOpen = false
  readonly #load: DeviceLoad
  readonly #number: number
  readonly #name: string
  readonly #version: 4 | 5
  readonly #qos: 1 | 2
  /** By packet id, in the order of their first sending. */
  readonly #inFlight = new Map<number, Kept>()
  #port: number
  #socket: Socket | undefined
  #isStopping = false
  #window = 0
  #lastPacketId = 0
  #owed: number
  #connection = 0
  #ending = ''
  #pingAtMs = 0
  #isPinging = false
  #timer: NodeJS.Timeout | undefined

  constructor (load: DeviceLoad, number: number) {
    this.#load = load
    this.#number = number
    this.#name = `device-${number}`
    this.#version = number % 2 === 0 ? 5 : 4
    this.#qos = number % 4 < 2 ? 1 : 2
    this.#port = load.port
    // Not all at the same moment.
    this.#owed = number / load.devices
    this.#connect()
  }

  get openCount (): number { return this.#inFlight.size }

  /** The time that the first of those in flight has waited for its acknowledgement. */
  get waitedMs (): number {
    for (const { isReceived, sentAtMs } of this.#inFlight.values()) if (!isReceived) return performance.now() - sentAtMs
    return 0
  }

  /** The time that a ping has waited for its answer. */
  get pingWaitedMs (): number { return this.isOpen && this.#isPinging ? performance.now() - this.#pingAtMs : 0 }

  /** The gateway is somewhere else from now on. */
  moveTo (port: number): void { this.#port = port }

  #connect (): void {
    const connection = ++this.#connection
    const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true })
    const version = this.#version
    const reader = new PacketReader({ from: 'server', version, packetBytesMax: 1_048_576, limits: codecLimits })
    this.#socket = socket
    this.#ending = 'no connection'
    socket.on('connect', () => {
      this.#ending = 'no CONNACK'
      this.#write([this.#greeting()])
    })
    socket.on('data', (chunk: Buffer) => {
      // Whatever a connection says after its end is not for us.
      if (connection !== this.#connection) return
      reader.push(chunk)
      const answers: Packet[] = []
      for (let packet = reader.next(); packet !== undefined; packet = reader.next()) {
        if (packet.type === 'violation') throw new Error(`the gateway broke a rule: ${packet.rule}`)
        this.#hear(packet, answers)
      }
      this.#write(answers)
    })
    socket.on('error', () => {})
    socket.on('close', () => { if (connection === this.#connection) this.#broken(this.#ending) })
  }

  #greeting (): ConnectPacket {
    return {
      type: 'CONNECT', version: this.#version, cleanStart: false, keepAlive: this.#load.keepAliveSeconds,
      properties: this.#version === 5 ? { sessionExpiryInterval: sessionExpirySeconds } : noProperties,
      clientId: this.#name, will: undefined, userName: undefined, password: undefined
    }
  }

  #write (packets: readonly Packet[]): void {
    if (packets.length === 0) return
    this.#socket?.write(Buffer.concat(packets.map(packet => encodePacket(packet, this.#version))))
  }

  #hear (packet: Packet, answers: Packet[]): void {
    if (packet.type === 'CONNACK') return this.#greeted(packet, answers)
    if (packet.type === 'PUBACK' || packet.type === 'PUBREC') return this.#acknowledged(packet, answers)
    if (packet.type === 'PUBCOMP') return void this.#inFlight.delete(packet.packetId)
    if (packet.type === 'PINGRESP') this.#isPinging = false
    else if (packet.type === 'DISCONNECT') this.#ending = `DISCONNECT 0x${packet.reasonCode.toString(16)}`
    else throw new Error(`${packet.type} of a gateway`)
  }

  /** Goes on where it was: what the session does not know any more is sent as if it were new. */
  #greeted ({ reasonCode, sessionPresent, properties }: ConnackPacket, answers: Packet[]): void {
    if (reasonCode !== 0) {
      this.#ending = `CONNACK 0x${reasonCode.toString(16)}`
      return
    }
    this.#ending = 'closed'
    this.isOpen = true
    this.#isPinging = false
    this.#pingAtMs = performance.now()
    this.#window = Math.min(properties.receiveMaximum ?? this.#load.inFlightMax, this.#load.inFlightMax)
    if (sessionPresent) this.resumedCount++
    for (const [packetId, kept] of this.#inFlight) {
      if (!kept.isReceived) {
        if (!sessionPresent) kept.event.outlivedSession = true
        answers.push(this.#publishing(packetId, kept))
      } else if (sessionPresent) answers.push(this.#releasing(packetId))
      else this.#inFlight.delete(packetId)
    }
  }

  #acknowledged ({ type, packetId, reasonCode }: AcknowledgementPacket, answers: Packet[]): void {
    const kept = this.#inFlight.get(packetId)
    if (kept === undefined) throw new Error(`${type} of ${packetId}, which is not in flight with ${this.#name}`)
    if (type !== (this.#qos === 1 ? 'PUBACK' : 'PUBREC')) throw new Error(`${type} for QoS ${this.#qos}`)
    const { event } = kept
    if (reasonCode >= failureCodeMin) {
      // An attempt before this one may have been written.
      event.told = event.attemptCount > 1 ? 'unknown' : 'refused'
      this.#inFlight.delete(packetId)
      return
    }
    if (!kept.isReceived) this.writtenCount++
    event.told = 'written'
    kept.isReceived = true
    if (type === 'PUBACK') this.#inFlight.delete(packetId)
    else answers.push(this.#releasing(packetId))
  }

  #releasing (packetId: number): AcknowledgementPacket {
    return { type: 'PUBREL', packetId, reasonCode: 0, properties: noProperties }
  }

  #publishing (packetId: number, kept: Kept): PublishPacket {
    const { event, topic, data } = kept
    const dup = event.attemptCount > 0
    event.attemptCount++
    kept.sentAtMs = performance.now()
    const context = { specversion: '1.0', id: event.id, source, type: 'reading' }
    const isNew = this.#version === 5
    // Events of 3.1.1 are structured, those of 5 binary.
    const head = JSON.stringify({ ...context, datacontenttype: 'application/json' }).slice(0, -1)
    const properties: Properties = isNew
      ? { contentType: 'application/json', userProperties: Object.entries(context) }
      : noProperties
    return {
      type: 'PUBLISH', dup, qos: event.qos, retain: false, topicName: topic, packetId, properties,
      payload: Buffer.from(isNew ? data : `${head},"data":${data}}`)
    }
  }

  #broken (how: string): void {
    this.isOpen = false
    this.#connection++
    this.#socket?.destroy()
    this.brokenCount++
    this.endings.set(how, (this.endings.get(how) ?? 0) + 1)
    this.#timer = setTimeout(() => { this.#connect() }, Math.random() * pauseMsMax)
  }

  /** Its network fails it: nothing is said, and nothing that is on its way is heard. */
  cut (): void { if (this.isOpen) this.#broken('cut') }

  /** Sends what is due; called every `tickMs`. */
  tick (): void {
    const { eventsPerSecond, inFlightMax, keepAliveSeconds } = this.#load
    this.#owed = Math.min(this.#owed + eventsPerSecond * tickMs / 1_000, inFlightMax)
    if (!this.isOpen) return
    const packets: Packet[] = []
    while (!this.#isStopping && this.#owed >= 1 && this.#inFlight.size < this.#window) {
      const [packetId, kept] = this.#make()
      this.#inFlight.set(packetId, kept)
      packets.push(this.#publishing(packetId, kept))
    }
    if (!this.#isPinging && performance.now() - this.#pingAtMs > keepAliveSeconds * 1_000 / 2) {
      this.#isPinging = true
      this.#pingAtMs = performance.now()
      packets.push({ type: 'PINGREQ' })
    }
    this.#write(packets)
  }

  #make (): [number, Kept] {
    this.#owed--
    do this.#lastPacketId = this.#lastPacketId % 0xffff + 1
    while (this.#inFlight.has(this.#lastPacketId))
    const order = this.sent.length
    const id = `${this.#name}-${order}`
    const data = `{"id":"${id}","key":"${id}","pad":"${padding}"}`
    // Order under faults is not what is looked at: each event stands for itself.
    const event: DeviceEvent = {
      id, stream: id, order, digest: digestOf(data), told: 'none', attemptCount: 0, qos: this.#qos, outlivedSession: false
    }
    this.sent.push(event)
    const isRefused = this.#version === 5 && order % refusedEvery === this.#number % refusedEvery
    const topic = isRefused ? this.#load.refusingTopic : this.#load.topic
    return [this.#lastPacketId, { event, topic, data, isReceived: false, sentAtMs: 0 }]
  }

  stop (): void { this.#isStopping = true }

  close (): void {
    clearTimeout(this.#timer)
    this.#connection++
    this.isOpen = false
    this.#socket?.destroy()
  }
}

export class MqttDevices {
  readonly #devices: readonly Device[]
  readonly #ticking: NodeJS.Timeout

  /** Connects, and begins to send. */
  constructor (load: DeviceLoad) {
    this.#devices = Array.from({ length: load.devices }, (_, number) => new Device(load, number))
    this.#ticking = setInterval(() => { for (const device of this.#devices) device.tick() }, tickMs)
  }

  #sum (count: (device: Device) => number): number {
    return this.#devices.reduce((total, device) => total + count(device), 0)
  }

  get writtenCount (): number { return this.#sum(device => device.writtenCount) }
  /** Events whose exchange is not over. */
  get openCount (): number { return this.#sum(device => device.openCount) }
  get connectedCount (): number { return this.#sum(({ isOpen }) => isOpen ? 1 : 0) }
  /** Connections that broke, or did not come about. */
  get brokenCount (): number { return this.#sum(device => device.brokenCount) }
  /** Connections that went on with a session. */
  get resumedCount (): number { return this.#sum(device => device.resumedCount) }
  /** Devices that have waited so long for an acknowledgement, and for the answer to a ping. */
  waitingCount (waitMs: number): number { return this.#sum(({ waitedMs }) => waitedMs >= waitMs ? 1 : 0) }
  pingingCount (waitMs: number): number { return this.#sum(({ pingWaitedMs }) => pingWaitedMs >= waitMs ? 1 : 0) }
  get sent (): readonly DeviceEvent[] { return this.#devices.flatMap(({ sent }) => sent) }

  /** How connections ended, and how often. */
  get endings (): Readonly<Record<string, number>> {
    const sums: Record<string, number> = {}
    for (const [how, count] of this.#devices.flatMap(({ endings }) => [...endings])) {
      sums[how] = (sums[how] ?? 0) + count
    }
    return sums
  }

  /** The gateway is somewhere else from now on. */
  moveTo (port: number): void { for (const device of this.#devices) device.moveTo(port) }

  /** Half of the devices, of each kind, lose their connection. */
  cutHalf (): void {
    for (const [at, device] of this.#devices.entries()) if (Math.floor(at / 4) % 2 === 0) device.cut()
  }

  /** Begins nothing new, and waits until every exchange is over. */
  async stop (timeoutMs: number): Promise<void> {
    for (const device of this.#devices) device.stop()
    await until(() => this.openCount === 0, { timeoutMs, what: () => `the end of ${this.openCount} exchanges` })
    this.close()
  }

  close (): void {
    clearInterval(this.#ticking)
    for (const device of this.#devices) device.close()
  }
}
