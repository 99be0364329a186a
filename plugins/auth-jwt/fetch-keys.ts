// Fetches the public keys of an issuer, found by its discovery document (OpenID Connect) or at a known address.

import type { JSONWebKeySet, JWK } from 'jose'
import { boundedText } from '../../src/contract/bounded-text.ts'
import { trustedUrl } from '../../src/contract/trusted-url.ts'

/** A failure has a message for the operator, which holds nothing of the answer. */
export type FetchKeys = (signal: AbortSignal) => Promise<JSONWebKeySet>

interface Where {
  readonly issuer: string
  readonly jwksUrl: string | undefined
  readonly timeoutMs: number
}

const answerBytesMax = 262_144
const keysMax = 100

/** Throws, in words for the operator, where the address may not be asked. */
export function keysOf ({ issuer, jwksUrl, timeoutMs }: Where): FetchKeys {
  const known = trusted(jwksUrl ?? `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`)
  return async signal => {
    const limits = { timeoutMs, signal }
    const first = await fetchObject(known, limits)
    if (jwksUrl !== undefined) return publicKeys(first)
    if (first.issuer !== issuer) throw new Error(`the discovery document of ${issuer} is that of another issuer`)
    if (typeof first.jwks_uri !== 'string') throw new Error(`the discovery document of ${issuer} has no jwks_uri`)
    return publicKeys(await fetchObject(trusted(first.jwks_uri), limits))
  }
}

function trusted (text: string): URL {
  const url = trustedUrl(text)
  if (url !== undefined) return url
  throw new Error(`keys cannot be fetched from ${text.slice(0, 200)}: it must be an encrypted address, or one of this machine`)
}

interface Limits { readonly timeoutMs: number, readonly signal: AbortSignal }

async function fetchObject (url: URL, { timeoutMs, signal }: Limits): Promise<Record<string, unknown>> {
  const where = `${url.host}${url.pathname}`
  try {
    const response = await fetch(url, {
      // Keys are taken from where the operator pointed to and from nowhere else.
      redirect: 'error', headers: { accept: 'application/json' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      throw new Error('it answered that it cannot')
    }
    const text = await boundedText(response.body, answerBytesMax)
    if (text === undefined) throw new Error(`its answer is above ${answerBytesMax} bytes or no text`)
    const value = parsed(text)
    if (!isRecord(value)) throw new Error('its answer is no JSON object')
    return value
  } catch (error) {
    throw new Error(`no keys from ${where}: ${wordsOf(error)}`, { cause: error })
  }
}

function parsed (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The platform's words would repeat the answer.
    return undefined
  }
}

/** fetch hides what happened in the cause. */
function wordsOf (error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return inner instanceof Error && inner.message !== '' ? inner.message : 'it cannot be reached'
}

function isRecord (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const publicMembers = new Set(['kty', 'kid', 'alg', 'use', 'key_ops', 'crv', 'x', 'y', 'n', 'e'])

/**
 * The public keys for signatures in a set (RFC 7517 section 5), and of those their public members. A shared secret is
 * none: whoever can read the set could sign. Throws where there is no key or there are too many.
 */
export function publicKeys (set: Readonly<Record<string, unknown>>): JSONWebKeySet {
  const listed = Array.isArray(set.keys) ? set.keys : []
  if (listed.length > keysMax) throw new Error(`a set of more than ${keysMax} keys`)
  const keys = listed.filter(isRecord).filter(isForSignatures)
  if (keys.length === 0) throw new Error('a set without any public key for signatures')
  return { keys: keys.map(publicPart) }
}

const modulusBytesMin = 256

function isForSignatures ({ kty, use, n }: Record<string, unknown>): boolean {
  if (use !== undefined && use !== 'sig') return false
  // Shorter keys are none (RFC 7518 section 3.3).
  if (kty === 'RSA') return typeof n === 'string' && Buffer.from(n, 'base64url').length >= modulusBytesMin
  return kty === 'EC' || kty === 'OKP'
}

function publicPart (key: Record<string, unknown>): JWK {
  return Object.fromEntries(Object.entries(key).filter(([name]) => publicMembers.has(name))) as unknown as JWK
}
