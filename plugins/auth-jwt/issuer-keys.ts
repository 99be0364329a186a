// The keys of one issuer, held fresh: fetched when first needed, renewed behind the requests, kept while it is down.

import { createLocalJWKSet } from 'jose'
import type { JSONWebKeySet } from 'jose'
import type { Log } from '../../src/contract/adapter.ts'
import { createMemory } from '../../src/contract/memory.ts'
import type { FetchKeys } from './fetch-keys.ts'

export type KeySet = ReturnType<typeof createLocalJWKSet>

export interface IssuerKeys {
  /** The keys now; undefined where there are none: not yet, or none that are young enough. */
  current (): Promise<KeySet | undefined>
  /**
   * Keys that were fetched since, for a token that came at `cameMs` and whose key `stale` has not; undefined where the
   * issuer has no such key. A number: nobody can tell before so many milliseconds are over.
   */
  newer (stale: KeySet, kid: string, cameMs: number): Promise<KeySet | number | undefined>
  /** The time that `newer` goes by. */
  readonly nowMs: () => number
  /** In how many milliseconds to ask again, where there are no keys. */
  retryAfterMs (): number
  readonly unknownCount: () => number
  close (): void
}

export interface IssuerKeysOptions {
  readonly issuer: string
  readonly fetchKeys: FetchKeys
  readonly refreshMs: number
  readonly staleMs: number
  readonly gapMs: number
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  readonly log: Log
}

const firstBackOffMs = 1_000
const backOffMsMax = 60_000
/** For so long a key that an issuer does not have is not looked for again, unless its keys change. */
const unknownMs = 300_000
const unknownMax = 1_000
const kidLengthMax = 256

/** Never asks while an answer is awaited, nor before a failure's back-off or the gap is over. */
export class FetchedKeys implements IssuerKeys {
  readonly #options: IssuerKeysOptions
  readonly #ending = new AbortController()
  readonly #unknown = createMemory<true>(unknownMax)
  #set: KeySet | undefined
  #text = ''
  #fetchedAtMs = 0
  /** When the last fetch that came to something was begun. */
  #begunAtMs = -Infinity
  #nextFetchMs = -Infinity
  #nextSearchMs = -Infinity
  #failuresCount = 0
  #underWay: Promise<void> | undefined

  readonly nowMs: () => number

  constructor (options: IssuerKeysOptions) {
    this.#options = options
    this.nowMs = options.nowMs
  }

  async current (): Promise<KeySet | undefined> {
    const ageMs = this.#options.nowMs() - this.#fetchedAtMs
    const usable = this.#set !== undefined && ageMs < this.#options.staleMs
    if (!usable) await this.#fetchIf(this.#nextFetchMs)
    else if (ageMs >= this.#options.refreshMs) void this.#fetchIf(this.#nextFetchMs)
    return this.#options.nowMs() - this.#fetchedAtMs < this.#options.staleMs ? this.#set : undefined
  }

  async newer (stale: KeySet, kid: string, cameMs: number): Promise<KeySet | number | undefined> {
    if (this.#set !== stale) return this.#set
    const nowMs = this.#options.nowMs()
    // A stranger who sends one invented key after the other gets one fetch per gap, and one per key.
    if (kid.length > kidLengthMax || this.#unknown.find(kid, nowMs) === true) return undefined
    // Keys that were asked for after the token came do not get any newer.
    if (this.#begunAtMs < cameMs) {
      const waitMs = Math.max(this.#nextFetchMs, this.#nextSearchMs) - nowMs
      if (this.#underWay === undefined && waitMs > 0) return Math.ceil(waitMs)
      await this.#fetchIf(this.#nextFetchMs)
      if (this.#begunAtMs < nowMs && this.#set === stale) return this.retryAfterMs()
    }
    if (this.#set?.jwks().keys.some(one => one.kid === kid) !== true) this.#unknown.keep(kid, true, nowMs + unknownMs)
    return this.#set === stale ? undefined : this.#set
  }

  retryAfterMs (): number {
    return Math.max(firstBackOffMs, Math.ceil(this.#nextFetchMs - this.#options.nowMs()))
  }

  unknownCount = (): number => this.#unknown.count()

  close (): void { this.#ending.abort() }

  async #fetchIf (fromMs: number): Promise<void> {
    if (this.#underWay === undefined && this.#options.nowMs() >= fromMs) {
      this.#underWay = this.#fetch().finally(() => { this.#underWay = undefined })
    }
    await this.#underWay
  }

  async #fetch (): Promise<void> {
    const { issuer, fetchKeys, gapMs, nowMs, log } = this.#options
    const begunAtMs = nowMs()
    try {
      this.#take(await fetchKeys(this.#ending.signal))
      this.#begunAtMs = begunAtMs
      if (this.#failuresCount > 0) log.info({ issuer }, 'the keys of an issuer of tokens can be fetched again')
      this.#failuresCount = 0
    } catch (error) {
      if (this.#ending.signal.aborted) return
      const backOffMs = Math.min(backOffMsMax, firstBackOffMs * 2 ** this.#failuresCount)
      this.#nextFetchMs = nowMs() + backOffMs
      const known = this.#set !== undefined
      if (this.#failuresCount++ === 0) log.warn({ issuer, error, known }, 'the keys of an issuer of tokens cannot be fetched')
    }
    this.#nextSearchMs = nowMs() + gapMs
  }

  #take (keys: JSONWebKeySet): void {
    this.#fetchedAtMs = this.#options.nowMs()
    const text = JSON.stringify(keys)
    // The same keys stay the same set, which has imported them already.
    if (text === this.#text) return
    this.#set = createLocalJWKSet(keys)
    this.#text = text
    this.#unknown.forget()
  }
}

/** Keys that stand in the config: there are no others. */
export function configuredKeys (keys: JSONWebKeySet): IssuerKeys {
  const set = createLocalJWKSet(keys)
  return {
    current: () => Promise.resolve(set),
    newer: () => Promise.resolve(undefined),
    nowMs: () => 0,
    retryAfterMs: () => 0,
    unknownCount: () => 0,
    close () {}
  }
}
