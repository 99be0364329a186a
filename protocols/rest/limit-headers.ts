// Tells a sender how its limits stand: RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-10).

import type { Envelope } from '../../src/contract/envelope.ts'
import type { Limit, LimitState } from '../../src/contract/limit-state.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import type { Door } from './door.ts'
import type { Head } from './head.ts'
import { challengesOf } from './reply.ts'

/** More are not told: the first ones are those that come to an end first. */
const statesMax = 8

const quotaUnits = {
  // One request with one event is one of them: the draft's own default.
  'events': '',
  'bytes': ';qu="content-bytes"',
  'events-in-flight': ';qu="concurrent-requests"'
} as const satisfies Record<Limit['unit'], string>

interface WireForm { readonly name: string, readonly policy: string }

/** What does not change of a limit. There are as many as the config has. */
const forms = new WeakMap<Limit, WireForm>()

function formOf (limit: Limit): WireForm {
  let form = forms.get(limit)
  if (form === undefined) {
    // A string of RFC 9651: printable ASCII.
    const name = `"${limit.name.replace(/[^\x20-\x7e]/g, '?').replace(/["\\]/g, '\\$&')}"`
    const window = limit.windowMs === undefined ? '' : `;w=${Math.max(1, Math.ceil(limit.windowMs / 1_000))}`
    form = { name, policy: `${name};q=${limit.limitUnits}${quotaUnits[limit.unit]}${window}` }
    forms.set(limit, form)
  }
  return form
}

/** Names and values of the headers, the limit that is nearest to its end first. */
function limitHeaders (states: readonly LimitState[]): string[] {
  const [only] = states
  if (only === undefined) return []
  const first = states.length === 1 ? states
    : [...states].sort((a, b) => shareLeft(a) - shareLeft(b)).slice(0, statesMax)
  let policies = ''
  let levels = ''
  for (const { limit, leftUnits, resetMs } of first) {
    const { name, policy } = formOf(limit)
    const comma = policies === '' ? '' : ', '
    policies += comma + policy
    levels += `${comma}${name};r=${leftUnits}`
    if (resetMs !== undefined) levels += `;t=${Math.ceil(resetMs / 1_000)}`
  }
  return ['ratelimit-policy', policies, 'ratelimit', levels]
}

/** One request, as far as the headers of its answer are made from it. */
interface Answered {
  readonly door: Pick<Door, 'config' | 'ingress'>
  readonly event: Envelope | undefined
  readonly head: Pick<Head, 'requestId'>
  readonly requestId: string
}

/** Of a receipt; undefined where there is nothing to add. */
export function receiptHeaders ({ door, event, head, requestId }: Answered): string[] | undefined {
  if (!door.config.rateLimitHeaders || event === undefined) return undefined
  const headers = limitHeaders(door.ingress.limitsOf(event))
  if (head.requestId !== undefined) headers.push('x-request-id', requestId)
  return headers
}

/** Of a refusal, beside those that every problem has. */
export function refusalHeaders ({ door, event }: Answered, { code, limit: used }: Refusal): string[] | undefined {
  const { ingress } = door
  if (code === 'unauthenticated') return challengesOf(ingress.schemes)
  if (used === undefined) return undefined
  const others = event === undefined ? [] : ingress.limitsOf(event).filter(({ limit }) => limit !== used.limit)
  return limitHeaders([used, ...others])
}

function shareLeft ({ limit, leftUnits }: LimitState): number {
  return leftUnits / limit.limitUnits
}
