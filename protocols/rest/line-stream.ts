// A stream of lines, each one event: ingests them as they come, answers one result line each, in order, within bounds.

import { refuse } from '../../src/contract/outcome.ts'
import type { Outcome, Refusal, Settler } from '../../src/contract/outcome.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import type { Flow, Intake } from './body.ts'
import { wrapJson } from './decode.ts'
import type { Exchange } from './exchange.ts'
import { LineSplitter } from './line-splitter.ts'
import type { LineSink } from './line-splitter.ts'
import { doorProblem, endingText, problemOf } from './reply.ts'
import type { Problem } from './reply.ts'
import { ResultLines } from './result-lines.ts'

/** Results are forgotten together, when all of them are written: after this many lines the stream waits for that. */
const resultsCountMax = 65_536

/** In place of an outcome that was written. */
const told = 'told'

/** Ticket n is the n-th line since the results were last forgotten. */
export class LineStream implements Intake, Settler, LineSink {
  flow: Flow
  readonly #exchange: Exchange
  readonly #splitter: LineSplitter
  readonly #unwatch: () => void
  /** Events of the chunk in hand that have not been passed on yet; they are the last lines. */
  #envelopes: Envelope[] = []
  /** What the lines of the chunk in hand get where the budget did not grant it. */
  #shed: Refusal | undefined
  /** The same for the first line of the chunk in hand, where that began in an earlier one. */
  #shedBefore: Refusal | undefined
  #waiting: Buffer | undefined
  #results: (Outcome | typeof told | undefined)[] = []
  readonly #lines: ResultLines
  readonly #bytes: number[] = []
  #writtenCount = 0
  #unsettledCount = 0
  #firstIndex = 0
  #paused = false
  #ended = false
  #gone = false
  #ending: Problem | undefined
  #scheduled = false
  #concluded = false
  #bytesOut = 0
  readonly #flush = (): void => { this.#write() }

