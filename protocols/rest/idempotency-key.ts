// The Idempotency-Key header: a structured-field string (RFC 9651 section 3.3.3), or a bare token as many send it.

import { refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'

const token = /^[A-Za-z0-9!#$%&'*+.^_`|~:/=@-]+$/
const quotedString = /^"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/

/** The key itself, at most `bytesMax` characters (all of them ASCII). */
export function readIdempotencyKey (value: string, bytesMax: number): string | Refusal {
  const inner = quotedString.exec(value)?.[1]
  const key = inner === undefined ? value : inner.replace(/\\(["\\])/g, '$1')
  if (key.length === 0 || (inner === undefined && !token.test(value))) {
    return refuse('malformed', 'Idempotency-Key is neither a quoted string nor a token; send it as "...", in quotes')
  }
  if (key.length > bytesMax) {
    return refuse('malformed', `Idempotency-Key has ${key.length} characters and the limit is ${bytesMax}; send a shorter one`)
  }
  return key
}
