// A table of counts that several nodes share: a worker takes from what it has leased, and fetches leases ahead.

import { createHash } from 'node:crypto'
import type { Table } from '../contract/table.ts'
import type { Grant, LeaseClock, LeaseOrder, SharedSettings } from './lease.ts'
import { Leases } from './leases.ts'
import type { Leasing, LeaseSeeker } from './leasing.ts'

export interface ClusterTableParts {
  readonly settings: SharedSettings
  /** Names the count in the store: the same in every node that is to share it. */
  readonly name: string
  /** The node's own table with the same settings, for `local`. */
  readonly local: Table
  readonly onStoreFailure: 'local' | 'deny' | 'allow'
  readonly leasing: Leasing
  readonly clock: LeaseClock
}

/** Whoever waits for a lease. */
interface Waiter {
  readonly units: number
  readonly whole: boolean
  /** Round trips that were made for it. */
  roundsCount: number
  readonly resolve: (units: number) => void
}

/** A key with its leases. */
interface Holder extends LeaseSeeker {
  readonly leases: Leases
  waiters: Waiter[]
  seeking: boolean
  usedAtMs: number
}

/** Events that wait for one key at once; more are refused until the next answer. */
const waitersMax = 10_000
/** What a refusal advises while the store does not answer, and while an answer is on its way. */
const storelessWaitMs = 1_000
const shortWaitMs = 10
/** Of a second one, because units that were counted on can lapse during the first. */
const roundsCountMax = 2
/** How many keys are looked at for one that can go, when a table is full. */
const evictionTriesCount = 16

export class ClusterTable implements Table {
  readonly settings: SharedSettings
  readonly #parts: ClusterTableParts
  readonly #unitsMax: number
  readonly #holders = new Map<string, Holder>()
  /** What the last `take` took, and the lease in use by then. */
  readonly #last: { holder: Holder | undefined, units: number, endsAtMs: number } =
    { holder: undefined, units: 0, endsAtMs: 0 }

  #storelessCount = 0

  constructor (parts: ClusterTableParts) {
    this.settings = parts.settings
    this.#parts = parts
    this.#unitsMax = parts.settings.kind === 'bucket' ? parts.settings.burstUnits : parts.settings.unitsMax
  }

