// What all calls of one gRPC door share: its settings, the ingress, who is under way, a coarse clock, turns of streams.

import type { Ingress, Log } from '../../src/contract/adapter.ts'
import { LiveList } from '../../src/contract/live-list.ts'
import type { Listed } from '../../src/contract/live-list.ts'
import type { GrpcConfig } from './config.ts'
import { Inflating } from './inflating.ts'

/** A call under way, as the door's clock and its drain see it. */
export interface Live extends Listed {
  /** Events that have been passed on and have no outcome yet. */
  readonly openCount: number
  /** True for a stream of events. */
  readonly streams: boolean
  readonly principal: { readonly name: string }
  /** Called about every `sweepMs` while the call is under way. */
  sweep (tick: number): void
  /** The gateway began to stop. */
  drain (): void
  /** The access of its principal has ended. */
  revoke (): void
  /** The node became short of memory, or is so no more. */
  press (on: boolean): void
}

/** A connection, as the door's clock and its drain see it. */
export interface Attached extends Listed {
  /** Called about every `sweepMs` while it is open. */
  sweep (tick: number): void
  /** The gateway began to stop: nothing new is to begin. */
  giveNotice (): void
  /** The last call is over. */
  leave (): void
  endOthers (): void
}

/** What has something to do at the end of this turn of the event loop. */
export interface Turning { turn (): void }

/** One per adapter. */
export class Door {
  readonly config: GrpcConfig
  readonly ingress: Ingress
  readonly log: Log
  // Not a Set, whose old tables would keep calls that are over; see the door of REST.
  readonly #live = new LiveList<Live>()
  /** Milliseconds between two ticks. Time limits are kept to within one. */
  readonly sweepMs: number
  tick = 0
  readonly inflating: Inflating
  reservedBytes = 0
  readonly connections = new LiveList<Attached>()
  /** Connections that were cut because they asked too much. */
  cutCount = 0
  #turning: Turning[] = []
  #timer: NodeJS.Timeout | undefined
  #stops: (() => void)[] = []

  constructor (config: GrpcConfig, ingress: Ingress, log: Log) {
    this.config = config
    this.ingress = ingress
    this.log = log
    this.inflating = new Inflating(config.messageBytesMax)
    const shortestMs = Math.min(
      config.streamIdleTimeoutMs, config.messageTimeoutMs, config.writeTimeoutMs, config.connectionAgeGraceMs,
      config.connectionIdleMs
    )
    this.sweepMs = Math.max(20, Math.min(250, Math.floor(shortestMs / 4)))
  }

  ticks (ms: number): number { return Math.ceil(ms / this.sweepMs) }

  start (): void {
    if (this.#timer !== undefined) return
    const { draining, pressure } = this.ingress
    this.#stops = [
      draining.watch(on => { if (on) this.#beginDrain() }),
      pressure.watch(on => { this.#live.each(call => { call.press(on) }) }),
      this.ingress.watchRevoked(name => { this.#live.each(one => { if (one.principal.name === name) one.revoke() }) })
    ]
    this.#timer = setInterval(() => {
      this.tick += 1
      this.#live.round(this.sweepMs, call => { call.sweep(this.tick) })
      this.connections.round(this.sweepMs, one => { one.sweep(this.tick) })
      this.inflating.turn()
    }, this.sweepMs).unref()
  }

  /** Who connects from now on is told why nothing is taken, and goes at the end. */
  #beginDrain (): void {
    this.#live.each(call => { call.drain() })
    this.connections.each(one => { one.giveNotice() })
  }

  get callsCount (): number { return this.#live.all.length }
  get streamsCount (): number { return this.#live.all.filter(({ streams }) => streams).length }
  get eventsCount (): number { return this.#live.all.reduce((sum, { openCount }) => sum + openCount, 0) }

  begin (call: Live): void { this.#live.begin(call) }

  end (call: Live): void { this.#live.end(call) }

  /** Calls `turn` once everything that this turn of the event loop has read is there. The caller asks once per turn. */
  schedule (one: Turning): void {
    if (this.#turning.push(one) === 1) setImmediate(() => { this.#turn() })
  }

  #turn (): void {
    const now = this.#turning
    this.#turning = []
    for (const one of now) one.turn()
  }

  /** Resolves when no call is under way. Connections are leaving then. */
  async drain (): Promise<void> {
    await this.#live.idle()
    clearInterval(this.#timer)
    this.#timer = undefined
    for (const stop of this.#stops) stop()
    this.#stops = []
    this.connections.each(one => {
      one.leave()
      one.endOthers()
    })
  }
}
