// One HTTP request from its first header to its last byte of answer: who sent it, what it holds, what it is told.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Listening } from '../../src/contract/adapter.ts'
import type { Attributes, Envelope, Peer, Principal } from '../../src/contract/envelope.ts'
import { isReceipt, refuse } from '../../src/contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../../src/contract/outcome.ts'
import { discard } from './body.ts'
import type { Flow, Holder, Intake } from './body.ts'
import { RequestCredentials } from './credentials.ts'
import type { Shared } from './decode.ts'
import type { Door, Live } from './door.ts'
import { readHead } from './head.ts'
import type { InflateLimits } from './inflate.ts'
import type { Head } from './head.ts'
import { receiptHeaders, refusalHeaders } from './limit-headers.ts'
import { doorProblem, problemOf, problemText, receiptStatus, receiptText, retryAfterSeconds } from './reply.ts'
import type { Problem } from './reply.ts'
import { listen } from './request-events.ts'
import type { RequestQueue } from './request-queue.ts'
import { Reservation } from './reservation.ts'
import { readTraceparent, readTracestate } from '../../src/contract/trace-context.ts'

/** What becomes of a whole body; null where it has no bytes. */
export type Consume = (exchange: Exchange, body: Buffer | null) => void

/** Where a request came in: its listener, and the others of its connection. */
export interface Origin { readonly listening: Listening, readonly queue: RequestQueue<Exchange> }

/** What a refused request may still send before its connection is closed, and how long it may take for that. */
const lingerBytesMax = 65_536
const lingerMs = 1_000

/** `asking`: who sends, before the body is taken in. `lingering`: answered, but the body is still coming in. */
export type Phase = 'asking' | 'reading' | 'settling' | 'streaming' | 'lingering' | 'done'

/** Settles ticket 0 where the request is one event; a batch and a stream have settlers of their own. */
export class Exchange implements Settler, Live, Holder, Shared {
  readonly door: Door
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly peer: Peer
  readonly head: Head
  readonly credentials: RequestCredentials
  receivedAtMs = Date.now()
  readonly traceparent: string | undefined
  readonly tracestate: string | undefined
  principal: Principal = nobody
  channel = ''
  /** Where the request is one event that was ingested. */
  event: Envelope | undefined
  kong = false
  phase: Phase = 'asking'
  intake: Intake = discard
  flow: Flow
  consume: Consume = unconsumed
  /** True where the sender waits for `100 Continue` before it sends the body. */
  awaitsContinue = false
  /** True where the connection ends with this answer. */
  closes = false
  receivedBytes = 0
  liveAt = -1
  lastTick: number
  readonly startedTick: number
  readonly held: Reservation
  readonly #queue: RequestQueue<Exchange>
  #requestId = ''
  #listens = false

  constructor (door: Door, request: IncomingMessage, response: ServerResponse, { listening, queue }: Origin) {
    this.door = door
    this.#queue = queue
    this.request = request
    this.response = response
    this.peer = door.senderOf(listening.peerOf(request.socket), request)
    this.head = readHead(request)
    this.credentials = new RequestCredentials(this, request)
    this.flow = request
    this.held = new Reservation(this)
    this.traceparent = readTraceparent(this.head.traceparent)
    this.tracestate = readTracestate(this.head.tracestate, this.traceparent)
    this.lastTick = this.startedTick = door.tick
  }

  get requestId (): string {
    return (this.#requestId ||= this.door.requestId(this.head.requestId))
  }

  /** True where the header section announces a body. */
  get hasBody (): boolean {
    const { contentLength, transferEncoding } = this.head
    return transferEncoding !== undefined || (contentLength !== undefined && contentLength > 0)
  }

  /** Starts to read the body into `intake`. */
  read (intake: Intake, phase: 'reading' | 'streaming'): void {
    this.intake = intake
    this.phase = phase
    this.lastTick = this.door.tick
    if (this.awaitsContinue) {
      this.awaitsContinue = false
      this.response.writeContinue()
    }
    const early = this.credentials.play(intake)
    if (early === undefined) return this.#listen()
    this.flow = early
    early.run()
  }

  ask (): void {
    this.phase = 'asking'
    this.intake = discard
    this.pause()
  }

  #listen (): void {
    if (this.#listens) return
    this.#listens = true
    listen(this)
  }

  reserve (bytes: number): Refusal | undefined { return this.held.reserve(bytes) }

  get attributes (): Attributes { return this.credentials.attributes }
  get idempotencyKeyBytesMax (): number { return this.door.config.idempotencyKeyBytesMax }
  get limits (): InflateLimits { return this.door.config }
  pause (): void { this.flow.pause() }
  resume (): void { this.flow.resume() }

  complete (body: Buffer | null): void {
    this.phase = 'settling'
    this.consume(this, body)
  }

  /** The outcome of a request that is one event. */
  settle (_ticket: number, outcome: Outcome): void {
    if (this.phase !== 'settling') return
    if (!isReceipt(outcome)) return this.#tell(outcome)
    const text = receiptText(outcome, this.kong ? '{"message":"message sent",' : '{')
    this.answer(receiptStatus(outcome), 'application/json', text, receiptHeaders(this))
  }

  /** Refuses what never became an event. */
  refuse (refusal: Refusal): void {
    this.door.ingress.refused(refusal, this)
    this.#tell(refusal)
  }

  #tell (refusal: Refusal): void {
    this.problem(problemOf(refusal), refusalHeaders(this, refusal))
  }

