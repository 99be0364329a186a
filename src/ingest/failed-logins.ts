// Wrong credentials by address: who fails too often is answered without being asked, for longer each time.

import { siteOf } from '../contract/address.ts'
import type { Peer } from '../contract/envelope.ts'
import { refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'
import type { Table, TableSettings } from '../contract/table.ts'

export interface FailedLogins {
  /** What a peer is told before anybody looks at its credentials; undefined: they are looked at. */
  heldUp (peer: Peer): Refusal | undefined
  /** Counts what is found out about this peer as under way until it is known. `answer` never rejects. */
  during<T> (peer: Peer, answer: Promise<T>): Promise<T>
  /** It showed a credential, and that was wrong. */
  failed (peer: Peer): void
  succeeded (peer: Peer): void
  readonly gauges: ReadonlyMap<string, () => number>
}

export interface FailedLoginOptions {
  /** Failures of one address within a minute in the whole node; 0: no bound. */
  readonly failedLoginsMax: number
  /** Those of `failedLoginTables`, in its order. */
  readonly tables: readonly Table[]
}

const windowMs = 60_000
/** How many times its failures an address may have under way while none of them has counted yet. */
const underWayFactor = 4
const backoffMinMs = 1_000
const backoffMaxMs = 300_000
/** How often the time may double, and after how long one doubling is forgotten. */
const doublingsMax = 9
const doublingForgottenMs = 600_000

/** Addresses that the node counts. Above it some share a count, where a wrong credential may cost a wait early. */
const addressesMax = 65_536
/** The same for checks under way, which are no more than connections, and for addresses that are held up. */
const addressesHeldMax = 16_384

/** What the node keeps by address: failures, which wear off over the window, checks under way, who is held up. */
export function failedLoginTables (failedLoginsMax: number): TableSettings[] {
  if (failedLoginsMax === 0) return []
  return [
    {
      kind: 'bucket', keysMax: addressesMax, burstUnits: failedLoginsMax,
      unitsPerSecondMax: failedLoginsMax * 1_000 / windowMs
    },
    { kind: 'level', keysMax: addressesHeldMax, levelMax: underWayFactor * failedLoginsMax },
    { kind: 'memory', keysMax: addressesHeldMax, knownMsMax: backoffMaxMs, exact: true },
    {
      kind: 'bucket', keysMax: addressesHeldMax, burstUnits: doublingsMax,
      unitsPerSecondMax: 1_000 / doublingForgottenMs
    }
  ]
}

/** One worker's view. All of it is counted for the node, so that every worker gives an address the same answer. */
export function createFailedLogins (options: FailedLoginOptions): FailedLogins {
  return new FailedLoginTable(options)
}

class FailedLoginTable implements FailedLogins {
  readonly gauges: ReadonlyMap<string, () => number>
  readonly #max: number
  readonly #failures: Table | undefined
  readonly #checks: Table | undefined
  readonly #held: Table | undefined
  readonly #doublings: Table | undefined
  /** Peers whose last credential was right: nobody at the same address can hold them up. */
  readonly #proven = new WeakSet<Peer>()
  /** Checks under way here by site, of peers that are not proven: no more sites than requests that wait for theirs. */
  readonly #underWay = new Map<string, number>()
  #failedCount = 0
  #heldUpCount = 0

  constructor ({ failedLoginsMax, tables: [failures, checks, held, doublings] }: FailedLoginOptions) {
    this.#max = failedLoginsMax
    this.#failures = failures
    this.#checks = checks
    this.#held = held
    this.#doublings = doublings
    this.gauges = new Map([
      ['logins_under_way', () => [...this.#underWay.values()].reduce((sum, count) => sum + count, 0)],
      ['failed_logins_total', () => this.#failedCount],
      ['logins_held_up_total', () => this.#heldUpCount]
    ])
  }

  heldUp (peer: Peer): Refusal | undefined {
    if (this.#max === 0 || this.#proven.has(peer)) return undefined
    const key = siteOf(peer.address)
    const leftMs = this.#held?.read(key, 1).waitMs ?? 0
    if (leftMs <= 0) return this.#crowded(key)
    this.#heldUpCount++
    return refuse('rate-limited', 'too many wrong credentials came from your address; mend them and come back later', {
      retryAfterMs: Math.ceil(leftMs)
    })
  }

  /**
   * Guesses that are under way when an address is held up are looked at all the same: so they are bounded, by the
   * failures that it has left. Many may come at once from an address that has not failed, such as a proxy's.
   */
  #crowded (key: string): Refusal | undefined {
    const most = underWayFactor * this.#max
    if (!this.#underWay.has(key)) return undefined
    const count = most - (this.#checks?.read(key, 1).leftUnits ?? most)
    const leftCount = this.#leftCount(key)
    if (count < (leftCount === this.#max ? most : Math.max(1, leftCount))) return undefined
    this.#heldUpCount++
    return refuse('rate-limited', 'too many credentials from your address are being checked; send the event again later', {
      retryAfterMs: backoffMinMs
    })
  }

  async during<T> (peer: Peer, answer: Promise<T>): Promise<T> {
    if (this.#max === 0 || this.#proven.has(peer)) return answer
    const key = siteOf(peer.address)
    this.#underWay.set(key, (this.#underWay.get(key) ?? 0) + 1)
    const takenUnits = this.#checks?.take(key, 1, true) ?? 0
    try {
      return await answer
    } finally {
      this.#checks?.give(key, takenUnits)
      const count = this.#underWay.get(key) ?? 0
      if (count > 1) this.#underWay.set(key, count - 1)
      else this.#underWay.delete(key)
    }
  }

  succeeded (peer: Peer): void {
    if (this.#max > 0) this.#proven.add(peer)
  }

  failed (peer: Peer): void {
    this.#failedCount++
    if (this.#max === 0) return
    this.#proven.delete(peer)
    const key = siteOf(peer.address)
    // Was on its way already when the address was held up.
    if ((this.#held?.read(key, 1).waitMs ?? 0) > 0) return
    const counts = this.#failures?.take(key, 1, true) === 1
    const doublingsCount = doublingsMax - (this.#doublings?.read(key, 1).leftUnits ?? doublingsMax)
    // Who was held up before has no twenty more: the next wrong one holds it up for twice as long.
    if (counts && doublingsCount === 0) return
    const heldMs = Math.min(backoffMaxMs, backoffMinMs * 2 ** doublingsCount)
    // Of those that fail at the same time one counts.
    if (this.#held?.takeOnce?.(key, heldMs) === 'taken') this.#doublings?.take(key, 1, true)
  }

  /** Wrong credentials that the address may still show, whichever worker it comes to. */
  #leftCount (key: string): number {
    return this.#failures?.read(key, 1).leftUnits ?? this.#max
  }
}
