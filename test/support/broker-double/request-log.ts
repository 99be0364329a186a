// What the broker double was asked, in order, up to a number of requests; waits for one that a test describes.

import type { ApiName } from './versions.ts'

const requestsMax = 20_000
const batchBytesMax = 64 * 1024 * 1024
const waitMs = 15_000

/** What a part of a request is about; a topic of '' and a partition of -1 where the API knows none. */
export interface About { readonly topic: string, readonly partition: number }

/** One batch of a produce request. */
export interface SeenBatch extends About {
  readonly producerId: bigint
  readonly epoch: number
  readonly baseSequence: number
  readonly count: number
  readonly bytes: Buffer
  /** What became of it. 'untouched': a fault kept it from the log. */
  fate: 'stored' | 'repeated' | 'refused' | 'untouched'
  /** In the answer; undefined where there is none for it. */
  code: number | undefined
}

export interface SeenRequest {
  /** On the clock of `performance`. */
  readonly atMs: number
  readonly broker: number
  /** Counted from 1 over all brokers. */
  readonly connection: number
  readonly api: ApiName
  readonly version: number
  readonly clientId: string
  readonly about: readonly About[]
  /** Of a produce request. */
  readonly batches: readonly SeenBatch[]
  /** The whole answer went out as it should, while the connection was still there. */
  answered: boolean
}

/** Which requests are meant; what is left out may be anything. */
export interface Match {
  readonly api?: ApiName
  readonly topic?: string
  readonly partition?: number
  readonly broker?: number
}

export function isAbout ({ topic, partition }: Match, about: About): boolean {
  return (topic ?? about.topic) === about.topic && (partition ?? about.partition) === about.partition
}

export function isMeant (match: Match, request: SeenRequest): boolean {
  return (match.api ?? request.api) === request.api && (match.broker ?? request.broker) === request.broker &&
    request.about.some(about => isAbout(match, about))
}

/** Resolves when `found` is called, rejects with words after a time. */
export function within (what: string, timeoutMs: number, begin: (found: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => { reject(new Error(`not within ${timeoutMs} ms: ${what}`)) }, timeoutMs)
    begin(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

interface Waiter { readonly match: Match, left: number, readonly found: () => void }

export class RequestLog {
  readonly #requests: SeenRequest[] = []
  #batchBytes = 0
  #waiters: Waiter[] = []

  get all (): readonly SeenRequest[] { return this.#requests }

  add (request: SeenRequest): void {
    this.#requests.push(request)
    this.#batchBytes += bytesOf(request)
    while (this.#requests.length > requestsMax || this.#batchBytes > batchBytesMax) {
      const oldest = this.#requests.shift()
      if (oldest === undefined) break
      this.#batchBytes -= bytesOf(oldest)
    }
    for (const waiter of this.#waiters.filter(({ match }) => isMeant(match, request))) {
      if (--waiter.left <= 0) waiter.found()
    }
    this.#waiters = this.#waiters.filter(({ left }) => left > 0)
  }

  /** Resolves once so many requests were seen, those of before included. */
  seen (match: Match, count: number, timeoutMs = waitMs): Promise<void> {
    const left = count - this.#requests.filter(request => isMeant(match, request)).length
    if (left <= 0) return Promise.resolve()
    return within(`${count} requests like ${JSON.stringify(match)}`, timeoutMs, found => {
      this.#waiters.push({ match, left, found })
    })
  }
}

function bytesOf ({ batches }: SeenRequest): number {
  return batches.reduce((sum, { bytes }) => sum + bytes.length, 0)
}
