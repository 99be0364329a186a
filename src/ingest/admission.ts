// Who may still come in: the byte budget, a queue no longer than its deadline allows, and a fair share for each sender.

import type { Signal } from '../contract/adapter.ts'
import type { Principal } from '../contract/envelope.ts'
import { refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'

/** The face of the node's byte budget that admission needs. */
export interface ByteBudget {
  take (bytes: number): boolean
  give (bytes: number): void
  leasedBytes (): number
  readonly bytesMax: number
}

export interface Admission {
  reserve (bytes: number, principal: Principal): Refusal | undefined
  release (bytes: number, principal: Principal): void
  /** Told of every event that was written, with its size and its time from receiving to receipt. */
  written (bytes: number, durationMs: number): void
  readonly pressure: Signal
  /** Looks at the node's level and at this worker's pace again. To be called every `checkMs`. */
  check (): void
  /** When to come back, for somebody who finds no room: what is ahead, at the pace of the moment; with jitter. */
  retryAfterMs (): number
  readonly gauges: ReadonlyMap<string, () => number>
}

export interface AdmissionOptions {
  readonly budget: ByteBudget
  /** Workers that share the budget. */
  readonly workersCount: number
  /** How long an event should be on its way at most while more comes in than goes out, in milliseconds. */
  readonly delayTargetMs: number
}

/** A signal and the function that sets it. */
export function createSignal (): { signal: Signal, set: (on: boolean) => void } {
  const listeners = new Set<(on: boolean) => void>()
  let on = false
  return {
    signal: {
      get on () { return on },
      watch (listener) {
        listeners.add(listener)
        return () => { listeners.delete(listener) }
      }
    },
    set (value) {
      if (value === on) return
      on = value
      for (const listener of listeners) listener(value)
    }
  }
}

/** How often `check` looks. */
export const checkMs = 100

const highWatermark = 0.8
const lowWatermark = 0.6
const retryAfterMinMs = 1_000
const retryAfterMaxMs = 30_000
/** Even at the slowest pace so much may be under way in a worker: else a pace could never be seen to grow. */
const underWayBytesMin = 524_288
/** Where even the fastest event of an interval took so long, something was always waiting: the pace is all there is. */
const backlogMs = 100
/** How many intervals in a row must show that. */
const backlogIntervals = 3
/** After so many intervals without anything under way, nothing is known of the pace any more. */
const idleIntervalsMax = 100
/** No queue is longer than this many times the delay target: it would be served after its deadlines. */
const backlogTargets = 2
/** How much the latest interval counts in the pace: what is written comes in bursts, which are not the pace. */
const paceShare = 0.06

/**
 * Admission over a byte budget. Above 80% of it nobody comes in but those below their share, and doors that can wait
 * are told to; below 60% they go on. While even the fastest events take longer than the target, so much may be under
 * way as is written within the target; while there is a backlog at all, twice as much. Where room is short,
 * whoever has more under way than an equal share of it is refused.
 */
export function createAdmission (options: AdmissionOptions): Admission {
  return new PacedAdmission(options)
}

class PacedAdmission implements Admission {
  readonly pressure: Signal
  readonly gauges: ReadonlyMap<string, () => number>
  readonly #options: AdmissionOptions
  readonly #setPressure: (on: boolean) => void
  /** What senders have under way; those only that have something. */
  readonly #bytesOf = new Map<string, number>()
  #underWayBytes = 0
  #writtenBytes = 0
  /** Of the present interval; Infinity while nothing was written. */
  #fastestMs = Infinity
  #bytesPerMs = 0
  /** Intervals since the last in which something was written, itself included, while something was under way. */
  #intervalCount = 0
  #idleCount = 0
  #slow = false
  #backlogCount = 0

  constructor (options: AdmissionOptions) {
    const { signal, set } = createSignal()
    this.#options = options
    this.pressure = signal
    this.#setPressure = set
    this.gauges = new Map([
      ['admitted_bytes', () => this.#underWayBytes],
      ['admitted_limit_bytes', () => this.#capacityBytes()],
      ['admitted_senders', () => this.#bytesOf.size],
      ['written_bytes_per_second', () => this.#bytesPerMs * 1_000]
    ])
  }

  reserve (bytes: number, principal: Principal): Refusal | undefined {
    const { budget } = this.#options
    if (bytes > budget.bytesMax) {
      return refuse('too-large', `${bytes} bytes are more than this gateway's whole buffer of ${budget.bytesMax}`)
    }
    if (this.#isShort(bytes, principal)) return this.#overloaded()
    if (!budget.take(bytes)) {
      this.#setPressure(true)
      return this.#overloaded()
    }
    this.#underWayBytes += bytes
    this.#bytesOf.set(principal.name, (this.#bytesOf.get(principal.name) ?? 0) + bytes)
    return undefined
  }

  release (bytes: number, principal: Principal): void {
    this.#options.budget.give(bytes)
    this.#underWayBytes -= bytes
    const leftBytes = (this.#bytesOf.get(principal.name) ?? 0) - bytes
    if (leftBytes > 0) this.#bytesOf.set(principal.name, leftBytes)
    else this.#bytesOf.delete(principal.name)
    if (this.pressure.on && this.#level() < lowWatermark) this.#setPressure(false)
  }

  written (bytes: number, durationMs: number): void {
    this.#writtenBytes += bytes
    if (durationMs < this.#fastestMs) this.#fastestMs = durationMs
  }

  check (): void {
    this.#measure()
    const level = this.#level()
    if (level > highWatermark) this.#setPressure(true)
    else if (level < lowWatermark) this.#setPressure(false)
  }

  retryAfterMs (): number {
    const aheadMs = this.#bytesPerMs === 0 ? retryAfterMinMs : this.#underWayBytes / this.#bytesPerMs
    const waitMs = Math.min(retryAfterMaxMs, Math.max(retryAfterMinMs, aheadMs))
    return Math.round(waitMs + Math.random() * waitMs)
  }

  #level (): number {
    const { budget } = this.#options
    return budget.leasedBytes() / budget.bytesMax
  }

  #measure (): void {
    const { delayTargetMs } = this.#options
    // Where even the fastest event of an interval was slow, it was the queue that made it so.
    this.#intervalCount++
    if (this.#fastestMs !== Infinity) {
      // What a slow sink writes comes in bursts. One that stood still for long was not slow, but away.
      const count = Math.min(this.#intervalCount, Math.max(1, delayTargetMs / checkMs))
      const latest = this.#writtenBytes / (count * checkMs)
      const past = this.#bytesPerMs === 0 ? 0 : (1 - paceShare) ** count
      this.#bytesPerMs = this.#bytesPerMs * past + latest * (1 - past)
      this.#intervalCount = 0
      this.#slow = this.#fastestMs > (this.#slow ? delayTargetMs / 2 : delayTargetMs)
      this.#backlogCount = this.#fastestMs > backlogMs ? this.#backlogCount + 1 : 0
    }
    if (this.#underWayBytes === 0) this.#rest()
    else this.#idleCount = 0
    this.#writtenBytes = 0
    this.#fastestMs = Infinity
  }

  #rest (): void {
    this.#slow = false
    this.#intervalCount = 0
    if (++this.#idleCount > idleIntervalsMax) this.#backlogCount = 0
  }

  get #backlogged (): boolean { return this.#backlogCount >= backlogIntervals }

  /** Bytes that may be under way in this worker. */
  #capacityBytes (): number {
    const { budget, workersCount, delayTargetMs } = this.#options
    const shareBytes = budget.bytesMax * highWatermark / workersCount
    if (!this.#backlogged) return shareBytes
    const timeMs = this.#slow ? delayTargetMs : backlogTargets * delayTargetMs
    return Math.min(shareBytes, Math.max(underWayBytesMin, this.#bytesPerMs * timeMs))
  }

  /** True where there is no room for more of this sender. */
  #isShort (bytes: number, { name }: Principal): boolean {
    const isFull = this.#level() > highWatermark
    if (!isFull && !this.#backlogged && !this.pressure.on) return false
    const capacityBytes = this.#capacityBytes()
    if (!isFull && this.#underWayBytes + bytes <= capacityBytes) return false
    // Who has nothing under way may always try: a share must be usable whatever its size.
    const heldBytes = this.#bytesOf.get(name) ?? 0
    return heldBytes > 0 && heldBytes + bytes > capacityBytes / this.#bytesOf.size
  }

  #overloaded (): Refusal {
    return refuse('overloaded', 'more is under way than this gateway can deliver; send again later', {
      retryAfterMs: this.retryAfterMs()
    })
  }
}
