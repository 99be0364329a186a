// One call from its metadata to its status: who sends, what is reserved for it, when it is over.

import type { ServerHttp2Stream } from 'node:http2'
import type { Credentials } from '../../src/contract/adapter.ts'
import type { Attributes, Peer, Principal } from '../../src/contract/envelope.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { readTraceparent, readTracestate } from '../../src/contract/trace-context.ts'
import { headerOf, Metadata } from './attributes.ts'
import type { Connection } from './connection.ts'
import type { Shared } from './decode.ts'
import type { Door, Live } from './door.ts'
import { Messages, uncompressed } from './messages.ts'
import type { Recipient } from './messages.ts'
import { endingOf } from './reply.ts'
import type { Ending } from './reply.ts'

/** What the library does for a call. It reads nothing of it. */
export interface Wire {
  start (listener: Listener): void
  sendMessage (message: Buffer, written: () => void): void
  sendStatus (status: Ending): void
}

/** What the library tells of a call. */
interface Listener {
  onReceiveMetadata (): void
  /** Not told, nor the next: only of what it was asked to read. */
  onReceiveMessage (): void
  onReceiveHalfClose (): void
  onCancel (): void
}

/** What a call is made from. */
export interface CallParts {
  readonly door: Door
  readonly connection: Connection
  readonly wire: Wire
  readonly stream: ServerHttp2Stream
  /** The headers as they came: names and values, one after the other. */
  readonly pairs: readonly string[]
}

/** RFC 9113 section 7. */
const cancelCode = 0x8
/** What gRPC asks for where a compression is not known ("Compression", "Server"). */
const unimplemented = 12
const nobody: Principal = { name: '', groups: [], anonymous: true }
const stopping = refuse('shutting-down', 'this gateway is stopping; send the events again, on a new connection')
const revoked = refuse('unauthenticated', 'the access of this sender has ended; nothing more is taken on this stream')

export abstract class Call implements Recipient, Listener, Shared, Live, Credentials {
  readonly door: Door
  readonly connection: Connection
  readonly peer: Peer
  readonly attributes: Attributes
  /** When the latest bytes came: a stream goes on for long after it began. */
  receivedAtMs = Date.now()
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
  /** For what is told to the node of a refused call. */
  readonly channel = ''
  abstract readonly streams: boolean
  abstract readonly openCount: number
  principal: Principal = nobody
  liveAt = -1
  /** True once nothing can be told to the client any more. */
  over = false
  /** True once the status is on its way. */
  answered = false
  /** When something last went on. */
  lastTick: number
  protected readonly wire: Wire
  protected readonly stream: ServerHttp2Stream
  protected readonly messages: Messages
  /** True once its sender is known. Nothing of its messages is read before. */
  protected isAdmitted = false
  /** True once the client has closed its side. */
  #hasEnded = false
  #closed = false
  #concluded = false

  constructor ({ door, connection, wire, stream, pairs }: CallParts) {
    this.door = door
    this.connection = connection
    this.peer = connection.peer
    this.wire = wire
    this.stream = stream
    this.attributes = new Metadata(pairs)
    this.traceparent = readTraceparent(this.attributes.get('traceparent'))
    this.tracestate = readTracestate(this.attributes.get('tracestate'), this.traceparent)
    this.lastTick = door.tick
    this.messages = new Messages({
      recipient: this, flow: stream, inflating: door.inflating, encoding: headerOf(pairs, 'grpc-encoding') ?? uncompressed
    })
  }

