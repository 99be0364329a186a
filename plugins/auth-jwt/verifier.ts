// Checks tokens of one issuer: signature by an allowed algorithm and key, then issuer, audience and times.

import { errors, jwtVerify } from 'jose'
import type { CryptoKey, JWTPayload, JWTVerifyOptions } from 'jose'
import type { Log } from '../../src/contract/adapter.ts'
import type { Claims } from '../../src/contract/claims.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { asymmetricAlgorithms, secretAlgorithms } from './config.ts'
import type { IssuerConfig } from './config.ts'
import type { IssuerKeys, KeySet } from './issuer-keys.ts'

/** A good token: what it says, and until when, in milliseconds since the epoch with the skew of clocks counted in. */
export interface Verified { readonly claims: Claims, readonly endsAtMs: number }

export type Verify = (token: string, nowMs: number) => Promise<Verified | Refusal>

/** Keys without ids are tried one after the other, up to so many. */
const keysTriedMax = 16

const denied = (why: string): Refusal => refuse('unauthenticated', `${why}; get a fresh one from its issuer and send it again`)
const notValid = denied('this token is not valid here')
const expired = denied('this token has expired')
const tooEarly = denied('this token is not valid yet')
const foreign = denied('this token is meant for somebody else')

const secretBytesMin: Readonly<Record<string, number>> = { HS256: 32, HS384: 48, HS512: 64 }

/** Throws, in words for the operator, where algorithms and keys do not go together. `keys`: undefined with a secret. */
export function createVerifier (config: IssuerConfig, keys: IssuerKeys | undefined, log: Log): Verify {
  const { issuer, algorithms, secret } = config
  checkAlgorithms(config)
  let told: string | undefined
  const skewMs = config.clockSkewMs
  const options = (nowMs: number): JWTVerifyOptions => ({
    issuer, audience: config.audiences, algorithms, requiredClaims: ['exp'], clockTolerance: skewMs / 1_000,
    currentDate: new Date(nowMs), ...(config.tokenType === undefined ? {} : { typ: config.tokenType })
  })

  function accept ({ payload }: { payload: JWTPayload }, nowMs: number): Verified | Refusal {
    const { exp = 0, iat } = payload
    if (iat !== undefined && iat * 1_000 > nowMs + skewMs) return tooEarly
    return { claims: payload, endsAtMs: exp * 1_000 + skewMs }
  }

  async function bySecret (token: string, nowMs: number): Promise<Verified | Refusal> {
    if (secret === undefined) throw new Error('a verifier without keys has a secret')
    const bytes = Buffer.from(secret.reveal())
    const fault = faultOfSecret(config, bytes)
    if (fault !== told && fault !== undefined) log.error({ issuer }, `${fault}: its tokens cannot be checked until it is mended`)
    told = fault
    if (fault !== undefined) return notNow('the secret that this token is checked with is wrong here; tell the operator', 0)
    return accept(await jwtVerify(token, bytes, options(nowMs)), nowMs)
  }

  async function byKeys (token: string, nowMs: number): Promise<Verified | Refusal> {
    const cameMs = keys?.nowMs() ?? 0
    const set = await keys?.current()
    if (keys === undefined || set === undefined) return notNow(noKeys, keys?.retryAfterMs() ?? 0)
    try {
      return accept(await verifyWith(set, token, options(nowMs)), nowMs)
    } catch (error) {
      if (!(error instanceof MissingKey)) throw error
      const newer = await keys.newer(set, error.kid, cameMs)
      if (typeof newer === 'number') return notNow(newKey, newer)
      return newer === undefined ? notValid : accept(await verifyWith(newer, token, options(nowMs)), nowMs)
    }
  }

  return async (token, nowMs) => {
    try {
      return await (secret === undefined ? byKeys(token, nowMs) : bySecret(token, nowMs))
    } catch (error) {
      return refusalFor(error)
    }
  }
}

