// One MQTT client under load: keeps its window full, writes down what it is told, and comes back when it is cut.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { digestOf } from '../../test/support/history.ts'
import type { SentEvent } from '../../test/support/history.ts'
import { deviceEventId, deviceEventText, orderDigits } from '../scenarios.ts'
import {
  answerOf, connackOf, connectPacket, contentType, createPacketReader, dupFlag, firstBytes, packet, packetIdMax,
  publishTemplate, refusedFrom, twoBytes
} from './frames.ts'
import type { ProtocolVersion, PublishTemplate, Qos } from './frames.ts'
import type { LoadTally } from './load-tally.ts'

export interface LoadClientSetup {
  readonly host: string
  readonly port: number
  readonly version: ProtocolVersion
  readonly qos: Qos
  /** Messages that are under way at the most; a smaller Receive Maximum of the server counts. */
  readonly window: number
  readonly channel: string
  readonly apiKey?: string | undefined
  /** Events to send. */
  readonly events: number
  readonly eventBytes: number
  /** The connection is cut by this side after so many acknowledgements, again and again; 0: never. */
  readonly cutEvery: number
}

/** A message under way. `isReceived`: of QoS 2, PUBREC has come. */
interface Exchange { readonly order: number, readonly sentAtMs: number, isReceived: boolean }

const told = { none: 0, written: 1, refused: 2 } as const
const triesMax = 30
const pauseMs = 500
/** DISCONNECT; of MQTT 5 with a Session Expiry Interval of 0, which ends the session. */
const partings = { 4: packet(firstBytes.disconnect, []), 5: packet(firstBytes.disconnect, [0, 5, 0x11, 0, 0, 0, 0]) }

export class LoadClient {
  readonly name: string
  readonly #setup: LoadClientSetup
  readonly #tally: LoadTally
  readonly #template: PublishTemplate
  readonly #event: Buffer
  readonly #numberAt: number
  readonly #told: Uint8Array
  /** By packet id, in the order of sending. */
  readonly #open = new Map<number, Exchange>()
  readonly #releases: number[] = []
  readonly #ended = Promise.withResolvers<undefined>()
  readonly #opened = Promise.withResolvers<undefined>()
  #socket: Socket | undefined
  #window: number
  #quota = 0
  #sentCount = 0
  #lastAcked = 0
  #ackedSinceCut = 0
  #cutsCount = 0
  #isCutDue = false
  #triesCount = 0
  #isOpen = false
  #isRunning = false
  #isOver = false
  #reason = ''