  begin (): void {
    this.door.begin(this)
    // The library would copy every message three times, and decompress all of them at once.
    this.stream.removeAllListeners('data')
    this.stream.on('data', (chunk: Buffer) => {
      this.receivedAtMs = Date.now()
      this.messages.take(chunk)
    })
    const end = (): void => {
      this.#hasEnded = true
      if (this.isAdmitted) this.messages.end()
    }
    // Of a call without a message the end is told before the call begins.
    if (this.stream.readableEnded) end()
    else this.stream.on('end', end)
    this.stream.once('close', () => { this.#close() })
    this.wire.start(this)
  }

  /** Credentials: there are no arguments beside the metadata. */
  argument (): undefined { return undefined }

  onReceiveMetadata (): void {
    const { ingress, log } = this.door
    if (ingress.draining.on) return this.refuse(stopping)
    const found = ingress.authenticate(this, this.peer)
    if (!(found instanceof Promise)) return this.#authenticated(found)
    found.then(late => { this.#authenticated(late) }, (error: unknown) => {
      log.error({ error }, 'authentication threw')
      this.refuse(refuse('internal', 'who sends could not be found out, for a reason of the gateway'))
    })
  }

  #authenticated (found: Principal | Refusal): void {
    if (this.over || this.answered) return
    if (isRefusal(found)) return this.refuse(found)
    this.principal = found
    this.lastTick = this.door.tick
    if (this.door.ingress.draining.on) return this.refuse(stopping)
    this.isAdmitted = true
    this.admitted()
  }

  protected admitted (): void {
    if (this.#hasEnded) this.messages.end()
    else this.messages.advance()
  }

  onReceiveMessage (): void {}
  onReceiveHalfClose (): void {}

  abstract announced (bytes: number, compressed: boolean): void
  abstract readonly takes: boolean
  abstract readonly reads: boolean
  abstract message (bytes: Buffer): void
  abstract halfClosed (isWhole: boolean): void
  abstract sweep (tick: number): void
  abstract press (on: boolean): void
  /** True once nobody wants what comes in. */
  get isOver (): boolean { return this.over || this.answered }
  /** True where the bytes of the next message are reserved. */
  abstract readonly isPaid: boolean

  /** Nothing can be told any more: everything goes back that does not wait for an outcome. */
  protected abstract gone (): void
  /** Ends so once what has been taken has its outcome. */
  protected abstract endAs (ending: Ending): void
  protected abstract endWith (refusal: Refusal): void

  drain (): void { this.endWith(stopping) }
  revoke (): void { this.endWith(revoked) }
  abstract unreadable (refusal: Refusal): void

  unsupported (encoding: string): void {
    const details = `no message is compressed by "${encoding}" here; use gzip or deflate`
    this.endAs({ code: unimplemented, details: details.toWellFormed(), metadata: null })
  }

  /** Also told after the status, and when a deadline passed: the library has then sent DEADLINE_EXCEEDED. */
  onCancel (): void {
    if (this.over) return
    this.over = true
    this.gone()
  }

  #close (): void {
    this.#closed = true
    this.onCancel()
    this.leave()
  }

  /** Forgets the call, once it is closed and has nothing in flight. */
  protected leave (): void {
    if (!this.#closed || this.openCount > 0 || this.liveAt < 0) return
    this.conclude()
    this.door.end(this)
  }

  /** A call is a request: no more events of it come, and all have their outcomes. Told before the answer. */
  protected conclude (): void {
    if (this.#concluded) return
    this.#concluded = true
    this.door.ingress.conclude(this.principal)
  }

  /** Refuses what never became an event, and ends the call. */
  refuse (refusal: Refusal): void {
    this.door.ingress.refused(refusal, this)
    this.end(endingOf(refusal))
  }

  /** `written` is called when it is on its way. */
  protected send (message: Buffer, written: () => void): void {
    this.connection.countSent()
    this.wire.sendMessage(message, written)
  }

  /** Ends the call with a status. */
  protected end (ending: Ending): void {
    if (this.over || this.answered) return
    this.answered = true
    this.lastTick = this.door.tick
    this.conclude()
    this.wire.sendStatus(ending)
  }

  /** Breaks the call off: its client does not do its part. */
  protected drop (): void {
    if (this.stream.destroyed) return
    // The library would take the end of what it reads for the end of what is sent, and the call for a malformed one.
    this.onCancel()
    this.stream.close(cancelCode)
  }

  /** Answered, and still not closed: the client does not read. */
  protected sweepAnswered (tick: number): void {
    if (tick - this.lastTick > this.door.ticks(this.door.config.writeTimeoutMs)) this.drop()
  }

  protected take (bytes: number): Refusal | undefined {
    const refusal = this.door.ingress.reserve(bytes, this.principal)
    if (refusal === undefined) this.door.reservedBytes += bytes
    return refusal
  }

  protected give (bytes: number): void {
    if (bytes === 0) return
    this.door.reservedBytes -= bytes
    this.door.ingress.release(bytes, this.principal)
  }

  /** Why a message that announces so many bytes is not read. */
  protected tooLarge (bytes: number): Refusal | undefined {
    const { messageBytesMax } = this.door.config
    if (bytes <= messageBytesMax) return undefined
    return refuse('too-large', `a message holds at most ${messageBytesMax} bytes; this one has ${bytes}`)
  }
}
