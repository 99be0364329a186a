// What all connections of one WebSocket door share: settings, ingress, who is there, a coarse clock, a flush per turn.

import { WebSocketServer } from 'ws'
import type { Ingress, Log } from '../../src/contract/adapter.ts'
import { LiveList } from '../../src/contract/live-list.ts'
import type { Listed } from '../../src/contract/live-list.ts'
import { createOriginRule } from '../../src/contract/origin.ts'
import type { OriginRule } from '../../src/contract/origin.ts'
import type { WebsocketConfig } from './config.ts'
import { protocolOf } from './offers.ts'
import { Unread } from './unread.ts'

/** A connection, as the door's clock and signals see it. */
export interface Live extends Listed {
  readonly principalName: string | undefined
  /** True from `waitForTurn` on, until its turn comes. */
  waits: boolean
  /** What it waited for is there: others have read, or it is its turn. */
  goOn (): void
  /** Called about every `roundMs`. */
  sweep (nowMs: number): void
  /** Writes what was settled in this turn of the event loop. */
  flush (): void
  /** The node's pressure went on or off. */
  pressed (): void
  drain (): void
  revoke (): void
  readonly levels: Levels
}

/** What one connection holds now. */
export interface Levels {
  readonly inFlightCount: number
  readonly reservedBytes: number
  readonly queuedBytes: number
  readonly unsentBytes: number
  readonly isPaused: boolean
  readonly isProven: boolean
}

/** Longest pieces of a message: what many small ones would cost is far above their bytes. */
const fragmentsMax = 1_024
const chunksMax = 4_096
/** How long a peer may take to answer a close before its socket is cut. */
const closeMs = 2_000
/** Events that all connections together may have refused in a turn of the event loop; then others wait for the next. */
const refusedPerTurnMax = 256
/** Under pressure a window is so many times smaller. */
const pressureDivisor = 8
/** Of the coarse clock, to a round. */
const ticksPerRound = 10

export class Door {
  readonly config: WebsocketConfig
  readonly ingress: Ingress
  readonly log: Log
  readonly mayConnect: OriginRule
  readonly sockets: WebSocketServer
  /** Each connection is looked at once in about so many milliseconds: time limits are kept to within that. */
  readonly roundMs: number
  /** Coarse: of the last tick. On `performance.now()`. */
  nowMs = performance.now()
  /** Events refused in this turn of the event loop. */
  refusedCount = 0
  readonly unread: Unread
  /** Read by all connections although there was no room for it. */
  unpaidBytes = 0
  /** Connections whose messages may be compressed. */
  compressedCount = 0
  readonly #live = new LiveList<Live>()
  #settled: Live[] = []
  /** First come, first served. */
  #waiting: Live[] = []
  #isFlushPlanned = false
  #timer: NodeJS.Timeout | undefined
  #unwatch: (() => void)[] = []
  readonly #flush = (): void => {
    const settled = this.#settled
    this.#settled = []
    this.#isFlushPlanned = false
    this.refusedCount = 0
    this.#serve()
    for (const one of settled) one.flush()
    if (this.#waiting.length > 0) this.#flushLater()
  }

  constructor (config: WebsocketConfig, ingress: Ingress, log: Log) {
    this.config = config
    this.ingress = ingress
    this.log = log
    this.unread = new Unread(config.unreadBytesMax)
    this.mayConnect = createOriginRule(config.origins)
    this.sockets = new WebSocketServer({
      noServer: true, clientTracking: false, skipUTF8Validation: false, maxPayload: config.messageBytesMax,
      perMessageDeflate: config.compression && deflate, handleProtocols: offered => protocolOf(offered) ?? false,
      autoPong: true, allowSynchronousEvents: true, ...limits
    })
    const { pingIntervalMs, pongTimeoutMs, idleTimeoutMs, messageTimeoutMs, writeTimeoutMs } = config
    const shortest = Math.min(
      pingIntervalMs, pongTimeoutMs, idleTimeoutMs, messageTimeoutMs, writeTimeoutMs, config.authenticateTimeoutMs,
      config.overloadTimeoutMs
    )
    this.roundMs = Math.max(20, Math.min(1_000, Math.floor(shortest / 4)))
  }

  start (): void {
    if (this.#timer !== undefined) return
    const { draining, pressure } = this.ingress
    this.#unwatch = [
      draining.watch(on => { if (on) this.#live.each(one => { one.drain() }) }),
      pressure.watch(() => { this.#live.each(one => { one.pressed() }) }),
      this.ingress.watchRevoked(name => { this.#live.each(one => { if (one.principalName === name) one.revoke() }) })
    ]
    let tick = 0
    this.#timer = setInterval(() => {
      this.nowMs = performance.now()
      tick = (tick + 1) % ticksPerRound
      if (tick === 0) this.#live.round(this.roundMs, one => { one.sweep(this.nowMs) })
    }, this.roundMs / ticksPerRound).unref()
  }

  /** Once for all connections that have something to tell: one write each, at the end of the turn. */
  flushSoon (one: Live): void {
    this.#settled.push(one)
    this.#flushLater()
  }

  #flushLater (): void {
    if (this.#isFlushPlanned) return
    this.#isFlushPlanned = true
    setImmediate(this.#flush)
  }

  /** Calls `goOn` when fewer events have been refused in a turn. It costs next to nothing to have one refused. */
  waitForTurn (one: Live): void {
    if (one.waits) return
    one.waits = true
    this.#waiting.push(one)
    this.#flushLater()
  }

  #serve (): void {
    while (!this.isCrowded) {
      const one = this.#waiting.shift()
      if (one === undefined) return
      one.waits = false
      one.goOn()
    }
  }

  /** Events of one connection that may be in flight now. */
  get window (): number {
    const { windowEventsMax } = this.config
    return this.ingress.pressure.on ? Math.max(1, Math.floor(windowEventsMax / pressureDivisor)) : windowEventsMax
  }

  /** True where whoever has had events refused waits for a turn of its own. */
  get isCrowded (): boolean { return this.refusedCount >= refusedPerTurnMax }

  /** True where whoever reads more without room is closed. */
  get isOverdrawn (): boolean { return this.unpaidBytes > this.config.unpaidBytesMax }

  get liveCount (): number { return this.#live.all.length }

  /** Connections that wait for their turn to have events refused. */
  get waitingCount (): number { return this.#waiting.length }

  /** The sum of a level over all connections. For gauges only: it looks at each of them. */
  sum (level: (levels: Levels) => number): number {
    return this.#live.all.reduce((sum, { levels }) => sum + level(levels), 0)
  }

  begin (one: Live): void { this.#live.begin(one) }

  end (one: Live): void { this.#live.end(one) }

  /** Resolves when no connection is open and no event of one is in flight. */
  async drain (): Promise<void> {
    await this.#live.idle()
    clearInterval(this.#timer)
    this.#timer = undefined
    for (const stop of this.#unwatch) stop()
    this.#unwatch = []
  }
}

// Not yet in the types of the library.
const limits: object = { maxFragments: fragmentsMax, maxBufferedChunks: chunksMax, closeTimeout: closeMs }

/**
 * One message is worked on at a time: more threads would take the core that the worker has. No state is kept between
 * them, but ws keeps its memory.
 */
const deflate = {
  serverNoContextTakeover: true, clientNoContextTakeover: true, serverMaxWindowBits: 11, concurrencyLimit: 1,
  threshold: 1_024, zlibDeflateOptions: { level: 1, memLevel: 6 }
}
