// What all requests of one REST door share: its settings, the ingress, who is under way, a coarse clock, request ids.

import { randomBytes } from 'node:crypto'
import type { Ingress, Log } from '../../src/contract/adapter.ts'
import type { RestConfig } from './config.ts'
import { noCors } from './cors.ts'
import type { Cors } from './cors.ts'
import { createForwarding } from './forwarding.ts'
import type { SenderOf } from './forwarding.ts'

/** A request under way, as the door's clock and its drain see it. */
export interface Live {
  /** Where the door keeps it; -1: nowhere. Only the door sets it. */
  liveAt: number
  /** Called every `sweepMs` while the request is under way. */
  sweep (tick: number): void
  /** The gateway began to stop. */
  drain (): void
}

const idPattern = /^[A-Za-z0-9._:/+=@-]{1,128}$/

/** One per adapter. */
export class Door {
  readonly config: RestConfig
  readonly ingress: Ingress
  readonly log: Log
  readonly cors: Cors
  readonly senderOf: SenderOf
  // Not a Set: one that gains and loses members makes itself anew all the time, and each old table keeps everything
  // it held, and the next table, from the quick collector of new objects. Those are whole requests.
  readonly #live: Live[] = []
  /** Milliseconds between two ticks. Time limits of bodies are kept to within one. */
  readonly sweepMs: number
  /** Ticks since the first listener was attached: time for limits, without asking a clock per request. */
  tick = 0
  reservedBytes = 0
  streamsCount = 0
  readonly #idPrefix = randomBytes(6).toString('base64url')
  #idCount = 0
  #timer: NodeJS.Timeout | undefined
  #whenIdle: (() => void)[] = []

  constructor (config: RestConfig, ingress: Ingress, log: Log, cors: Cors = noCors) {
    this.config = config
    this.ingress = ingress
    this.log = log
    this.cors = cors
    this.senderOf = createForwarding(config)
    const shortest = Math.min(config.bodyIdleTimeoutMs, config.bodyTimeoutMs, config.streamIdleTimeoutMs)
    this.sweepMs = Math.max(20, Math.min(1_000, Math.floor(shortest / 4)))
  }

  /** The sender's id for its request where it is fit to be logged, else one of our own. */
  requestId (received: string | undefined): string {
    if (received !== undefined && idPattern.test(received)) return received
    this.#idCount = (this.#idCount + 1) % 0x7fffffff
    return `${this.#idPrefix}-${this.#idCount.toString(36)}`
  }

  ticks (ms: number): number {
    return Math.ceil(ms / this.sweepMs)
  }

  start (): void {
    if (this.#timer !== undefined) return
    this.ingress.draining.watch(on => {
      if (on) for (const request of [...this.#live]) request.drain()
    })
    this.#timer = setInterval(() => {
      this.tick += 1
      for (const request of [...this.#live]) request.sweep(this.tick)
    }, this.sweepMs).unref()
  }

  get liveCount (): number { return this.#live.length }

  begin (request: Live): void {
    request.liveAt = this.#live.push(request) - 1
  }

  end (request: Live): void {
    const { liveAt } = request
    const last = liveAt < 0 ? undefined : this.#live.pop()
    if (last !== undefined && last !== request) {
      this.#live[liveAt] = last
      last.liveAt = liveAt
    }
    request.liveAt = -1
    if (this.#live.length > 0 || this.#whenIdle.length === 0) return
    const waiting = this.#whenIdle
    this.#whenIdle = []
    for (const resolve of waiting) resolve()
  }

  /** Resolves when no request is under way. */
  async drain (): Promise<void> {
    if (this.#live.length > 0) await new Promise<void>(resolve => { this.#whenIdle.push(resolve) })
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
