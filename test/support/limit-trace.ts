// Judges a trace of what a limit let through: never too much at any instant, nothing refused while there was room.

/** What is known of a decision: it was made between two times, and granted so many of the units asked for. */
export interface Decision {
  readonly beforeMs: number
  readonly afterMs: number
  readonly askedUnits: number
  readonly grantedUnits: number
}

export interface Promised { readonly unitsPerSecondMax: number, readonly burstUnits: number }

/**
 * The most units by which any stretch of time had more than burst and rate allow; 0 and below: none had. Counted for
 * a stretch is only what was certainly decided within it, so a limit that holds is never accused.
 */
export function excessUnits (decisions: readonly Decision[], { unitsPerSecondMax, burstUnits }: Promised): number {
  const perMs = unitsPerSecondMax / 1e3
  const byEnd = decisions.filter(({ grantedUnits }) => grantedUnits > 0).sort((a, b) => a.afterMs - b.afterMs)
  const originMs = byEnd[0]?.afterMs ?? 0
  const order = byEnd.map((_one, at) => at)
    .sort((a, b) => (byEnd[b]?.beforeMs ?? 0) - (byEnd[a]?.beforeMs ?? 0))
  const ends = new MostOf(byEnd.map(({ afterMs }) => (originMs - afterMs) * perMs))
  let most = -Infinity
  // From the latest beginning to the earliest: what began later is in the tree already.
  for (const at of order) {
    const decision = byEnd[at]
    if (decision === undefined) continue
    ends.add(at, decision.grantedUnits)
    most = Math.max(most, ends.mostFrom(at) + (decision.beforeMs - originMs) * perMs)
  }
  return most - burstUnits
}

/**
 * The most units that were certainly there, beyond those it granted, when a decision granted fewer than it was asked
 * for; below 1: none was refused without need. What may have been taken before a refusal counts as taken, as
 * late as can be, so a limit that holds is never accused.
 */
export function deniedUnits (decisions: readonly Decision[], { unitsPerSecondMax, burstUnits }: Promised): number {
  const perMs = unitsPerSecondMax / 1e3
  const takes = decisions.filter(({ grantedUnits }) => grantedUnits > 0).sort((a, b) => a.afterMs - b.afterMs)
  const refusals = decisions.filter(one => one.grantedUnits < one.askedUnits).sort((a, b) => a.beforeMs - b.beforeMs)
  const longestMs = takes.reduce((most, { beforeMs, afterMs }) => Math.max(most, afterMs - beforeMs), 0)
  let debtUnits = 0
  let debtAtMs = -Infinity
  let at = 0
  let most = 0
  for (const refusal of refusals) {
    for (let take = takes[at]; take !== undefined && take.afterMs < refusal.beforeMs; take = takes[++at]) {
      debtUnits = Math.max(0, debtUnits - (take.afterMs - debtAtMs) * perMs) + take.grantedUnits
      debtAtMs = take.afterMs
    }
    let owedUnits = Math.max(0, debtUnits - (refusal.beforeMs - debtAtMs) * perMs)
    for (let next = at; next < takes.length; next++) {
      const take = takes[next]
      if (take === undefined || take.afterMs - longestMs > refusal.afterMs) break
      if (take !== refusal && take.beforeMs <= refusal.afterMs) owedUnits += take.grantedUnits
    }
    most = Math.max(most, burstUnits - owedUnits - refusal.grantedUnits)
  }
  return most
}

/** Numbers of which a whole tail can be raised at once, and the largest of a tail be told: a segment tree. */
class MostOf {
  readonly #size: number
  readonly #most: Float64Array
  readonly #raised: Float64Array

  constructor (numbers: readonly number[]) {
    this.#size = 2 ** Math.ceil(Math.log2(Math.max(1, numbers.length)))
    this.#most = new Float64Array(2 * this.#size).fill(-Infinity)
    this.#raised = new Float64Array(2 * this.#size)
    for (const [at, number] of numbers.entries()) this.#most[this.#size + at] = number
    for (let node = this.#size - 1; node > 0; node--) this.#sum(node)
  }

  #sum (node: number): void {
    const below = Math.max(this.#most[2 * node] ?? 0, this.#most[2 * node + 1] ?? 0)
    this.#most[node] = below + (this.#raised[node] ?? 0)
  }

  /** Raises all numbers from `from` on. */
  add (from: number, by: number): void {
    let node = this.#size + from
    this.#raise(node, by)
    for (; node > 1; node >>= 1) {
      if (node % 2 === 0) this.#raise(node + 1, by)
      this.#sum(node >> 1)
    }
  }

  #raise (node: number, by: number): void {
    this.#most[node] = (this.#most[node] ?? 0) + by
    this.#raised[node] = (this.#raised[node] ?? 0) + by
  }

  /** The largest number from `from` on. */
  mostFrom (from: number): number {
    let node = this.#size + from
    let most = this.#most[node] ?? 0
    for (; node > 1; node >>= 1) {
      if (node % 2 === 0) most = Math.max(most, this.#most[node + 1] ?? 0)
      most += this.#raised[node >> 1] ?? 0
    }
    return most
  }
}