  take (key: string, units: number, whole: boolean): number {
    const { leasing, clock } = this.#parts
    if (units <= 0 || (whole && units > this.#unitsMax)) return 0
    if (!leasing.isUp) return this.#takeWithout(key, { units, whole })
    const holder = this.#holders.get(key)
    this.#last.holder = holder
    if (holder === undefined) return 0
    const nowMs = holder.usedAtMs = clock.nowMs()
    const { leases } = holder
    const taken = leases.take(units, whole, nowMs)
    this.#last.units = taken
    this.#last.endsAtMs = leases.endsAtMs
    if (taken > 0 && !holder.seeking && leases.isLow(nowMs)) this.#seek(holder)
    return taken
  }

  takeSoon (key: string, units: number, whole: boolean): Promise<number> | undefined {
    const { leasing, clock } = this.#parts
    if (units <= 0 || (whole && units > this.#unitsMax) || !leasing.isUp) return undefined
    const nowMs = clock.nowMs()
    const holder = this.#holderOf(key, nowMs)
    if (holder === undefined || holder.waiters.length >= waitersMax) return undefined
    const { leases } = holder
    if (leases.isEmpty(leastOf({ units, whole }, leases.left(nowMs)), nowMs)) return undefined
    return new Promise(resolve => {
      holder.waiters.push({ units, whole, resolve, roundsCount: 0 })
      this.#seek(holder)
    })
  }

  give (key: string, units: number): void {
    const { leasing, onStoreFailure, local } = this.#parts
    if (!leasing.isUp) {
      if (onStoreFailure === 'local') local.give(key, units)
      return
    }
    const holder = this.#holders.get(key)
    const { holder: lastHolder, units: lastUnits, endsAtMs } = this.#last
    // Units of another lease than the one in use would be usable for longer than they were leased: they are lost.
    if (holder === undefined || holder !== lastHolder || holder.leases.endsAtMs !== endsAtMs || units <= 0) return
    holder.leases.give(Math.min(units, lastUnits))
    this.#last.holder = undefined
  }

  read (key: string, units: number): { leftUnits: number, waitMs: number } {
    const { leasing, onStoreFailure, local, clock } = this.#parts
    if (!leasing.isUp) {
      if (onStoreFailure === 'local') return local.read(key, units)
      if (onStoreFailure === 'allow') return { leftUnits: this.#unitsMax, waitMs: 0 }
      return { leftUnits: 0, waitMs: storelessWaitMs }
    }
    const nowMs = clock.nowMs()
    const leases = this.#holders.get(key)?.leases
    const leftUnits = leases?.left(nowMs) ?? 0
    if (leftUnits >= Math.min(units, this.#unitsMax)) return { leftUnits, waitMs: 0 }
    const waitMs = leases !== undefined && leases.emptyUntilMs > nowMs ? leases.emptyUntilMs - nowMs : shortWaitMs
    return { leftUnits, waitMs: Math.ceil(waitMs) }
  }

  readonly keysCount = (): number => this.#holders.size

  /** Units that are leased and not used. Walks over all keys. */
  leasedUnits (): number {
    const nowMs = this.#parts.clock.nowMs()
    return [...this.#holders.values()].reduce((sum, { leases }) => sum + leases.left(nowMs), 0)
  }

  waitingCount (): number {
    return [...this.#holders.values()].reduce((sum, { waiters }) => sum + waiters.length, 0)
  }

  /** Decisions that were made without the store. */
  storelessCount (): number { return this.#storelessCount }

  #takeWithout (key: string, { units, whole }: Wish): number {
    const { onStoreFailure, local } = this.#parts
    this.#storelessCount++
    if (onStoreFailure === 'local') return local.take(key, units, whole)
    return onStoreFailure === 'allow' ? units : 0
  }

  #seek (holder: Holder): void {
    if (holder.seeking) return
    holder.seeking = true
    this.#parts.leasing.seek(holder)
  }

  /** Undefined: the table is full of keys that somebody waits for. */
  #holderOf (key: string, nowMs: number): Holder | undefined {
    const known = this.#holders.get(key)
    if (known !== undefined) return known
    const { settings, name, clock } = this.#parts
    if (this.#holders.size >= settings.keysMax && !evict(this.#holders, nowMs)) return undefined
    const made = createHolder({
      settings, place: placeOf(name, key), clock,
      seek: holder => { this.#seek(holder) },
      without: wish => this.#takeWithout(key, wish)
    })
    this.#holders.set(key, made)
    return made
  }
}

type Wish = Pick<Waiter, 'units' | 'whole'>

interface HolderParts {
  readonly settings: SharedSettings
  readonly place: string
  readonly clock: LeaseClock
  readonly seek: (holder: Holder) => void
  /** Takes as it holds without the store. */
  readonly without: (wish: Wish) => number
}

/** What is of use to who wants that and has so much already. */
function leastOf ({ units, whole }: Wish, leftUnits: number): number {
  return whole ? Math.max(1, units - leftUnits) : 1
}

function createHolder ({ settings, place, clock, seek, without }: HolderParts): Holder {
  const leases = new Leases(clock.nowMs())
  let leastUnits = 1
  const holder: Holder = {
    leases, waiters: [], seeking: false, usedAtMs: clock.nowMs(),
    order (): LeaseOrder {
      const nowMs = clock.nowMs()
      const leftUnits = leases.left(nowMs)
      let waitedUnits = 0
      leastUnits = holder.waiters.length === 0 ? 1 : Infinity
      for (const waiter of holder.waiters) {
        waiter.roundsCount++
        waitedUnits += waiter.units
        leastUnits = Math.min(leastUnits, leastOf(waiter, leftUnits))
      }
      const needUnits = Math.max(0, waitedUnits - leftUnits)
      return { settings, place, needUnits, leastUnits, aheadUnits: leases.aheadUnits(nowMs) }
    },
    answered (grant: Grant | undefined, askedAtMs: number): void {
      holder.seeking = false
      const nowMs = clock.nowMs()
      const asking = holder.waiters
      holder.waiters = []
      if (grant !== undefined) leases.add(grant, { askedAtMs, nowMs, leastUnits })
      for (const waiter of asking) {
        const { units, whole, resolve } = waiter
        const taken = grant === undefined ? without(waiter) : leases.take(units, whole, nowMs)
        const hopes = taken === 0 && grant !== undefined && waiter.roundsCount < roundsCountMax &&
          !leases.isEmpty(leastOf(waiter, leases.left(nowMs)), nowMs)
        if (hopes) holder.waiters.push(waiter)
        else resolve(taken)
      }
      if (holder.waiters.length > 0) seek(holder)
    }
  }
  return holder
}

/** Makes room for one key: of some at the front, the one not used for longest. What it has leased is lost. */
function evict (holders: Map<string, Holder>, nowMs: number): boolean {
  let oldest: string | undefined
  let oldestMs = Infinity
  let triesCount = 0
  for (const [key, holder] of holders) {
    if (triesCount++ >= evictionTriesCount) break
    const isFree = !holder.seeking && holder.leases.left(nowMs) === 0
    const usedAtMs = isFree ? -Infinity : holder.usedAtMs
    if (holder.seeking || usedAtMs >= oldestMs) continue
    oldest = key
    oldestMs = usedAtMs
  }
  if (oldest === undefined) return false
  holders.delete(oldest)
  return true
}

/** Keys are hashed: of bounded length, and nobody who reads the store learns who sends. */
function placeOf (name: string, key: string): string {
  return createHash('sha256').update(name).update('\0').update(key).digest('base64url').slice(0, 27)
}
