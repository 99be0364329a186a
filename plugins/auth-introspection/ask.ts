// Asks an authorization server whether a token is active (RFC 7662), in bounded time and space.

import { boundedText } from '../../src/contract/bounded-text.ts'
import type { Claims } from '../../src/contract/claims.ts'
import type { Secret } from '../../src/contract/secret.ts'
import { trustedUrl } from '../../src/contract/trusted-url.ts'

export interface Endpoint {
  readonly url: string
  readonly clientId: string
  readonly clientSecret: Secret
  readonly timeoutMs: number
}

/** What the server says of a token; `active` in it is true or false. Rejects, in words for the operator, else. */
export type Ask = (token: string, signal: AbortSignal) => Promise<Claims>

const answerBytesMax = 65_536

/** Throws, in words for the operator, where the address may not be asked. */
export function createAsk ({ url: text, clientId, clientSecret, timeoutMs }: Endpoint): Ask {
  const url = trustedUrl(text)
  if (url === undefined) {
    throw new Error(`tokens cannot be sent to ${text.slice(0, 200)}: it must be an encrypted address, or one of this machine`)
  }
  return async (token, signal) => {
    // Encoded first, as RFC 6749 section 2.3.1 has it.
    const pair = `${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret.reveal())}`
    const response = await fetch(url, {
      method: 'POST',
      // A redirect would take token and secret somewhere else.
      redirect: 'error',
      headers: { accept: 'application/json', authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
      body: new URLSearchParams({ token, token_type_hint: 'access_token' }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
    })
    if (!response.ok || response.body === null) {
      await response.body?.cancel()
      throw new Error('the introspection endpoint answered that it cannot; are the client and its secret right?')
    }
    const answer = parsed(await boundedText(response.body, answerBytesMax))
    if (typeof answer?.active !== 'boolean') throw new Error('the introspection endpoint gave no answer of RFC 7662')
    return answer
  }
}

function parsed (text: string | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '')
    return typeof value === 'object' && value !== null ? value as Record<string, unknown> : undefined
  } catch {
    // The platform's words would repeat the answer.
    return undefined
  }
}