  constructor (exchange: Exchange) {
    const { door, response } = exchange
    this.#exchange = exchange
    this.flow = exchange
    this.#lines = new ResultLines(bytes => { exchange.writeLines(bytes) })
    this.#splitter = new LineSplitter(this, door.config.lineBytesMax)
    this.#unwatch = door.ingress.pressure.watch(() => { this.#advance() })
    response.on('drain', () => { this.#advance() })
    response.on('close', () => { if (!this.#concluded) this.abort() })
    door.streamsCount += 1
  }

  take (chunk: Buffer): void {
    if (this.#ended) return
    // A stream may go on for days: each line is as old as the chunk that completed it.
    this.#exchange.receivedAtMs = Date.now()
    this.#shedBefore = this.#splitter.isHolding ? this.#shedBefore ?? this.#shed : undefined
    this.#shed = this.#exchange.reserve(chunk.length)
    // Refused bytes are read all the same, so that each line is told; nothing of them is kept.
    if (this.#shed !== undefined) this.#exchange.held.claim(chunk.length)
    this.#push(chunk)
    this.#advance()
  }

  #push (chunk: Buffer): void {
    this.#waiting = this.#splitter.push(chunk)
    this.#pass()
  }

  /** Hands the collected events on as one call. */
  #pass (): void {
    const envelopes = this.#envelopes
    if (envelopes.length === 0) return
    this.#envelopes = []
    this.#exchange.door.ingress.ingestMany(envelopes, this, this.#results.length - envelopes.length)
  }

  ready (): boolean {
    if (this.#results.length - this.#writtenCount < this.#exchange.door.config.linesInFlightMax) {
      return this.#results.length < resultsCountMax
    }
    return false
  }

  line (line: Buffer, bytes: number): void {
    const refusal = this.#shedBefore ?? this.#shed
    this.#shedBefore = undefined
    if (refusal !== undefined) return this.#refused(refusal, bytes)
    this.#open(bytes)
    this.#envelopes.push(wrapJson(this.#exchange, line, false))
  }

  longLine (bytes: number): void {
    const { lineBytesMax } = this.#exchange.door.config
    this.#shedBefore = undefined
    this.#refused(refuse('too-large', `this line is above ${lineBytesMax} bytes; send smaller events`), bytes)
  }

  skipped (bytes: number): void {
    this.#shedBefore = undefined
    this.#exchange.held.release(bytes)
  }

  #open (bytes: number): void {
    this.#results.push(undefined)
    this.#bytes.push(bytes)
    this.#unsettledCount += 1
  }

  #refused (refusal: Refusal, bytes: number): void {
    this.#pass()
    this.#open(bytes)
    this.#exchange.door.ingress.refused(refusal, this.#exchange)
    this.settle(this.#results.length - 1, refusal)
  }

  settle (ticket: number, outcome: Outcome): void {
    if (this.#results[ticket] !== undefined) return
    this.#results[ticket] = outcome
    this.#unsettledCount -= 1
    this.#exchange.held.release(this.#bytes[ticket] ?? 0)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#flush)
  }

  /** Writes the results that are complete up to the first that is not: one write for a turn of the event loop. */
  #write (): void {
    this.#scheduled = false
    while (this.#writtenCount < this.#results.length) {
      const outcome = this.#results[this.#writtenCount]
      if (outcome === undefined || outcome === told) break
      if (!this.#gone) this.#lines.add(this.#firstIndex + this.#writtenCount, outcome)
      this.#results[this.#writtenCount] = told
      this.#writtenCount += 1
    }
    this.#lines.flush()
    if (this.#writtenCount === this.#results.length) this.#forget()
    this.#advance()
  }

  #forget (): void {
    this.#firstIndex += this.#results.length
    this.#results = []
    this.#bytes.length = 0
    this.#writtenCount = 0
  }

  /** Goes on as far as the bounds allow: with lines that wait, with reading, or with the end. */
  #advance (): void {
    if (this.#gone || this.#ending !== undefined) return this.#conclude()
    while (this.#waiting !== undefined && this.ready() && !this.#held()) this.#push(this.#waiting)
    if (this.#waiting === undefined && this.#ended) return this.#conclude()
    const hold = this.#waiting !== undefined || this.#held()
    if (hold === this.#paused) return
    this.#paused = hold
    if (hold) this.flow.pause()
    else this.flow.resume()
  }

  #held (): boolean {
    const { door, response } = this.#exchange
    return door.ingress.pressure.on || response.writableLength > door.config.resultBytesMax
  }

  #conclude (): void {
    if (this.#unsettledCount > 0 || this.#scheduled || this.#concluded) return
    this.#concluded = true
    this.#unwatch()
    this.#exchange.door.streamsCount -= 1
    const problem = this.#ending
    if (this.#gone) this.#exchange.finish()
    else if (problem === undefined) this.#exchange.endLines('')
    else if (this.#firstIndex === 0 && !this.#exchange.response.headersSent) this.#exchange.problem(problem)
    else this.#exchange.endLines(endingText(problem) + '\n')
  }

  end (): void {
    if (this.#ended) return
    this.#splitter.end()
    this.#pass()
    this.#ended = true
    this.#advance()
  }

  /** The sender is gone: what was ingested stays so, a line that is not complete is not an event. */
  abort (): void {
    this.#stop()
    this.#gone = true
    this.#conclude()
  }

  fail (refusal: Refusal): void {
    this.#end(problemOf(refusal))
  }

  drain (): void {
    this.#end(problemOf(refuse('shutting-down', 'this gateway is stopping; send the rest on a new connection')))
  }

  #end (problem: Problem): void {
    if (this.#ended || this.#ending !== undefined) return
    this.#stop()
    this.#ending = problem
    this.#conclude()
  }

  #stop (): void {
    this.#exchange.held.release(this.#splitter.drop() + (this.#waiting?.length ?? 0))
    this.#waiting = undefined
    this.#ended = true
    if (!this.#paused) this.flow.pause()
    this.#paused = true
  }

  sweep (tick: number): void {
    const { door, response, request } = this.#exchange
    const { streamIdleTimeoutMs } = door.config
    const bytesOut = response.socket?.bytesWritten ?? 0
    const moves = this.#unsettledCount > 0 || bytesOut !== this.#bytesOut || door.ingress.pressure.on
    if (moves) this.#exchange.lastTick = tick
    this.#bytesOut = bytesOut
    if (tick - this.#exchange.lastTick <= door.ticks(streamIdleTimeoutMs)) return
    if (response.writableLength > 0) return void request.destroy()
    this.#end(doorProblem('request-timeout', `no line came for ${streamIdleTimeoutMs} ms; send the rest again`))
  }
}
