// Where the tokens of OAUTHBEARER come from: a setting, or somebody who gives them out for a time.

import type { Secret } from '../../contract/secret.ts'
import { systemClock } from '../clock.ts'
import type { Clock } from '../clock.ts'
import { noToken } from './login-failure.ts'

export interface TokenSource {
  /** Asked at each login. Rejects where there is no token. */
  token (): Promise<string>
  /** Told that a broker did not take this one. */
  forget (token: string): void
}

export interface Token {
  readonly value: string
  /** How long it is good from now on, in milliseconds; 0 where nobody told. */
  readonly lifetimeMs: number
}

/** A token that somebody else renews, for instance in a file: read anew each time. */
export function givenToken (secret: Secret): TokenSource {
  return {
    async token () {
      try {
        return secret.reveal()
      } catch (error) {
        throw noToken(`no token: ${error instanceof Error ? error.message : 'it cannot be read'}`)
      }
    },
    forget () {}
  }
}

/** Below the default of `connectionTimeoutMs`, so that the operator hears of the token and not of a silent broker. */
const timeoutMs = 4_000
/** A token is used again for this share of its life, so that a login by it lasts for the rest. */
const keptShare = 0.8
const keptMsMax = 24 * 60 * 60 * 1_000

/** Keeps one token for all connections of a worker. Logins that come while one is fetched wait for the same one. */
export class TokenCache implements TokenSource {
  readonly #fetch: (signal: AbortSignal) => Promise<Token>
  readonly #clock: Clock
  #kept: { readonly value: string, readonly untilMs: number } | undefined
  #fetching: Promise<string> | undefined

  constructor (fetch: (signal: AbortSignal) => Promise<Token>, clock: Clock = systemClock) {
    this.#fetch = fetch
    this.#clock = clock
  }

  async token (): Promise<string> {
    if (this.#kept !== undefined && this.#clock.nowMs() < this.#kept.untilMs) return this.#kept.value
    this.#fetching ??= this.#renew().finally(() => { this.#fetching = undefined })
    return this.#fetching
  }

  forget (token: string): void {
    if (this.#kept?.value === token) this.#kept = undefined
  }

  async #renew (): Promise<string> {
    this.#kept = undefined
    const abort = new AbortController()
    const { promise: late, reject } = Promise.withResolvers<never>()
    const stopTimer = this.#clock.after(timeoutMs, () => {
      reject(noToken(`no token to log in with came within ${timeoutMs} ms`))
      abort.abort()
    })
    try {
      const { value, lifetimeMs } = await Promise.race([this.#fetch(abort.signal), late])
      this.#kept = { value, untilMs: this.#clock.nowMs() + Math.min(lifetimeMs * keptShare, keptMsMax) }
      return value
    } finally {
      stopTimer()
    }
  }
}