  /** Answers with a problem document. `extra` are further headers: name, value, name, value. */
  problem (problem: Problem, extra?: readonly string[]): void {
    const headers = ['x-request-id', this.requestId]
    if (problem.retryAfterMs !== undefined && (problem.status === 429 || problem.status === 503)) {
      headers.push('retry-after', retryAfterSeconds(problem.retryAfterMs))
    }
    if (extra !== undefined) headers.push(...extra)
    if (problem.close) this.closes = true
    this.answer(problem.status, 'application/problem+json', problemText(problem, this.requestId), headers)
  }

  /** Answers at once, releases everything, and lets the rest of the body pass by unread. */
  answer (status: number, contentType: string, text: string, extra?: readonly string[]): void {
    const { response } = this
    if (this.phase === 'done' || this.phase === 'lingering') return
    this.held.conclude()
    if (response.headersSent || response.destroyed) {
      response.destroy()
      return this.finish()
    }
    const textBytes = Buffer.byteLength(text)
    // ASCII is written as latin1, which the platform copies without looking at it.
    const encoding = textBytes === text.length ? 'latin1' : 'utf8'
    const headers = status === 204 ? [] : ['content-type', contentType, 'content-length', String(textBytes)]
    if (extra !== undefined) headers.push(...extra)
    else if (this.head.requestId !== undefined) headers.push('x-request-id', this.requestId)
    const lingers = this.hasBody && !this.request.complete
    if (lingers && this.#leftBytes() > lingerBytesMax) this.closes = true
    if (this.awaitsContinue) this.closes = true
    if (this.#queue.endsWith(this, this.door.ingress.draining.on)) headers.push('connection', 'close')
    headers.push(...this.door.cors.pairs(this.head.origin))
    response.writeHead(status, headers)
    if (lingers && !this.awaitsContinue) {
      response.write(text, encoding)
      return this.#linger()
    }
    response.end(text, encoding)
    this.finish()
  }

  #leftBytes (): number {
    return (this.head.contentLength ?? Infinity) - this.receivedBytes
  }

  /** The answer is out. Closing now could reset the connection before it was read, so a little more is read here. */
  #linger (): void {
    this.intake.abort()
    this.held.releaseAll()
    this.intake = discard
    this.phase = 'lingering'
    this.receivedBytes = 0
    this.lastTick = this.door.tick
    this.#listen()
    this.request.resume()
  }

  chunk (bytes: Buffer): void {
    this.receivedBytes += bytes.length
    if (this.phase === 'lingering') {
      if (this.receivedBytes > lingerBytesMax) this.#leave()
      return
    }
    this.lastTick = this.door.tick
    this.intake.take(bytes)
  }

  bodyEnded (): void {
    if (this.phase === 'lingering') return this.#leave()
    this.intake.end()
  }

  /** The connection is gone. What was ingested stays ingested; its outcome has no reader any more. */
  closed (): void {
    if (this.request.complete || this.phase === 'done' || this.phase === 'settling') return
    const streams = this.phase === 'streaming'
    this.intake.abort()
    if (!streams) this.finish()
  }

  /** Writes result lines; the first ones bring the head with them. */
  writeLines (lines: Buffer | string): void {
    const { response } = this
    if (!response.headersSent) {
      const headers = ['content-type', 'application/x-ndjson', 'x-request-id', this.requestId]
      if (this.#queue.endsWith(this, this.door.ingress.draining.on)) headers.push('connection', 'close')
      headers.push(...this.door.cors.pairs(this.head.origin))
      response.writeHead(200, headers)
    }
    response.write(lines)
  }

  /** The last result lines. */
  endLines (text: string): void {
    if (this.phase !== 'streaming') return
    this.held.conclude()
    if (text !== '' || !this.response.headersSent) this.writeLines(text)
    this.response.end()
    if (this.request.complete) return this.finish()
    this.#linger()
  }

  #leave (): void {
    if (!this.request.complete && this.response.writableEnded) this.request.destroy()
    this.response.end()
    this.finish()
  }

  /** The platform's parser gave up on this connection: nothing more can be read from it. */
  broken (problem: Problem): void {
    this.closes = true
    if (this.phase === 'settling') return
    if (this.phase === 'streaming') this.intake.fail?.(refuse('malformed', problem.detail))
    else this.problem(problem)
    if (this.phase === 'lingering') this.#leave()
  }

  /** Over: everything it held goes back. */
  finish (): void {
    if (this.phase === 'done') return
    this.phase = 'done'
    this.credentials.drop()
    this.held.releaseAll()
    this.#queue.ended()
    this.door.end(this)
  }

  sweep (tick: number): void {
    const { door } = this
    if (this.phase === 'lingering') {
      if (tick - this.lastTick < door.ticks(lingerMs)) return
      this.request.destroy()
      return this.finish()
    }
    if (this.phase === 'streaming') return this.intake.sweep?.(tick)
    if (this.phase !== 'reading') return
    const { bodyIdleTimeoutMs, bodyTimeoutMs } = door.config
    if (tick - this.lastTick > door.ticks(bodyIdleTimeoutMs)) {
      this.problem(doorProblem('request-timeout', `no byte of the body came for ${bodyIdleTimeoutMs} ms; send it again`))
    } else if (tick - this.startedTick > door.ticks(bodyTimeoutMs)) {
      this.problem(doorProblem('request-timeout', `the body was not complete after ${bodyTimeoutMs} ms; send it again`))
    }
  }

  drain (): void { if (this.phase === 'streaming') this.intake.drain?.() }
}

function unconsumed (): void {}
const nobody: Principal = { name: '', groups: [], anonymous: true }
