// One connection from its upgrade to its end: what may be read, who sends, what it holds, why it closes.

import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import type { Attributes, Peer, Principal } from '../../src/contract/envelope.ts'
import { isRefusal } from '../../src/contract/outcome.ts'
import type { Refusal, RefusalCode } from '../../src/contract/outcome.ts'
import { Backlog, overshootBytesMax } from './backlog.ts'
import type { Dialogue, Message } from './dialogue.ts'
import type { Door, Levels } from './door.ts'
import { purseOf, unprovenPurseOf } from './holding.ts'
import { Link } from './link.ts'
import { noRoom, Patience } from './patience.ts'
import type { PlainReader } from './plain-frames.ts'
import { findPrincipal } from './proof.ts'
import { authenticatedText, closeCodeOf, closings, windowText } from './reply.ts'
import { Room } from './room.ts'
import { nobody, Stream } from './stream.ts'
import type { Host } from './stream.ts'

export interface SessionParts {
  readonly door: Door
  readonly peer: Peer
  readonly base: Attributes
  readonly socket: WebSocket
  readonly raw: Duplex
  /** Undefined: it is to prove who it is by its first message. */
  readonly principal: Principal | undefined
  readonly dialogue: Dialogue<Session>
}

/** `asking`: who sends is not known. `concluding`: nothing more is read; what is in flight is still told. */
type Phase = 'asking' | 'open' | 'concluding' | 'ended'

/** How long a connection that ends waits for the outcome of its events. */
const concludeMs = 10_000

export class Session implements Host, PlainReader {
  liveAt = -1
  waits = false
  readonly door: Door
  readonly peer: Peer
  readonly base: Attributes
  readonly stream: Stream
  principal: Principal
  receivedAtMs = 0
  readonly channel = ''
  phase: Phase
  readonly #dialogue: Dialogue<Session>
  readonly #link: Link
  readonly #patience: Patience
  readonly #backlog = new Backlog()
  readonly #room: Room
  #toldWindow: number
  /** Of the bytes in hand; 0: none are. */
  #handBytes = 0
  #unprovenBytes = 0
  /** True from when it stood in line until all that it has sent has been taken. */
  #isBehind = false
  #gone = false
  #authenticating = false
  #ending = { code: 0, reason: '', sinceMs: 0 }

  constructor ({ door, peer, base, socket, raw, principal, dialogue }: SessionParts) {
    this.door = door
    this.peer = peer
    this.base = base
    this.principal = principal ?? nobody
    this.phase = principal === undefined ? 'asking' : 'open'
    this.#dialogue = dialogue
    const nowMs = performance.now()
    this.#link = new Link(socket, raw, door, nowMs)
    this.#patience = new Patience(door.config, nowMs)
    this.stream = new Stream(this)
    this.#room = new Room(principal === undefined ? unprovenPurseOf(this) : purseOf(this), this.#link.inflates)
    this.#toldWindow = this.door.window
  }

  get principalName (): string | undefined { return this.phase === 'asking' ? undefined : this.principal.name }

  get levels (): Levels {
    const reservedBytes = this.phase === 'asking' ? 0 : this.#room.reservedBytes
    return {
      inFlightCount: this.stream.inFlightCount, reservedBytes, queuedBytes: this.#backlog.bytes,
      unsentBytes: this.#link.unsentBytes, isPaused: this.#link.isPaused, isProven: this.phase !== 'asking'
    }
  }

