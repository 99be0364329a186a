// What one key of a worker has leased: units that may be used until they lapse, and how many are asked for how often.

import type { Grant } from './lease.ts'

/** Demand of so long is leased ahead. */
const aheadMs = 100
/** Who asks more rarely than that in this time gets a lease when it asks. */
const asksCountMin = 2
/** Over less than that, demand says nothing. */
const observedMsMin = 20

/** Two leases at most: the one in use and the one fetched before it is used up. */
export class Leases {
  units = 0
  endsAtMs = 0
  nextUnits = 0
  nextEndsAtMs = 0
  /** Until then the store has not so many units. */
  emptyUntilMs = -Infinity
  emptyForUnits = Infinity
  #grantedUnits = 0
  #askedUnits = 0
  #asksCount = 0
  #sinceMs: number

  constructor (nowMs: number) { this.#sinceMs = nowMs }

  left (nowMs: number): number {
    return (nowMs < this.endsAtMs ? this.units : 0) + (nowMs < this.nextEndsAtMs ? this.nextUnits : 0)
  }

  /** True: somebody who asks for that much would get no more from the store now. */
  isEmpty (units: number, nowMs: number): boolean {
    return nowMs < this.emptyUntilMs && units >= this.emptyForUnits
  }

  take (units: number, whole: boolean, nowMs: number): number {
    if (nowMs >= this.endsAtMs || this.units === 0) this.#turn()
    const left = this.left(nowMs)
    const taken = Math.min(units, left)
    this.#askedUnits += units
    this.#asksCount++
    if (taken <= 0 || (whole && taken < units)) return 0
    const first = Math.min(taken, nowMs < this.endsAtMs ? this.units : 0)
    this.units -= first
    this.nextUnits -= taken - first
    return taken
  }

  /** Units of the last take that nobody used. The lease that ends first gets them: none are used for longer. */
  give (units: number): void {
    this.units += units
    this.#askedUnits = Math.max(0, this.#askedUnits - units)
  }

  /** True: what is left will not last for long, and there is room for another lease. */
  isLow (nowMs: number): boolean {
    return this.nextUnits === 0 && this.left(nowMs) * 2 < this.#grantedUnits && nowMs >= this.emptyUntilMs
  }

  /**
   * How many units to lease for what comes next: none where nothing may come before they lapse. An ask begins the next
   * observation.
   */
  aheadUnits (nowMs: number): number {
    const observedMs = Math.max(observedMsMin, nowMs - this.#sinceMs)
    const isFrequent = this.#asksCount / observedMs * aheadMs >= asksCountMin
    const units = isFrequent ? Math.floor(this.#askedUnits / observedMs * aheadMs) : 0
    this.#askedUnits = 0
    this.#asksCount = 0
    this.#sinceMs = nowMs
    return units
  }

  add ({ units, waitMs, holdMs }: Grant, wishes: { askedAtMs: number, nowMs: number, leastUnits: number }): void {
    const { askedAtMs, nowMs, leastUnits } = wishes
    this.emptyUntilMs = waitMs > 0 ? nowMs + waitMs : -Infinity
    this.emptyForUnits = leastUnits
    if (units === 0) return
    if (nowMs >= this.endsAtMs || this.units === 0) this.#turn()
    this.#grantedUnits = units
    const endsAtMs = askedAtMs + holdMs
    if (this.units === 0 || nowMs >= this.endsAtMs) {
      this.units = units
      this.endsAtMs = endsAtMs
      return
    }
    // Where a second lease is still there the shorter time holds for both.
    const nextLeft = nowMs < this.nextEndsAtMs ? this.nextUnits : 0
    this.nextEndsAtMs = nextLeft === 0 ? endsAtMs : Math.min(this.nextEndsAtMs, endsAtMs)
    this.nextUnits = nextLeft + units
  }

  #turn (): void {
    this.units = this.nextUnits
    this.endsAtMs = this.nextEndsAtMs
    this.nextUnits = 0
  }
}
