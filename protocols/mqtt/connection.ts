// One MQTT connection: its bytes in, its packets served, its answers out, and the ways in which it ends.

import type { Duplex } from 'node:stream'
import type { Peer } from '../../src/contract/envelope.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Link } from './acknowledging.ts'
import type { Receiver } from './codec/encode.ts'
import type { ConnectPacket, DisconnectPacket, Packet } from './codec/packet.ts'
import { PacketReader } from './codec/packet-reader.ts'
import { reasonCodes } from './codec/reason-codes.ts'
import type { Violation } from './codec/violation.ts'
import { Deadlines } from './deadlines.ts'
import type { Door, Member } from './door.ts'
import { greet } from './greeting.ts'
import type { Newcomer, Welcome } from './greeting.ts'
import { Intake } from './intake.ts'
import { Output } from './output.ts'
import type { Ending } from './reply.ts'
import { answerTo, completionOf, disconnectOf, endings, refusalOf, refusalProperties } from './reply.ts'
import { Unproven } from './unproven.ts'
import type { Timed } from './wheel.ts'

/** How long a client that was told to go may take, and messages of QoS 0 that it has left. */
const partingMs = 3_000
/** What is told to a client before it has said which version it speaks. */
const unknownReceiver: Receiver = { version: 5, packetBytesMax: 1_024 }
/** A `Member` of the door, the `Link` of its messages, and the occupant of its session. */
export class Connection implements Link, Member, Newcomer, Timed {
  dueMs = Infinity
  wheelTick = -1
  readonly peer: Peer
  readonly #door: Door
  readonly #stream: Duplex
  readonly #reader: PacketReader
  readonly #output: Output
  readonly #unproven: Unproven
  readonly #deadlines: Deadlines
  #phase: 'greeting' | 'asking' | 'open' | 'ended' = 'greeting'
  #welcome: Welcome | undefined
  #intake: Intake | undefined
  #expiryMs = 0
  #isDirty = false
  #isPaused = false
  /** There are packets that were not looked at, because too many messages wait. */
  #isCut = false

