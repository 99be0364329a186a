// The auth-jwt policy: finds or makes the principal of a signed token that a configured issuer gave to a peer.

import { hash } from 'node:crypto'
import { decodeJwt } from 'jose'
import { createClaimReader } from '../../src/contract/claims.ts'
import type { ClaimReader } from '../../src/contract/claims.ts'
import type { Principal } from '../../src/contract/envelope.ts'
import { createMemory } from '../../src/contract/memory.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Authenticator, AuthenticatorModule, PolicySetup } from '../../src/contract/policy.ts'
import { principalOf } from '../../src/contract/principal.ts'
import type { PrincipalSettings } from '../../src/contract/principal.ts'
import { repeated, shownToken } from '../../src/contract/shown-token.ts'
import { jwtConfig, jwtCredential } from './config.ts'
import type { IssuerConfig, JwtConfig, JwtCredential } from './config.ts'
import { readKeys } from './configured-keys.ts'
import { keysOf } from './fetch-keys.ts'
import { configuredKeys, FetchedKeys } from './issuer-keys.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import { createVerifier, examineSecret } from './verifier.ts'
import type { Verify } from './verifier.ts'

const credentialName = 'jwt'
const tokenLengthMax = 16_384
/** Checks under way in a worker, also those that wait for keys: more are told to come back. */
const checksMax = 1_000

/** Time as the authenticator sees it, so that a test can stand in for it. */
export interface JwtClock {
  /** Monotonic milliseconds. */
  readonly nowMs: () => number
  /** Milliseconds since the epoch. */
  readonly wallMs: () => number
}

const systemClock: JwtClock = { nowMs: () => performance.now(), wallMs: Date.now }

interface Issuer {
  readonly verify: Verify
  readonly claims: ClaimReader
  readonly knownOnly: boolean
  /** Principals of the config, by the subject of their tokens. */
  readonly known: ReadonlyMap<string, Principal>
  readonly keys: IssuerKeys | undefined
}

const advice = 'send a token of a known issuer as bearer token'
const shownTwice = refuse('unauthenticated', `more than one token was sent; ${advice}, once`)
const notKnown = refuse('unauthenticated', `this token is of no known issuer or broken; ${advice}`)
const notListed = refuse('unauthenticated', 'nobody with the subject of this token is known here; ask the operator for access')
const nameTaken = refuse('unauthenticated',
  'the name in this token is that of somebody else here; its operator must add the token to that principal, or set a prefix')
const busy = refuse('overloaded', 'too many tokens are being checked at once; send the event again later')

export const authJwt: AuthenticatorModule<JwtConfig> = {
  name: 'auth-jwt',
  kind: 'authenticator',
  config: jwtConfig,
  credential: { name: credentialName, schema: jwtCredential },
  create: setup => createJwtAuthenticator(setup),
  makesPrincipals: ({ issuers }) => issuers.some(one => !one.knownOnly),
  examine: ({ config }) => config.issuers.flatMap(own => examineSecret(own) ?? [])
}

/** Throws, in words for the operator, where settings contradict each other. */
export function createJwtAuthenticator (setup: PolicySetup<JwtConfig>, clock = systemClock): Authenticator {
  const { config, principals } = setup
  const issuers = compileIssuers(setup, clock)
  const names = new Set(principals.map(({ name }) => name))
  const place = { scheme: 'bearer', argument: config.argument }
  const good = createMemory<Principal>(config.rememberedCountMax)
  let checksCount = 0

  async function check (token: string, digest: string): Promise<Principal | Refusal> {
    const issuer = issuers.get(issuerIn(token) ?? '')
    if (issuer === undefined) return notKnown
    if (checksCount >= checksMax) return busy
    checksCount++
    try {
      const verified = await issuer.verify(token, clock.wallMs())
      if (isRefusal(verified)) return verified
      const principal = principalFor(issuer, verified.claims, verified.endsAtMs)
      if (isRefusal(principal)) return principal
      // Two clocks: the wall's for the token's own end, the monotonic one for how long nobody looked at it.
      const leftMs = Math.min(config.rememberMs, verified.endsAtMs - clock.wallMs())
      if (leftMs > 0) good.keep(digest, principal, clock.nowMs() + leftMs)
      return principal
    } finally {
      checksCount--
    }
  }

  function principalFor (issuer: Issuer, claims: Record<string, unknown>, expiresAtMs: number): Principal | Refusal {
    const subject = issuer.claims.subject(claims)
    if (isRefusal(subject)) return subject
    const known = issuer.known.get(subject)
    // Whom the operator has listed is what the operator says: a token adds nothing but its end.
    if (known !== undefined) return Object.freeze({ ...known, expiresAtMs })
    if (issuer.knownOnly) return notListed
    const made = issuer.claims.principal(subject, claims, expiresAtMs)
    return !isRefusal(made) && names.has(made.name) ? nameTaken : made
  }

  const keys = [...issuers.values()].flatMap(issuer => issuer.keys ?? [])
  return {
    secretNames: config.argument === undefined ? ['authorization'] : ['authorization', config.argument.toLowerCase()],
    advice,
    scheme: 'Bearer',
    gauges: new Map([
      ['tokens_remembered', good.count],
      ['token_checks', () => checksCount],
      ['token_keys_unknown', () => keys.reduce((sum, one) => sum + one.unknownCount(), 0)]
    ]),
    authenticate (credentials) {
      const token = shownToken(credentials, place)
      if (token === undefined) return undefined
      if (token === repeated) return shownTwice
      if (token.length > tokenLengthMax) return notKnown
      // Not the token itself: what is remembered must not be worth stealing.
      const digest = hash('sha256', token, 'base64url')
      const remembered = good.find(digest, clock.nowMs())
      if (remembered !== undefined && (remembered.expiresAtMs ?? 0) > clock.wallMs()) return remembered
      // What has not the form of such a token may be one for the next authenticator.
      return compact.test(token) ? check(token, digest) : undefined
    },
    close () { for (const one of keys) one.close() }
  }
}

