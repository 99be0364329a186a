// The faults that the broker double is told to play: which request each one waits for, and how often it is played.

import { isAbout, isMeant, within } from './request-log.ts'
import type { About, Match, SeenRequest } from './request-log.ts'

/** About single partitions (of Produce), topics (of Metadata) or the whole answer (of the others). */
export type PartFault =
  /** Answers with this code; `written`: and the batch is in the log all the same. */
  { readonly error: number, readonly written?: boolean, readonly invalidRecords?: readonly number[] } |
  /** The answer leaves it out. */
  { readonly omitted: true, readonly written: boolean }

/** About a whole request and its connection. */
export type RequestFault =
  /** The answer comes so late; until then the connection is not read. */
  { readonly lateMs: number } |
  /** The answer asks the client to pause (KIP-219). */
  { readonly throttleMs: number } |
  /** Nothing is answered on this connection any more. 'before': nothing is done any more either; 'after': all is. */
  { readonly silent: 'before' | 'after' } |
  /** The connection ends before the request is looked at, after it was done, or with half of the answer. */
  { readonly drop: 'before' | 'after' | 'inside' } |
  /** The answer comes byte by byte. */
  { readonly drip: true } |
  /** The size in front of the answer is this one. */
  { readonly frameBytes: number } |
  /** The answer is one to another request: what it says of this one's parts is not so, they are untouched. */
  { readonly correlation: 'wrong' } |
  /** The connection stands still in both directions, until `release`; new ones work. */
  { readonly stall: true }

export type Fault = PartFault | RequestFault

export interface Play {
  /** How often it was played. */
  readonly count: number
  /** Resolves once it was played so often. */
  played (count?: number, timeoutMs?: number): Promise<void>
  /** Lets what it stalls go on. */
  release (): void
  /** It is not played any more. */
  cancel (): void
}

const waitMs = 15_000

function isPart (fault: Fault): fault is PartFault {
  return 'error' in fault || 'omitted' in fault
}

class Rule implements Play {
  readonly match: Match
  readonly fault: Fault
  #left: number
  #waiters: { readonly count: number, readonly found: () => void }[] = []
  #stalled: (() => void)[] = []
  count = 0

  constructor (match: Match, fault: Fault, times: number) {
    this.match = match
    this.fault = fault
    this.#left = times
  }

  get isOver (): boolean { return this.#left <= 0 }

  play (): void {
    this.#left--
    this.count++
    const isDue = ({ count }: { readonly count: number }): boolean => count <= this.count
    for (const { found } of this.#waiters.filter(isDue)) found()
    this.#waiters = this.#waiters.filter(one => !isDue(one))
  }

  played (count = 1, timeoutMs = waitMs): Promise<void> {
    if (this.count >= count) return Promise.resolve()
    return within(`the fault ${JSON.stringify(this.fault)} to be played ${count} times`, timeoutMs, found => {
      this.#waiters.push({ count, found })
    })
  }

  /** Resolves at the next `release`. */
  released (): Promise<void> {
    return new Promise(resolve => { this.#stalled.push(resolve) })
  }

  release (): void {
    for (const go of this.#stalled.splice(0)) go()
  }

  cancel (): void {
    this.#left = 0
  }
}

/** A fault of a whole request, and what ends a stall. */
export interface Playing { readonly fault: RequestFault, released (): Promise<void> }

export class Script {
  #rules: Rule[] = []

  add (match: Match, fault: Fault, times: number): Play {
    const rule = new Rule(match, fault, times)
    this.#rules.push(rule)
    return rule
  }

  /** The faults of a request's parts; of several that match one, the oldest. */
  partFaults (request: SeenRequest): ReadonlyMap<About, PartFault> {
    const found = new Map<About, PartFault>()
    for (const rule of this.#open()) {
      const { match, fault } = rule
      if (!isPart(fault) || !isMeant(match, request)) continue
      const parts = request.about.filter(about => isAbout(match, about) && !found.has(about))
      for (const about of parts) found.set(about, fault)
      if (parts.length > 0) rule.play()
    }
    return found
  }

  requestFault (request: SeenRequest): Playing | undefined {
    for (const rule of this.#open()) {
      const { match, fault } = rule
      if (isPart(fault) || !isMeant(match, request)) continue
      rule.play()
      return { fault, released: () => rule.released() }
    }
    return undefined
  }

  #open (): readonly Rule[] {
    this.#rules = this.#rules.filter(({ isOver }) => !isOver)
    return this.#rules
  }
}
