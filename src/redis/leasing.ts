// Fetches leases for all tables of a worker, one round trip at a time, and knows when the store is gone.

import type { Log } from '../contract/adapter.ts'
import type { Grant, LeaseClock, LeaseOrder, LeaseStore } from './lease.ts'

/** A key that needs a lease. It is asked what it needs when its round trip begins. */
export interface LeaseSeeker {
  order (): LeaseOrder
  /** Called once for each `seek`. Undefined: the store failed. `askedAtMs` is when the round trip began. */
  answered (grant: Grant | undefined, askedAtMs: number): void
}

export interface LeasingParts {
  readonly store: LeaseStore
  readonly connectTimeoutMs: number
  readonly commandTimeoutMs: number
  readonly log: Log
  readonly clock: LeaseClock
}

/** Keys of one round trip; the store runs nothing else meanwhile. */
const batchMax = 256
/** Between the beginnings of two round trips, so that keys gather. */
const everyMs = 2
const retryFirstMs = 100
const retryMostMs = 2_000

/** `up`: leases are fetched. Otherwise the store is being connected to, again and again. */
type Phase = 'idle' | 'up' | 'down' | 'closed'

export class Leasing {
  readonly #parts: LeasingParts
  readonly #seekers = new Set<LeaseSeeker>()
  #phase: Phase = 'idle'
  #underWay = false
  #beganMs = -Infinity
  #retryMs = retryFirstMs
  #cancelTimer = (): void => {}
  #roundTripsCount = 0
  #failuresCount = 0

  readonly gauges: ReadonlyMap<string, () => number> = new Map([
    ['store_up', () => this.isUp ? 1 : 0],
    ['store_keys_waiting', () => this.#seekers.size],
    ['store_round_trips_total', () => this.#roundTripsCount],
    ['store_failures_total', () => this.#failuresCount]
  ])

  constructor (parts: LeasingParts) { this.#parts = parts }

  get isUp (): boolean { return this.#phase === 'up' }

  /** Resolves when the first connection stands or has failed, within `connectTimeoutMs`; goes on trying after that. */
  async start (): Promise<void> {
    if (this.#phase === 'idle') await this.#connect()
  }

  seek (seeker: LeaseSeeker): void {
    if (!this.isUp) return seeker.answered(undefined, -Infinity)
    this.#seekers.add(seeker)
    if (this.#seekers.size === 1 && !this.#underWay) this.#plan()
  }

  close (): void {
    this.#phase = 'closed'
    this.#cancelTimer()
    this.#parts.store.drop()
    this.#refuseAll()
  }

  #plan (): void {
    const { clock } = this.#parts
    const waitMs = Math.max(0, this.#beganMs + everyMs - clock.nowMs())
    this.#cancelTimer = clock.after(waitMs, () => { void this.#roundTrip() })
  }

  async #roundTrip (): Promise<void> {
    const { clock, store, commandTimeoutMs } = this.#parts
    const batch = [...this.#seekers].slice(0, batchMax)
    for (const seeker of batch) this.#seekers.delete(seeker)
    this.#underWay = true
    this.#roundTripsCount++
    const askedAtMs = this.#beganMs = clock.nowMs()
    let grants: readonly Grant[] = []
    try {
      grants = await this.#inTime(store.lease(batch.map(seeker => seeker.order())), commandTimeoutMs)
      this.#retryMs = retryFirstMs
    } catch (error) {
      this.#failed(error)
    }
    this.#underWay = false
    for (const [at, seeker] of batch.entries()) seeker.answered(grants[at], askedAtMs)
    if (!this.isUp) this.#refuseAll()
    else if (this.#seekers.size > 0) this.#plan()
  }

  #failed (error: unknown): void {
    this.#failuresCount++
    this.#parts.store.drop()
    if (this.#phase === 'closed') return
    // The error can carry the address, which is a secret: what went wrong is told by its kind alone.
    const cause = causeOf(error)
    if (this.#phase !== 'down') this.#parts.log.warn({ cause }, 'the store of shared limits failed, onStoreFailure holds')
    this.#phase = 'down'
    this.#cancelTimer = this.#parts.clock.after(this.#retryMs, () => { void this.#connect() })
    this.#retryMs = Math.min(2 * this.#retryMs, retryMostMs)
  }

  async #connect (): Promise<void> {
    const { store, connectTimeoutMs, log } = this.#parts
    try {
      await this.#inTime(store.connect(), connectTimeoutMs)
    } catch (error) {
      this.#failed(error)
      return
    }
    if (this.#phase === 'closed') return
    this.#phase = 'up'
    log.info({}, 'the store of shared limits is there, they count over all nodes')
  }

  #refuseAll (): void {
    const all = [...this.#seekers]
    this.#seekers.clear()
    for (const seeker of all) seeker.answered(undefined, -Infinity)
  }

  #inTime<T> (promise: Promise<T>, ms: number): Promise<T> {
    return new Promise((resolve, reject) => {
      const { clock } = this.#parts
      // An answer that came while this thread was busy is there in time: it is read before the verdict.
      const cancel = clock.after(ms, () => { clock.after(0, () => { reject(new Error('timeout')) }) })
      promise.then(resolve, reject).finally(cancel)
    })
  }
}

/** A word of the store's (READONLY, WRONGPASS, NOPERM) or of the system's (ECONNREFUSED), or a name of an error. */
function causeOf (error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const { code } = error as NodeJS.ErrnoException
  if (code !== undefined && /^[A-Z_]{3,40}$/.test(code)) return code
  if (error.message === 'timeout') return 'timeout'
  const word = /^[A-Z]{3,40}\b/.exec(error.message)?.[0]
  return word ?? error.constructor.name
}
