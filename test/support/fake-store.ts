// A store of leases without a server: counts as the scripts do, by a clock that the test moves, and breaks when told.

import { setImmediate as turn } from 'node:timers/promises'
import type { Grant, LeaseClock, LeaseOrder, LeaseStore } from '../../src/redis/lease.ts'
import { bucketHoldMs } from '../../src/redis/lease.ts'
import type { ManualClock } from './manual-clock.ts'

/** Lets time go by in steps, with room for promises between them. */
export async function passSlowly (clock: ManualClock, ms: number, stepMs = 1): Promise<void> {
  for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
    clock.pass(Math.min(stepMs, leftMs))
    await turn()
  }
}

export class FakeStore {
  readonly clock: LeaseClock & ManualClock
  /** On the way there, and again on the way back. */
  latencyMs = 1
  /** What every question is answered with, until it is undefined again; `silence`: nothing. */
  broken: Error | 'silence' | undefined
  roundTripsCount = 0
  readonly orders: LeaseOrder[] = []
  readonly #counts = new Map<string, number>()

  constructor (clock: ManualClock) { this.clock = clock }

  /** The way of one worker. */
  open (): LeaseStore {
    return {
      connect: () => this.#answer(() => {}),
      lease: orders => {
        this.roundTripsCount++
        return this.#answer(() => orders.map(order => this.#grant(order)))
      },
      drop () {}
    }
  }

  /** Like a restart without any file. */
  forget (): void { this.#counts.clear() }

  #answer<T> (work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.clock.after(this.latencyMs, () => {
        const { broken } = this
        if (broken === 'silence') return
        if (broken !== undefined) return reject(broken)
        const result = work()
        this.clock.after(this.latencyMs, () => { resolve(result) })
      })
    })
  }

  #grant (order: LeaseOrder): Grant {
    this.orders.push(order)
    const { settings, place, needUnits, leastUnits, aheadUnits } = order
    const share = (left: number): number => {
      if (left < leastUnits || left < 1) return 0
      const needed = Math.min(left, needUnits)
      return needed + Math.min(aheadUnits, Math.floor((left - needed) / 4))
    }
    const count = this.#counts.get(place) ?? 0
    if (settings.kind === 'window') {
      const units = share(settings.unitsMax - count)
      this.#counts.set(place, count + units)
      return { units, leftUnits: settings.unitsMax - count - units, waitMs: units < needUnits ? 1e6 : 0, holdMs: 1e6 }
    }
    const nowMs = this.clock.nowMs()
    const unitMs = 1e3 / settings.unitsPerSecondMax
    const holdMs = bucketHoldMs(settings)
    let fullMs = Math.max(nowMs, count)
    const units = share(Math.max(0, Math.floor(settings.burstUnits - (fullMs - nowMs) / unitMs + 1e-9)))
    if (units > 0) fullMs = Math.max(fullMs, nowMs + holdMs) + units * unitMs
    this.#counts.set(place, fullMs)
    const missingMs = fullMs - nowMs - (settings.burstUnits - leastUnits) * unitMs
    return { units, leftUnits: 0, waitMs: units < needUnits ? Math.max(1, Math.ceil(missingMs)) : 0, holdMs }
  }
}
