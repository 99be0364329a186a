// The auth-introspection policy: asks the issuer of a token whose it is, and remembers the answer for a short time.

import { hash } from 'node:crypto'
import type { Log } from '../../src/contract/adapter.ts'
import { createClaimReader, isMeantFor } from '../../src/contract/claims.ts'
import type { Claims } from '../../src/contract/claims.ts'
import type { Principal } from '../../src/contract/envelope.ts'
import { createMemory } from '../../src/contract/memory.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { AuthenticatorModule } from '../../src/contract/policy.ts'
import { principalOf } from '../../src/contract/principal.ts'
import type { PrincipalSettings } from '../../src/contract/principal.ts'
import { repeated, shownToken } from '../../src/contract/shown-token.ts'
import { createAsk } from './ask.ts'
import type { Ask } from './ask.ts'
import { introspectionConfig, introspectionCredential } from './config.ts'
import type { IntrospectionConfig, IntrospectionCredential } from './config.ts'

const credentialName = 'introspection'
const tokenLengthMax = 16_384
const retryAfterMs = 2_000
/** No more than one line in so long tells of an endpoint that does not answer. */
const warnMs = 60_000

const advice = 'send an access token as bearer token'
const denied = (why: string): Refusal => refuse('unauthenticated', `${why}; get a fresh one from its issuer and send it again`)
const shownTwice = refuse('unauthenticated', `more than one token was sent; ${advice}, once`)
const notActive = denied('this token is not active')
const foreign = denied('this token is meant for somebody else')
const noEnd = denied('this token has no proper end')
const notListed = refuse('unauthenticated', 'nobody with the subject of this token is known here; ask the operator for access')
const nameTaken = refuse('unauthenticated',
  'the name of this token is that of somebody else here; its operator must add the subject to that principal, or set a prefix')
const notNow = refuse('unverifiable', 'the issuer of this token cannot be asked now; send the event again later', { retryAfterMs })
const busy = refuse('overloaded', 'too many tokens are being asked about; send the event again later', { retryAfterMs })

export const authIntrospection: AuthenticatorModule<IntrospectionConfig> = {
  name: 'auth-introspection',
  kind: 'authenticator',
  config: introspectionConfig,
  credential: { name: credentialName, schema: introspectionCredential },

  makesPrincipals: ({ knownOnly }) => !knownOnly,

  create ({ config, principals, log }) {
    const ask = createAsk(config)
    const judge = createJudgement(config, principals)
    const place = { scheme: 'bearer', argument: config.argument }
    const active = createMemory<Principal>(config.rememberedCountMax)
    const inactive = createMemory<Refusal>(config.rememberedCountMax)
    const asked = new Map<string, Promise<Principal | Refusal>>()
    const ending = new AbortController()
    const tell = createTeller(log)

    async function find (token: string, digest: string): Promise<Principal | Refusal> {
      const claims = await answerOf(ask, token, { signal: ending.signal, tell })
      if (claims === undefined) return notNow
      const answer = judge(claims, Date.now())
      const nowMs = performance.now()
      if (isRefusal(answer)) {
        inactive.keep(digest, answer, nowMs + config.rememberInactiveMs)
        return answer
      }
      active.keep(digest, answer, nowMs + Math.min(config.rememberMs, (answer.expiresAtMs ?? Infinity) - Date.now()))
      return answer
    }

    return {
      secretNames: config.argument === undefined ? ['authorization'] : ['authorization', config.argument.toLowerCase()],
      advice,
      scheme: 'Bearer',
      gauges: new Map([
        ['introspections_remembered', () => active.count() + inactive.count()],
        ['introspections_under_way', () => asked.size]
      ]),
      authenticate (credentials) {
        const token = shownToken(credentials, place)
        if (token === undefined) return undefined
        if (token === repeated) return shownTwice
        if (token.length > tokenLengthMax || !opaque.test(token)) return notActive
        // Not the token itself: what is remembered must not be worth stealing.
        const digest = hash('sha256', token, 'base64url')
        const nowMs = performance.now()
        const remembered = active.find(digest, nowMs)
        if (remembered !== undefined && (remembered.expiresAtMs ?? Infinity) > Date.now()) return remembered
        const refusal = inactive.find(digest, nowMs)
        if (refusal !== undefined) return refusal
        const same = asked.get(digest)
        if (same !== undefined) return same
        if (asked.size >= config.askedCountMax) return busy
        const answer = find(token, digest).finally(() => { asked.delete(digest) })
        asked.set(digest, answer)
        return answer
      },
      close () { ending.abort() }
    }
  }
}

/** What a bearer token may be made of (RFC 6750 section 2.1). */
const opaque = /^[A-Za-z0-9._~+/-]+=*$/

interface Asking { readonly signal: AbortSignal, readonly tell: (error: unknown) => void }

async function answerOf (ask: Ask, token: string, { signal, tell }: Asking): Promise<Claims | undefined> {
  try {
    return await ask(token, signal)
  } catch (error) {
    if (!signal.aborted) tell(error)
    return undefined
  }
}

function createTeller (log: Log): (error: unknown) => void {
  let nextMs = -Infinity
  return error => {
    if (performance.now() < nextMs) return
    nextMs = performance.now() + warnMs
    log.warn({ error }, 'the issuer of tokens cannot be asked about them: their senders are told to come back')
  }
}

type Judgement = (claims: Claims, nowMs: number) => Principal | Refusal

/** Throws, in words for the operator, where settings contradict each other. */
function createJudgement (config: IntrospectionConfig, principals: readonly PrincipalSettings[]): Judgement {
  const reader = createClaimReader(config)
  const known = subjectsOf(principals)
  const names = new Set(principals.map(({ name }) => name))
  return (claims, nowMs) => {
    if (claims.active !== true) return notActive
    const { exp, aud } = claims
    if (exp !== undefined && typeof exp !== 'number') return noEnd
    const expiresAtMs = exp === undefined ? undefined : exp * 1_000
    if (expiresAtMs !== undefined && expiresAtMs <= nowMs) return notActive
    if (config.audiences !== undefined && !isMeantFor(aud, config.audiences)) return foreign
    const subject = reader.subject(claims)
    if (isRefusal(subject)) return subject
    const owner = known.get(subject)
    // Whom the operator has listed is what the operator says: an answer adds nothing but the end.
    if (owner !== undefined) return Object.freeze({ ...owner, expiresAtMs })
    if (config.knownOnly) return notListed
    const made = reader.principal(subject, claims, expiresAtMs)
    return !isRefusal(made) && names.has(made.name) ? nameTaken : made
  }
}

function subjectsOf (principals: readonly PrincipalSettings[]): Map<string, Principal> {
  const known = new Map<string, Principal>()
  for (const settings of principals) {
    const owner = principalOf(settings)
    for (const credential of settings.credentials) {
      const own = credential[credentialName] as IntrospectionCredential | undefined
      if (own === undefined) continue
      if (known.has(own.subject)) throw new Error(`two principals share the subject ${own.subject}: each needs one of its own`)
      known.set(own.subject, owner)
    }
  }
  return known
}