  constructor (door: Door, stream: Duplex, peer: Peer) {
    this.#door = door
    this.#stream = stream
    this.peer = peer
    this.#output = new Output(door, stream, () => { this.#settleReading() })
    this.#unproven = new Unproven(door.ingress, peer)
    this.#deadlines = new Deadlines(door, this)
    this.#reader = new PacketReader({ from: 'client', packetBytesMax: door.config.connectBytesMax, limits: door.limits })
    this.#deadlines.phaseEndsMs = door.nowMs() + door.config.connectTimeoutMs
    this.#deadlines.schedule()
    door.members.add(this)
    stream.on('data', (chunk: Buffer) => { this.#hear(chunk) })
    stream.on('frame', (isBegun: boolean) => { if (!this.isGone) this.#deadlines.frame(isBegun) })
    stream.on('end', () => { this.#endWith(undefined) })
    stream.on('error', () => {})
    stream.on('close', () => { this.#closed() })
  }

  get principalName (): string | undefined { return this.#welcome?.sender.principal.name }
  get isGone (): boolean { return this.#phase === 'ended' }
  get isOpen (): boolean { return this.#phase === 'open' }
  get receiver (): Receiver { return this.#welcome?.receiver ?? unknownReceiver }
  get tellsReasons (): boolean { return this.#welcome?.tellsReasons ?? true }

  #hear (chunk: Buffer): void {
    if (this.#phase === 'ended') return
    this.#deadlines.heard()
    this.#reader.push(chunk)
    if (this.#phase === 'open') this.#pump(chunk.length)
    else if (this.#phase === 'greeting') this.#readConnect()
  }

  #readConnect (): void {
    const packet = this.#unproven.read(this.#reader)
    if (packet?.type === 'CONNECT') return void this.#connect(packet)
    if (packet === undefined) return
    this.#door.refused(packet.refusal, this.peer)
    this.#endWith(packet.answer)
  }

  async #connect (connect: ConnectPacket): Promise<void> {
    this.#phase = 'asking'
    this.#deadlines.phaseEndsMs = Infinity
    this.#settleReading()
    const source = { stream: this.#stream, saysMore: this.#reader.heldBytes > 0 }
    const answer = await greet(connect, this.#door, this, source)
    this.#unproven.hold(0)
    // It has left: nobody is told, and nothing was begun.
    if (this.isGone) return
    if (Buffer.isBuffer(answer)) return this.#endWith(answer)
    this.#begin(answer)
  }

  #begin (welcome: Welcome): void {
    const { sender, session, inFlightMax, expiryMs } = welcome
    const { expiresAtMs } = sender.principal
    this.#welcome = welcome
    this.#expiryMs = expiryMs
    this.#phase = 'open'
    this.#deadlines.heard()
    this.#deadlines.keepAliveMs = welcome.keepAliveMs
    if (expiresAtMs !== undefined) this.#deadlines.phaseEndsMs = this.#door.nowMs() + expiresAtMs - Date.now()
    this.#intake = new Intake({ door: this.#door, link: this, sender, session, inFlightMax })
    this.#reader.packetBytesMax = this.#door.config.packetBytesMax
    this.#output.write(welcome.connack)
    this.#pump(this.#reader.heldBytes)
    this.#deadlines.schedule()
  }

  /** Serves every packet that is there. */
  #pump (chunkBytes: number): void {
    const intake = this.#intake
    if (intake === undefined) return
    intake.begin(chunkBytes)
    let packet: Packet | Violation | undefined
    while (this.isOpen && intake.mayTake && (packet = this.#reader.next()) !== undefined) {
      this.#deadlines.packetWhole()
      const violation = packet.type === 'PUBLISH' ? intake.publish(packet) : this.#serve(packet)
      if (violation !== undefined) this.#violated(violation)
    }
    this.#isCut = packet !== undefined && this.isOpen
    if (this.isOpen) intake.end(this.#reader.heldBytes)
    if (this.isOpen && this.#reader.isBegun) this.#deadlines.packetBegun()
    this.#settleReading()
  }

  #serve (packet: Packet | Violation): Violation | undefined {
    if (packet.type === 'violation') return packet
    if (packet.type === 'PUBREL') return this.#release(packet.packetId)
    if (packet.type === 'DISCONNECT') return this.#disconnect(packet)
    const answer = answerTo(packet, this.receiver, this.tellsReasons)
    return answer === undefined ? this.#end(endings.nothingDelivered) : this.#tell(answer)
  }

  /** What is larger than the client takes is not sent (MQTT-3.1.2-24 of version 5). */
  #tell (bytes: Buffer): undefined {
    if (bytes.length > this.receiver.packetBytesMax) return this.#end(endings.answerTooLarge)
    this.#output.add(bytes)
    this.flushSoon()
  }

  #release (packetId: number): undefined {
    const reasonCode = this.#intake?.acknowledging.release(packetId)
    if (reasonCode === undefined) return this.#end(endings.releasedTooEarly)
    this.#tell(completionOf(packetId, reasonCode, this.receiver))
  }

  /** Section 3.14: a normal one takes back the will, and may say how long the session lasts. */
  #disconnect ({ reasonCode, properties: { sessionExpiryInterval } }: DisconnectPacket): undefined {
    const wantedMs = sessionExpiryInterval === undefined ? this.#expiryMs : sessionExpiryInterval * 1_000
    if (this.#expiryMs === 0 && wantedMs > 0) return this.#end(endings.expiryFromNothing)
    this.#expiryMs = Math.min(wantedMs, this.#door.config.sessionExpiryMaxMs)
    // Messages before it are still held, to be sent on together.
    this.#intake?.submit()
    this.#writeOut()
    this.#leave({ clean: reasonCode === reasonCodes.success })
    this.#stream.end()
  }

  #violated (violation: Violation): void {
    this.#door.refused(refusalOf(violation), this.peer, this.#welcome?.sender.principal)
    this.#end({ reasonCode: violation.reasonCode, properties: { reasonString: violation.detail } })
  }

  flushSoon (): void {
    if (this.#isDirty) return
    this.#isDirty = true
    this.#door.flushSoon(this)
  }

  flush (): void {
    this.#isDirty = false
    this.#intake?.submit()
    if (!this.isOpen) return
    this.#writeOut()
    this.#settleReading()
    if (this.#door.ingress.draining.on && this.#intake?.sentCount === 0) this.#end(endings.stopping)
  }

  #writeOut (): void {
    if (this.#intake !== undefined) this.#output.flush(this.#intake.acknowledging)
    if (!this.#output.isFull) return
    this.#deadlines.outputMs = this.#output.deadlineMs
    this.#deadlines.schedule()
  }

  resume (): void {
    if (this.isOpen) this.#intake?.resume(this.#reader.heldBytes)
    else this.#intake?.submit()
    this.#settleReading()
  }

  /** Reads on where there is room for what comes. */
  #settleReading (): void {
    const { draining } = this.#door.ingress
    const mayRead = this.isOpen
      ? !this.#output.isFull && !draining.on && this.#intake?.mayRead === true
      : this.#phase !== 'asking'
    // First what was read already.
    if (mayRead && this.#isCut && this.#intake?.mayTake === true) return this.#pump(0)
    if ((mayRead && !this.#isCut) !== this.#isPaused) return
    this.#isPaused = !this.#isPaused
    if (this.#isPaused) {
      this.#deadlines.pause()
      return void this.#stream.pause()
    }
    this.#deadlines.resume()
    this.#stream.resume()
  }

  wakeAt (atMs: number): void {
    this.#deadlines.wakeAtMs = atMs
    this.#deadlines.schedule()
  }

  onDue (nowMs: number): void {
    if (nowMs >= this.#deadlines.wakeAtMs) {
      this.#deadlines.wakeAtMs = Infinity
      this.resume()
    }
    if (nowMs >= this.#output.deadlineMs) this.#stream.destroy()
    else if (nowMs >= this.#deadlines.phaseEndsMs) this.#phaseOver()
    else if (this.#deadlines.isSilent(nowMs)) this.#end(endings.silent)
    else if (this.#deadlines.isSlow(nowMs)) {
      this.#endWith(this.isOpen ? disconnectOf(endings.tooSlow, this.receiver) : undefined)
    }
    this.#deadlines.outputMs = this.#output.deadlineMs
    this.#deadlines.schedule()
  }

  #phaseOver (): void {
    this.#deadlines.phaseEndsMs = Infinity
    if (this.isOpen) return this.revoke()
    if (this.#phase === 'greeting') return this.#endWith(undefined)
    this.#intake?.abandon({ all: true })
    this.#stream.destroy()
  }

  endFor (reasonCode: number, refusal: Refusal): void {
    this.#end({ reasonCode, properties: refusalProperties(refusal) })
  }

  takenOver (): void { this.#end(endings.takenOver) }
  revoke (): void { this.#end(endings.revoked) }

  holdOff (refusal: Refusal): void {
    if (this.#welcome !== undefined) this.#door.holdOffs.add(this.#welcome.sender)
    this.endFor(reasonCodes.unspecifiedError, refusal)
  }

  drain (): void {
    // One that is asking is told in its turn.
    if (this.#phase === 'greeting') return this.#endWith(undefined)
    this.#settleReading()
    this.flushSoon()
  }

  /** What is due is acknowledged, then the client is told why, as far as its version has words. */
  #end (ending: Ending): undefined {
    if (!this.isOpen) return
    this.#writeOut()
    this.#endWith(disconnectOf(ending, this.receiver))
  }

  #endWith (bytes: Buffer | undefined): undefined {
    this.#leave({ clean: false })
    this.#unproven.hold(0)
    if (bytes !== undefined && this.#stream.writable) this.#stream.write(bytes)
    this.#stream.end()
    this.#settleReading()
  }

  /** Leaves its session, once. Whatever is heard from now on is dropped. */
  #leave ({ clean }: { readonly clean: boolean }): void {
    if (this.#phase === 'ended') return
    this.#phase = 'ended'
    this.#isCut = false
    this.#deadlines.leave(this.#door.nowMs() + partingMs)
    const welcome = this.#welcome
    if (welcome === undefined) return
    this.#intake?.abandon({ all: this.#door.ingress.draining.on })
    const { will, session } = welcome
    if (clean && will !== undefined) this.#door.wills.drop(will)
    session.leave({ expiryMs: this.#expiryMs, will: clean ? undefined : will })
  }

  #closed (): void {
    this.#leave({ clean: false })
    this.#unproven.hold(0)
    this.#door.members.delete(this)
    if (this.#intake === undefined || this.#intake.heldCount === 0) this.#deadlines.cancel()
    this.#door.look()
  }
}
