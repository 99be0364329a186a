// Reads which signatures a message carries, over what and by whose key (RFC 9421 section 4).

import { isInnerList, parseDictionary } from 'structured-headers'
import type { Dictionary, InnerList } from 'structured-headers'

/** One signature and what it says of itself. Times are seconds since the epoch. */
export interface Claim {
  readonly keyId: string
  readonly input: InnerList
  readonly signature: Buffer
  readonly created: number
  readonly expires: number | undefined
  readonly algorithm: string | undefined
}

/** Why a message cannot be checked, in words for its sender. */
export interface Mistake { readonly mistake: string }

/** A message may carry those of others, such as of proxies. */
const signaturesCountMax = 8

function dictionaryOf (text: string): Dictionary | undefined {
  try {
    return parseDictionary(text)
  } catch {
    return undefined
  }
}

/** The one signature by a key that is known; undefined where there is none. */
export function readClaim (
  fields: ReadonlyMap<string, string>, isKnown: (keyId: string) => boolean
): Claim | Mistake | undefined {
  const inputs = dictionaryOf(fields.get('signature-input') ?? '')
  const signatures = dictionaryOf(fields.get('signature') ?? '')
  if (inputs === undefined || signatures === undefined) {
    return { mistake: 'Signature-Input and Signature must be dictionaries of structured fields' }
  }
  if (inputs.size > signaturesCountMax) return { mistake: `a message may carry ${signaturesCountMax} signatures` }
  let found: Claim | Mistake | undefined
  for (const [label, input] of inputs) {
    const keyId = input[1].get('keyid')
    if (!isInnerList(input) || typeof keyId !== 'string' || !isKnown(keyId)) continue
    if (found !== undefined) return { mistake: 'two signatures are by keys known here; send one' }
    found = claimOf(keyId, input, signatures.get(label)?.[0])
  }
  return found
}

function claimOf (keyId: string, input: InnerList, signature: unknown): Claim | Mistake {
  const created = input[1].get('created')
  const expires = input[1].get('expires')
  const algorithm = input[1].get('alg')
  if (!(signature instanceof ArrayBuffer)) return { mistake: 'a label of Signature-Input has no signature of that name' }
  if (typeof created !== 'number' || !Number.isInteger(created)) return { mistake: 'the signature must say when it was created' }
  if (expires !== undefined && !(typeof expires === 'number' && Number.isInteger(expires))) {
    return { mistake: 'expires must be a whole number of seconds' }
  }
  if (algorithm !== undefined && typeof algorithm !== 'string') return { mistake: 'alg must be a text' }
  return { keyId, input, signature: Buffer.from(signature), created, expires, algorithm }
}