  constructor (name: string, setup: LoadClientSetup, tally: LoadTally) {
    const { version, qos, channel, events, eventBytes, window } = setup
    this.name = name
    this.#setup = setup
    this.#tally = tally
    this.#window = window
    const data = deviceEventText(name, 1, eventBytes)
    this.#template = publishTemplate({
      version, qos, channel, properties: contentType('application/json'), data: [...Buffer.from(data)]
    })
    this.#event = Buffer.from(this.#template.bytes)
    this.#numberAt = this.#template.dataAt + data.indexOf(deviceEventId(name, 1)) + name.length + 1
    this.#told = new Uint8Array(events + 1)
  }

  /** Resolves once events may be sent. Rejects where it is not let in. */
  open (): Promise<undefined> {
    this.#connect()
    return this.#opened.promise
  }

  /** Sends all events; resolves when each has its outcome and the connection is closed. */
  run (): Promise<undefined> {
    this.#quota = this.#setup.events
    this.#isRunning = true
    this.#flush()
    return this.#ended.promise
  }

  /** Sends nothing new. */
  stop (): void {
    this.#quota = Math.min(this.#quota, this.#sentCount)
    this.#flush()
  }

  /** Waits for nothing more. */
  close (): void {
    this.#isOver = true
    this.#socket?.destroy()
    this.#ended.resolve(undefined)
  }

  /** What it sent, and what it was told of each. */
  history (): SentEvent[] {
    return Array.from({ length: this.#sentCount }, (_, index) => {
      const order = index + 1
      const { written, refused } = told
      const found = this.#told[order]
      return {
        id: deviceEventId(this.name, order), stream: this.name, order,
        digest: digestOf(deviceEventText(this.name, order, this.#setup.eventBytes)),
        told: found === written ? 'written' : found === refused ? 'refused' : 'none'
      }
    })
  }

  #connect (): void {
    const { host, port, version, apiKey, qos } = this.#setup
    const socket = connect({ host, port, noDelay: true })
    const read = createPacketReader((first, content) => { this.#hear(first, content) })
    this.#socket = socket
    socket.on('data', chunk => {
      if (this.#socket !== socket) return
      read(chunk)
      this.#flush()
    })
    socket.on('error', error => { this.#reason = error.message })
    socket.on('close', () => { if (this.#socket === socket) this.#closed() })
    socket.write(Buffer.from(connectPacket({ version, clientId: this.name, apiKey, keepsSession: qos > 0 })))
  }

  #closed (): void {
    this.#isOpen = false
    if (this.#isOver) return this.#ended.resolve(undefined)
    const reason = this.#reason === '' ? 'closed without a word' : this.#reason
    this.#reason = ''
    this.#tally.broken(reason)
    this.#triesCount += 1
    this.#opened.reject(new Error(`${this.name} was not let in: ${reason}`))
    // At QoS 0 nobody knows what to send again.
    if (this.#triesCount >= triesMax || this.#setup.qos === 0) return this.#ended.resolve(undefined)
    setTimeout(() => { if (!this.#isOver) this.#connect() }, pauseMs)
  }

  #hear (first: number, content: Uint8Array): void {
    if (first === firstBytes.connack) return this.#greeted(content)
    const { packetId, reasonCode } = answerOf(content)
    if (first === firstBytes.disconnect) {
      this.#reason = `DISCONNECT 0x${(content[0] ?? 0).toString(16)}`
    } else if (first === firstBytes.puback || first === firstBytes.pubrec) {
      this.#acked(first, packetId, reasonCode)
    } else if (first === firstBytes.pubcomp) this.#completed(packetId)
    else this.#tally.strayCount += 1
  }

  #greeted (content: Uint8Array): void {
    const { version, window, qos } = this.#setup
    const { reasonCode, receiveMaximum } = connackOf(content, version)
    if (reasonCode !== 0) {
      this.#reason = `CONNACK 0x${reasonCode.toString(16)}`
      this.#socket?.destroy()
      return
    }
    if (qos > 0) this.#window = Math.min(window, receiveMaximum)
    this.#isOpen = true
    this.#triesCount = 0
    this.#opened.resolve(undefined)
    this.#sendAgain()
  }

  /** MQTT 4.4: what is not acknowledged, in the order in which it was sent first. */
  #sendAgain (): void {
    const parts: Buffer[] = []
    for (const [packetId, { order, isReceived }] of this.#open) {
      if (isReceived) parts.push(Buffer.from(packet(firstBytes.pubrel, twoBytes(packetId))))
      else {
        const again = Buffer.allocUnsafe(this.#event.length)
        this.#write(again, 0, order)
        again[0] = (again[0] ?? 0) | dupFlag
        parts.push(again)
        this.#tally.resentCount += 1
      }
    }
    if (parts.length > 0) this.#socket?.write(Buffer.concat(parts))
  }

  #acked (first: number, packetId: number, reasonCode: number): void {
    const exchange = this.#open.get(packetId)
    if (exchange === undefined || exchange.isReceived || (first === firstBytes.pubrec) !== (this.#setup.qos === 2)) {
      this.#tally.strayCount += 1
      return
    }
    const { order, sentAtMs } = exchange
    if (order < this.#lastAcked) this.#tally.misorderedCount += 1
    this.#lastAcked = order
    this.#ackedSinceCut += 1
    this.#tally.lastMs = performance.now()
    this.#tally.ackMs.push(this.#tally.lastMs - sentAtMs)
    if (this.#cutsCount % 2 === 0 || this.#setup.qos === 1) this.#lookForCut()
    const isRefused = reasonCode >= refusedFrom
    this.#told[order] = isRefused ? told.refused : told.written
    if (isRefused) this.#tally.refusedCount += 1
    if (first === firstBytes.puback || isRefused) this.#open.delete(packetId)
    else {
      exchange.isReceived = true
      this.#releases.push(packetId)
    }
  }

  #completed (packetId: number): void {
    const exchange = this.#open.get(packetId)
    if (exchange?.isReceived !== true) {
      this.#tally.strayCount += 1
      return
    }
    this.#tally.completeMs.push(performance.now() - exchange.sentAtMs)
    this.#open.delete(packetId)
    if (this.#cutsCount % 2 === 1) this.#lookForCut()
  }

  /** At QoS 2 in turn behind a PUBREC and behind a PUBCOMP: with PUBRELs under way, and with events. */
  #lookForCut (): void {
    const { cutEvery } = this.#setup
    this.#isCutDue = cutEvery > 0 && this.#ackedSinceCut >= cutEvery
  }

  /** Writes what is due in one piece: PUBRELs, then as many events as the window has room for. */
  #flush (): void {
    if (!this.#isOpen || !this.#isRunning || this.#isOver) return
    if (this.#setup.qos === 0) return this.#pour()
    const nowMs = performance.now()
    const packetIds: number[] = []
    while (this.#open.size < this.#window && this.#sentCount < this.#quota) {
      const packetId = this.#sentCount % packetIdMax + 1
      if (this.#open.has(packetId)) break
      this.#open.set(packetId, { order: ++this.#sentCount, sentAtMs: nowMs, isReceived: false })
      packetIds.push(packetId)
    }
    const released = this.#releases.splice(0)
    const releases = Buffer.from(released.flatMap(packetId => packet(firstBytes.pubrel, twoBytes(packetId))))
    const events = this.#eventsUpTo(packetIds.length)
    if (releases.length + events.length > 0) this.#socket?.write(Buffer.concat([releases, events]))
    if (this.#open.size === 0 && this.#sentCount === this.#quota) this.#part()
    else if (this.#isCutDue) this.#cut()
  }

  /** The last so many events that were counted as sent. */
  #eventsUpTo (count: number): Buffer {
    const events = Buffer.allocUnsafe(count * this.#event.length)
    for (let at = 0, order = this.#sentCount - count + 1; at < events.length; at += this.#event.length) {
      this.#write(events, at, order++)
    }
    this.#tally.sentCount += count
    return events
  }

  #write (target: Buffer, at: number, order: number): void {
    this.#event.copy(target, at)
    if (this.#setup.qos > 0) target.writeUInt16BE((order - 1) % packetIdMax + 1, at + this.#template.idAt)
    let rest = order
    for (let digit = orderDigits - 1; rest > 0; digit--) {
      target[at + this.#numberAt + digit] = 0x30 + rest % 10
      rest = Math.floor(rest / 10)
    }
  }

  /** QoS 0 is not answered: a window is written when the one before has left this process. */
  #pour (): void {
    const count = Math.min(this.#window, this.#quota - this.#sentCount)
    if (count <= 0) return this.#part()
    if (this.#socket?.writableLength !== 0) return
    this.#sentCount += count
    this.#tally.lastMs = performance.now()
    this.#socket.write(this.#eventsUpTo(count), () => { this.#flush() })
  }

  #part (): void {
    this.#isOver = true
    this.#socket?.end(Buffer.from(partings[this.#setup.qos === 0 ? 4 : this.#setup.version]))
  }

  #cut (): void {
    this.#isCutDue = false
    this.#ackedSinceCut = 0
    this.#cutsCount += 1
    this.#tally.cutCount += 1
    this.#isOpen = false
    this.#socket?.destroy()
    this.#connect()
  }
}
