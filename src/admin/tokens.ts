// Who may use the admin listener: compares bearer tokens in constant time, and slows down whoever guesses.

import { hash, timingSafeEqual } from 'node:crypto'
import { Problem } from './problem.ts'

/** How long the answer to a wrong token waits, and how many may wait at the same time; more are refused at once. */
const wrongDelayMs = 1_000
const waitingMax = 16
/** RFC 6750, section 2.1. The cap keeps the hash cheap; `sluice key new` makes keys of far less. */
const bearer = /^Bearer +([A-Za-z0-9._~+/=-]{1,512})$/i
const challenge = { 'www-authenticate': 'Bearer realm="sluice admin"' }

const advice = 'send "authorization: Bearer TOKEN" with a token whose hash stands in admin.tokens'
const missing = new Problem('unauthenticated', advice, challenge)
const wrong = new Problem('unauthenticated', `this token is not known; ${advice}`, challenge)
const tooMany = new Problem('too-many-tries', 'too many wrong tokens were sent; check it and try again', { 'retry-after': '1' })

export interface TokenCheck {
  /** Undefined where the header carries a token that may pass. The right one never waits, whoever else is guessing. */
  check (authorization: string | undefined): Promise<Problem | undefined>
  readonly gauges: ReadonlyMap<string, () => number>
}

type Pause = (ms: number) => Promise<unknown>

/** Does not keep a process that is ending. */
const pauseUnheld: Pause = ms => new Promise(resolve => { setTimeout(resolve, ms).unref() })

/** `tokens` are `sha256:` and the hex SHA-256 of each token. */
export function createTokenCheck (tokens: readonly string[], pause = pauseUnheld): TokenCheck {
  const digests = tokens.map(token => Buffer.from(token.slice('sha256:'.length), 'hex'))
  let waitingCount = 0
  let wrongCount = 0

  function isRight (token: string): boolean {
    const shown = hash('sha256', token, 'buffer')
    let right = false
    // All of them each time, so that the time does not tell which one it was.
    for (const digest of digests) if (timingSafeEqual(digest, shown)) right = true
    return right
  }

  return {
    async check (authorization) {
      if (authorization === undefined) return missing
      const token = bearer.exec(authorization)?.[1]
      if (token !== undefined && isRight(token)) return undefined
      wrongCount++
      if (waitingCount >= waitingMax) return tooMany
      waitingCount++
      await pause(wrongDelayMs)
      waitingCount--
      return wrong
    },
    gauges: new Map([
      ['admin_wrong_tokens_total', () => wrongCount],
      ['admin_tries_waiting', () => waitingCount]
    ])
  }
}
