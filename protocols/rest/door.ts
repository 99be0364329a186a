// What all requests of one REST door share: its settings, the ingress, who is under way, a coarse clock, request ids.

import { randomBytes } from 'node:crypto'
import type { Ingress, Log } from '../../src/contract/adapter.ts'
import { LiveList } from '../../src/contract/live-list.ts'
import type { Listed } from '../../src/contract/live-list.ts'
import type { RestConfig } from './config.ts'
import { noCors } from './cors.ts'
import type { Cors } from './cors.ts'
import { createForwarding } from './forwarding.ts'
import type { SenderOf } from './forwarding.ts'

/** A request under way, as the door's clock and its drain see it. */
export interface Live extends Listed {
  /** Called about every `sweepMs` while the request is under way. */
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
  readonly #live = new LiveList<Live>()
  /** Milliseconds between two ticks. Time limits of bodies are kept to within one. */
  readonly sweepMs: number
  /** Ticks since the first listener was attached: time for limits, without asking a clock per request. */
  tick = 0
  reservedBytes = 0
  streamsCount = 0
  readonly #idPrefix = randomBytes(6).toString('base64url')
  #idCount = 0
  #timer: NodeJS.Timeout | undefined

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
      if (on) this.#live.each(request => { request.drain() })
    })
    this.#timer = setInterval(() => {
      this.tick += 1
      this.#live.round(this.sweepMs, request => { request.sweep(this.tick) })
    }, this.sweepMs).unref()
  }

  get liveCount (): number { return this.#live.all.length }

  begin (request: Live): void { this.#live.begin(request) }

  end (request: Live): void { this.#live.end(request) }

  /** Resolves when no request is under way. */
  async drain (): Promise<void> {
    await this.#live.idle()
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