function checkAlgorithms ({ issuer, algorithms, secret, keys, jwksUrl }: IssuerConfig): void {
  const bySecret = algorithms.filter(name => secretAlgorithms.some(one => one === name)).length
  const [right, which] = secret === undefined ? [0, asymmetricAlgorithms] : [algorithms.length, secretAlgorithms]
  if (bySecret !== right) {
    const what = secret === undefined ? 'no secret' : 'a secret'
    throw new Error(`the issuer ${issuer} has ${what}: its algorithms can only be of ${which.join(', ')}`)
  }
  if ([secret, keys, jwksUrl].filter(one => one !== undefined).length > 1) {
    throw new Error(`the issuer ${issuer} can have only one of secret, keys and jwksUrl`)
  }
}

const newKey = 'the key of this token is not known yet, and its issuer is asked again soon; send the event again later'
const noKeys = 'the keys of this token\'s issuer cannot be fetched now; send the event again later'

function notNow (detail: string, retryAfterMs: number): Refusal {
  return refuse('unverifiable', detail, { retryAfterMs })
}

/** In words for the operator, without the secret. */
function faultOfSecret ({ issuer, algorithms }: IssuerConfig, bytes: Buffer): string | undefined {
  const bytesMin = Math.max(...algorithms.map(name => secretBytesMin[name] ?? 0))
  if (bytes.length >= bytesMin) return undefined
  return `the secret of the issuer ${issuer} has ${bytes.length} bytes, and ${algorithms.join(', ')} need ${bytesMin} at least`
}

/** What to tell the operator where the secret can be read now and is too short. */
export function examineSecret (config: IssuerConfig): Error | undefined {
  if (config.secret === undefined) return undefined
  let bytes
  try {
    bytes = Buffer.from(config.secret.reveal())
  } catch {
    return undefined
  }
  const fault = faultOfSecret(config, bytes)
  return fault === undefined ? undefined : new Error(fault)
}

/** The set has no key for the token: another one may have it by now. */
class MissingKey extends Error {
  readonly kid: string
  constructor (kid: string) {
    super('no key')
    this.kid = kid
  }
}

interface KeyHeader { readonly alg?: string | undefined, readonly kid?: string | undefined }

async function verifyWith (set: KeySet, token: string, options: JWTVerifyOptions): ReturnType<typeof jwtVerify> {
  const several: CryptoKey[] = []
  // Only `alg` and `kid` of the header choose a key: keys and addresses that a token brings along count for nothing.
  const choose = async ({ alg = '', kid }: KeyHeader): Promise<CryptoKey> => {
    try {
      return await set(kid === undefined || hasNoIds(set) ? { alg } : { alg, kid })
    } catch (error) {
      // A key that is there and cannot be read is none either.
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw new MissingKey(kid ?? '')
      for await (const key of error) if (several.push(key) >= keysTriedMax) break
      const [first] = several
      if (first === undefined) throw new MissingKey(kid ?? '')
      return first
    }
  }
  try {
    return await jwtVerify(token, choose, options)
  } catch (error) {
    if (!(error instanceof errors.JWSSignatureVerificationFailed) || several.length < 2) throw error
  }
  for (const key of several.slice(1)) {
    try {
      return await jwtVerify(token, key, options)
    } catch (error) {
      if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
    }
  }
  throw new errors.JWSSignatureVerificationFailed()
}

const idless = new WeakMap<KeySet, boolean>()

function hasNoIds (set: KeySet): boolean {
  const known = idless.get(set) ?? set.jwks().keys.every(({ kid }) => kid === undefined)
  idless.set(set, known)
  return known
}

/** What a bad token's sender is told. Only who has a token of a right signature learns what else is wrong with it. */
function refusalFor (error: unknown): Refusal {
  if (error instanceof errors.JWTExpired) return expired
  if (error instanceof errors.JWTClaimValidationFailed) {
    if (error.claim === 'aud') return foreign
    return error.claim === 'nbf' && error.reason === 'check_failed' ? tooEarly : notValid
  }
  // The rest of what jose tells of is the token's fault too.
  if (error instanceof errors.JOSEError || error instanceof MissingKey) return notValid
  throw error
}
