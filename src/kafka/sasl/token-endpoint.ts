// Gets a token by client credentials (RFC 6749 section 4.4) from an authorization server.

import type { Secret } from '../../contract/secret.ts'
import { noToken } from './login-failure.ts'
import type { Token } from './token-source.ts'

export interface TokenClient {
  readonly url: string
  readonly clientId: string
  readonly clientSecret: Secret
  readonly scope: string | undefined
}

const answerBytesMax = 65_536
const wordsMax = 200

/** The returned function rejects with a KafkaError that names the server and shows no secret. */
export function tokenEndpoint (client: TokenClient): (signal: AbortSignal) => Promise<Token> {
  const { host } = new URL(client.url)
  const fail = (what: string): never => { throw noToken(`no token from ${host}: ${what}`) }
  return async signal => {
    const request = requestOf(client)
    const { status, text } = await ask(client.url, { ...request, signal })
      .catch((error: unknown) => fail(wordsOf(error)))
    const answer = parse(text)
    if (status !== 200) return fail(`it answered ${status}${saidIn(answer)}`)
    const value = answer.access_token
    if (typeof value !== 'string' || value === '') return fail('its answer has no access_token')
    const type = answer.token_type
    if (typeof type === 'string' && type.toLowerCase() !== 'bearer') return fail('its token is not a bearer token')
    return { value, lifetimeMs: lifetimeOf(answer.expires_in) }
  }
}

function requestOf ({ clientId, clientSecret, scope }: TokenClient): RequestInit {
  // Encoded first, as section 2.3.1 has it; what needs no encoding suits servers too that do not decode.
  const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret.reveal())}`
  return {
    method: 'POST',
    // A redirect would take the secret somewhere else.
    redirect: 'error',
    headers: { accept: 'application/json', authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) })
  }
}

async function ask (url: string, request: RequestInit): Promise<{ status: number, text: string }> {
  const response = await fetch(url, request)
  const parts: Uint8Array[] = []
  let countBytes = 0
  for await (const part of response.body ?? []) {
    countBytes += part.length
    // To leave the loop cancels the rest.
    if (countBytes > answerBytesMax) throw new Error(`its answer is above ${answerBytesMax} bytes`)
    parts.push(part)
  }
  return { status: response.status, text: Buffer.concat(parts).toString('utf8') }
}

/** fetch hides what happened in the cause. */
function wordsOf (error: unknown): string {
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(inner instanceof Error)) return 'it cannot be reached'
  const code = 'code' in inner && typeof inner.code === 'string' ? inner.code : ''
  return inner.message === '' ? code : inner.message
}

function parse (text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value as Record<string, unknown> : {}
  } catch {
    return {}
  }
}

/** RFC 6749 section 5.2. */
function saidIn ({ error, error_description: description }: Readonly<Record<string, unknown>>): string {
  const words = [error, description].filter(one => typeof one === 'string').join(': ')
  const shown = words.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, wordsMax)
  return shown === '' ? '' : ` (${shown})`
}

/** Seconds, which some servers write as text. */
function lifetimeOf (expiresIn: unknown): number {
  const seconds = typeof expiresIn === 'number' || typeof expiresIn === 'string' ? Number(expiresIn) : 0
  return Number.isFinite(seconds) && seconds > 0 ? seconds * 1_000 : 0
}