  /** Why events of the bytes in hand get no room. */
  get shed (): Refusal | undefined { return this.#room.shed }

  /** True where one more event may be taken. Refusing one needs no room. */
  get mayTake (): boolean {
    if (this.stream.turnCount >= this.door.config.windowEventsMax || !this.stream.mayTake) return false
    if (this.#room.shed !== undefined) return true
    return this.stream.inFlightCount < this.door.window && !this.#room.isStarved && !this.#authenticating &&
      !this.#link.isFull
  }

  get isBetweenMessages (): boolean { return this.#room.isBetweenMessages }
  get hasConcluded (): boolean { return this.phase === 'concluding' || this.phase === 'ended' }

  begin (): void {
    this.door.begin(this)
    const hello = this.#dialogue.hello(this)
    if (hello !== undefined) this.#link.send([hello])
    if (this.door.ingress.draining.on) this.drain()
  }

  /** Bytes have come. False: nobody is to look at them; of a flood the library would take every frame. */
  arrived (bytes: Buffer): boolean {
    this.#room.follow(bytes)
    if (this.hasConcluded) {
      this.#link.late(bytes.length, this.#room.isClosed)
      return false
    }
    this.#handBytes = bytes.length
    this.receivedAtMs = Date.now()
    this.#link.heard(this.door.nowMs)
    if (this.phase === 'asking') this.#unprovenBytes += bytes.length
    const flood = this.#patience.floodOf(this.#room.frames, this.#unprovenBytes)
    if (flood === undefined) this.#room.take(bytes.length)
    else this.conclude(flood.code, flood.reason)
    if (this.phase === 'asking' && this.shed !== undefined) this.conclude(closings.overloaded, this.shed.detail)
    return flood === undefined
  }

  message (data: Buffer, isBinary: boolean): void {
    if (this.hasConcluded) return
    this.#patience.message(this.door.nowMs)
    this.#room.delivered()
    if (this.#handBytes === 0) this.receivedAtMs = Date.now()
    const at = this.#backlog.isEmpty && this.mayTake ? this.#take({ data, isBinary, at: 0 }) : 0
    if (at >= 0) {
      this.#backlog.push({ data, isBinary, at })
      if (this.#backlog.bytes > this.door.config.messageBytesMax + overshootBytesMax) {
        this.conclude(closings.policy, 'too much was sent beyond the window; wait for acks')
      }
    }
    // Inflated messages come one by one, after their bytes.
    if (this.#handBytes === 0) this.#settleDown()
  }

  #take (message: Message): number {
    try {
      return this.#dialogue.take(this, message)
    } catch (error) {
      this.door.log.error({ error }, 'a message of a WebSocket made this door throw')
      this.conclude(closings.fault, 'a fault of this gateway')
      return -1
    }
  }

  /** The bytes that came have been looked at. */
  settled (): void {
    if (this.#handBytes === 0) return
    this.#handBytes = 0
    this.#settleDown()
  }

  #settleDown (): void {
    this.stream.pass()
    this.#room.settle()
    this.#keep()
    if (this.#room.owes && this.door.isOverdrawn) this.conclude(closings.overloaded, noRoom)
    this.#advance()
  }

  #keep (): void {
    if (this.hasConcluded) this.#room.keepOnly(this.stream.openBytes)
    else this.#room.keep(this.stream.openBytes + this.#backlog.bytes)
  }

  /** Why there is no room for an event that needs more than was read for it, because it was inflated. */
  shortOf (bytes: number): Refusal | undefined {
    return this.#link.inflates ? this.#room.cover(this.stream.openBytes + this.#backlog.bytes + bytes) : undefined
  }

  /** Goes on as far as the bounds allow: with messages that wait, and with reading. */
  #advance (): void {
    if (this.hasConcluded) return
    for (let next = this.#backlog.first; next !== undefined && this.mayTake; next = this.#backlog.first) {
      const at = this.#take(next)
      if (this.hasConcluded) break
      if (at >= 0) next.at = at
      else this.#backlog.drop()
    }
    this.stream.pass()
    if (!this.hasConcluded) this.#link.hold(!this.#backlog.isEmpty || !this.mayTake)
    this.#isBehind = this.stream.mustWait || (this.#isBehind && !this.#backlog.isEmpty)
    if (this.stream.mustWait) this.door.waitForTurn(this)
  }

  /** Called by the door, once for all that was settled in a turn of the event loop. */
  flush (): void {
    const told = this.stream.takeTold()
    if (!this.#gone && this.phase !== 'ended') this.#tell(told)
    this.#keep()
    if (this.stream.inFlightCount === 0) {
      if (this.phase === 'concluding') this.#finish()
      if (this.#gone) this.door.end(this)
    }
    this.#advance()
  }

  #tell (told: readonly string[]): void {
    const { window } = this.door
    if (window === this.#toldWindow || this.phase !== 'open' || !this.stream.tells) return this.#link.send(told)
    this.#toldWindow = window
    this.#link.send([...told, windowText(window)])
  }

  pressed (): void {
    const { on } = this.door.ingress.pressure
    if (!on && this.#room.find(false)) this.#advance()
    // Whoever sends nothing now is told when it does.
    if (on ? this.stream.inFlightCount > 0 : this.#toldWindow !== this.door.window) this.door.flushSoon(this)
  }

  /** The first message, or a later one with a fresh credential. */
  authenticate (pairs: readonly string[]): void {
    const found = findPrincipal(this, pairs)
    if (!(found instanceof Promise)) return this.#proved(found)
    this.#authenticating = true
    void found.then(late => {
      this.#authenticating = false
      if (this.hasConcluded) return
      this.#proved(late)
      this.#settleDown()
    })
  }

  #proved (found: Principal | Refusal): void {
    if (isRefusal(found)) {
      this.door.ingress.refused(found, this)
      return this.conclude(closeCodeOf(found.code) ?? closings.policy, found.detail)
    }
    if (this.phase === 'open' && found.name !== this.principal.name) {
      return this.conclude(closings.unauthenticated, 'the credential is another principal\'s; open a connection for it')
    }
    this.principal = found
    if (this.phase === 'asking') {
      this.phase = 'open'
      this.#room.move(purseOf(this), this.#handBytes)
    }
    this.#link.send([authenticatedText(found.name, this.door.window, found.expiresAtMs)])
  }

  refusedFor (code: RefusalCode, detail: string): void {
    const closeCode = this.#dialogue.closeCodeOf(code)
    if (closeCode !== undefined) this.conclude(closeCode, `${code}: ${detail}`)
  }

  /** Reads nothing more, tells what becomes of the events in flight, then closes. */
  conclude (code: number, reason: string): void {
    if (this.hasConcluded) return
    this.phase = 'concluding'
    this.#ending = { code, reason, sinceMs: this.door.nowMs }
    this.#backlog.clear()
    this.#link.hold(true)
    this.door.flushSoon(this)
  }

  #finish (): void {
    this.phase = 'ended'
    this.#link.close(this.#ending.code, this.#ending.reason)
  }
  drain (): void { this.conclude(closings.restart, 'this gateway is stopping; connect again') }
  revoke (): void { this.conclude(closings.unauthenticated, 'access was ended by the operator') }
  goOn (): void { this.#advance() }
  /** The library gave up on what came, and closes. */
  broken (refusal: Refusal): void {
    if (!this.hasConcluded) this.door.ingress.refused(refusal, this)
    this.phase = 'ended'
    this.#keep()
  }

  /** The connection is gone. What was ingested stays ingested; its outcome has no reader any more. */
  closed (): void {
    this.#gone = true
    this.phase = 'ended'
    this.#backlog.clear()
    this.#keep()
    if (this.stream.inFlightCount === 0) this.door.end(this)
  }

  sweep (nowMs: number): void {
    if (this.phase === 'ended') return
    if (this.phase === 'concluding') return nowMs - this.#ending.sinceMs > concludeMs ? this.#finish() : undefined
    if (!this.#link.sweep(nowMs)) return this.#link.cut()
    const isServed = !this.#room.isStarved && !this.#isBehind
    if (this.#room.find(this.door.ingress.pressure.on)) this.#advance()
    const ending = this.#patience.judge(nowMs, {
      isUnproven: this.phase === 'asking' && !this.#authenticating, expiresAtMs: this.principal.expiresAtMs,
      openBytes: this.#room.openBytes, isPaused: this.#link.isPaused, frames: this.#room.frames,
      isBusy: this.stream.inFlightCount > 0 || !this.#backlog.isEmpty, isServed, writtenMs: this.stream.writtenMs
    })
    if (ending !== undefined) this.conclude(ending.code, ending.reason)
  }
}
