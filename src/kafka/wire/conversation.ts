// Sends requests over a socket and matches their answers, which come in the same order; bounds the time to an answer.

import type { Socket } from 'node:net'
import type { Clock } from '../clock.ts'
import { KafkaError } from '../kafka-error.ts'
import { apis, beginRequest, finish } from './apis.ts'
import type { Api, RequestHead } from './apis.ts'
import { Frames } from './frames.ts'
import { Reader } from './reader.ts'
import { surface } from './surface.ts'
import type { Writer } from './writer.ts'

/** A request, and how its answer is read. */
export interface Question<Answer> {
  readonly api: Api
  readonly version: number
  write (writer: Writer): void
  /** An error where the reader is broken, which ends the connection, or where the broker answers so. */
  read (reader: Reader): Answer | KafkaError
}

/** A request that writes itself, as pieces that are sent as one. */
export interface Parcel {
  readonly api: Api
  readonly version: number
  write (head: RequestHead): readonly Buffer[]
}

/** Told of the end of one request: one of the two, once. */
export interface Waiter {
  /** Reads the answer. An error: it cannot be read, and `failed` is told too. */
  answered (reader: Reader): KafkaError | undefined
  failed (error: Error): void
}

export interface ConversationOptions {
  readonly clock: Clock
  readonly requestTimeoutMs: number
  readonly clientId: string
  /** Nothing that comes after this can be used. */
  failed (error: Error): void
  /** The last request that waited was answered. */
  quiet (): void
}

interface Waiting {
  readonly correlationId: number
  readonly sentAtMs: number
  /** Whether the header of the answer has tagged fields. */
  readonly tagged: boolean
  readonly waiter: Waiter
}

export class Conversation {
  readonly #socket: Socket
  readonly #options: ConversationOptions
  readonly #frames = new Frames(frame => { this.#take(frame) })
  /** In the order of their sending. */
  readonly #waiting: Waiting[] = []
  #correlationId = 0
  #answeredCount = 0
  #ended: Error | undefined
  #stopWatching: (() => void) | undefined

  constructor (socket: Socket, options: ConversationOptions) {
    this.#socket = socket
    this.#options = options
    socket.on('data', (chunk: Buffer) => {
      const mistake = this.#ended === undefined ? this.#frames.push(chunk) : undefined
      if (mistake !== undefined) options.failed(new KafkaError(mistake))
    })
  }

  get waitingCount (): number { return this.#waiting.length }
  get answeredCount (): number { return this.#answeredCount }

  /** The waiter is never told before this has returned. */
  send (parcel: Parcel, waiter: Waiter): void {
    const { api, version } = parcel
    const { clock, clientId } = this.#options
    const ended = this.#ended
    if (ended !== undefined) return queueMicrotask(() => { waiter.failed(ended) })
    const correlationId = this.#correlationId = (this.#correlationId + 1) & 0x7fffffff
    const pieces = parcel.write({ api, version, correlationId, clientId })
    // Answers to ApiVersions never have tagged fields in their header, so that every client can read them (KIP-511).
    const tagged = api.flexible && api !== apis.apiVersions
    this.#waiting.push({ correlationId, sentAtMs: clock.nowMs(), tagged, waiter })
    this.#watch()
    this.#socket.cork()
    for (const piece of pieces) this.#socket.write(piece)
    this.#socket.uncork()
  }

  ask<Answer> (question: Question<Answer>, told: (answer: Answer | Error) => void): void {
    const { api, version } = question
    const write = (head: RequestHead): Buffer[] => {
      const writer = beginRequest(head)
      question.write(writer)
      return [finish(writer)]
    }
    this.send({ api, version, write }, {
      answered (reader) {
        const answer = question.read(reader)
        if (reader.broken && answer instanceof KafkaError) return answer
        told(answer)
        return undefined
      },
      failed: told
    })
  }

  /** Rejects with whatever error there is instead of an answer. */
  demand<Answer> (question: Question<Answer>): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.ask(question, answer => {
        if (answer instanceof Error) reject(answer)
        else resolve(answer)
      })
    })
  }

  /** Whatever waits is told so; nothing is sent or read any more. */
  end (error: Error): void {
    this.#ended = error
    this.#stopWatching?.()
    for (const { waiter } of this.#waiting.splice(0)) tellFailed(waiter, error)
  }

  /** One timer for the oldest request; it looks again when that one was answered. */
  #watch (): void {
    const [oldest] = this.#waiting
    if (this.#stopWatching !== undefined || oldest === undefined) return
    const { clock, requestTimeoutMs, failed } = this.#options
    this.#stopWatching = clock.after(oldest.sentAtMs + requestTimeoutMs - clock.nowMs(), () => {
      this.#stopWatching = undefined
      const [first] = this.#waiting
      const isLate = first !== undefined && first.sentAtMs + requestTimeoutMs <= clock.nowMs()
      if (isLate) failed(new KafkaError('no answer in time', { code: 'ETIMEDOUT' }))
      else this.#watch()
    })
  }

  #take (frame: Buffer): void {
    if (this.#ended !== undefined) return
    const reader = new Reader(frame)
    const correlationId = reader.int32()
    const first = this.#waiting[0]
    if (first?.correlationId !== correlationId) {
      return this.#options.failed(new KafkaError('the broker sent an answer that nobody waits for'))
    }
    this.#waiting.shift()
    this.#answeredCount++
    if (first.tagged) reader.tags()
    const mistake = readBy(first.waiter, reader)
    if (mistake !== undefined) {
      tellFailed(first.waiter, mistake)
      this.#options.failed(mistake)
    } else if (this.#waiting.length === 0) this.#options.quiet()
  }
}

function readBy (waiter: Waiter, reader: Reader): KafkaError | undefined {
  try {
    return waiter.answered(reader)
  } catch (error) {
    surface(error)
    return undefined
  }
}

function tellFailed (waiter: Waiter, error: Error): void {
  try {
    waiter.failed(error)
  } catch (thrown) {
    surface(thrown)
  }
}