/** Three parts of base64url (RFC 7515 section 7.1). An unsigned token has an empty third one. */
const compact = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]*$/

/** Only to choose who checks it: nothing is known of this token yet. */
function issuerIn (token: string): string | undefined {
  try {
    const { iss } = decodeJwt(token)
    return typeof iss === 'string' ? iss : undefined
  } catch {
    return undefined
  }
}

function compileIssuers (setup: PolicySetup<JwtConfig>, clock: JwtClock): Map<string, Issuer> {
  const { config, principals } = setup
  const issuers = new Map<string, Issuer>()
  const prefixes = new Set<string>()
  for (const own of config.issuers) {
    if (issuers.has(own.issuer)) throw new Error(`the issuer ${own.issuer} stands in the list twice`)
    if (!own.knownOnly && prefixes.has(own.principalPrefix)) {
      throw new Error(`the subjects of ${own.issuer} and of another issuer could have the same name: ` +
        'give each a principalPrefix of its own, or set knownOnly')
    }
    if (!own.knownOnly) prefixes.add(own.principalPrefix)
    const keys = keysFor(own, setup, clock)
    issuers.set(own.issuer, {
      verify: createVerifier(own, keys, setup.log), claims: createClaimReader(own), knownOnly: own.knownOnly, keys,
      known: subjectsOf(own.issuer, principals)
    })
  }
  for (const { owner, issuer } of principals.flatMap(tokensOf)) {
    if (issuers.has(issuer)) continue
    throw new Error(`the principal ${owner.name} has a token of ${issuer}, which is no configured issuer`)
  }
  return issuers
}

function keysFor (own: IssuerConfig, { config, log }: PolicySetup<JwtConfig>, clock: JwtClock): IssuerKeys | undefined {
  if (own.secret !== undefined) return undefined
  if (own.keys !== undefined) return configuredKeys(readKeys(own.keys))
  const { issuer, jwksUrl } = own
  return new FetchedKeys({
    issuer, fetchKeys: keysOf({ issuer, jwksUrl, timeoutMs: config.fetchTimeoutMs }),
    refreshMs: config.keysRefreshMs, staleMs: config.keysStaleMs, gapMs: config.keysFetchGapMs, nowMs: clock.nowMs, log
  })
}

interface OwnToken extends JwtCredential { readonly owner: Principal }

function tokensOf (settings: PrincipalSettings): OwnToken[] {
  const owner = principalOf(settings)
  return settings.credentials.flatMap(credential => {
    const own = credential[credentialName] as JwtCredential | undefined
    return own === undefined ? [] : [{ ...own, owner }]
  })
}

function subjectsOf (issuer: string, principals: readonly PrincipalSettings[]): Map<string, Principal> {
  const known = new Map<string, Principal>()
  for (const own of principals.flatMap(tokensOf)) {
    if (own.issuer !== issuer) continue
    if (known.has(own.subject)) throw new Error(`two principals share the subject ${own.subject} of ${issuer}`)
    known.set(own.subject, own.owner)
  }
  return known
}
