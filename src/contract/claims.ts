// Makes principals out of what a token says (RFC 7519 section 4, RFC 7662 section 2.2): name, groups, attributes.

import type { Principal } from './envelope.ts'
import { compilePointer } from './json-pointer.ts'
import { isRefusal, refuse } from './outcome.ts'
import type { Refusal } from './outcome.ts'

export type Claims = Readonly<Record<string, unknown>>

/** Which claims count. Each is a name, or a JSON pointer where it begins with `/`. */
export interface ClaimSettings {
  readonly principalClaim: string
  readonly principalPrefix: string
  readonly groupsClaim?: string | undefined
  /** What it may give as the source of events, and the claim that says so for one token. Neither: anything. */
  readonly sources?: readonly string[] | undefined
  readonly sourcesClaim?: string | undefined
  /** Claim by the name of the attribute. */
  readonly attributeClaims: Readonly<Record<string, string>>
}

export interface ClaimReader {
  /** The subject, without the prefix; a refusal where it is absent or no name. */
  subject (claims: Claims): string | Refusal
  /** A principal of that subject. */
  principal (subject: string, claims: Claims, expiresAtMs: number | undefined): Principal | Refusal
}

/** The JSON Schema of `sources`, and what `sourcesClaim` means: the same wherever claims make principals. */
export const sourcesSetting = {
  type: 'array', items: { type: 'string', minLength: 1, maxLength: 256 }, minItems: 1, maxItems: 256,
  description: 'What such a principal may give as the `source` of its events, exactly or, ending in `*`, as a beginning; ' +
    'if absent, anything.'
}
export const sourcesClaimMeaning =
  'What lists the same for one principal, a list or text with spaces between, in place of `sources`. ' +
  'If absent, `sources` holds for all; with it alone, a principal without it may give none.'

const nameLengthMax = 256
const groupsMax = 256
const valueLengthMax = 1_024

const noName = refuse('unauthenticated', 'the token names nobody in the claim that this gateway reads; ask its issuer')
const oddGroups = refuse('unauthenticated', 'the groups in the token are no list of names, or too many; ask its issuer')

const oddSources = refuse('unauthenticated', 'the sources in the token are no list of texts, or too many; ask its issuer')
const noSources: readonly string[] = Object.freeze([])

/** Throws where a claim is no pointer, in words for the operator. */
export function createClaimReader (settings: ClaimSettings): ClaimReader {
  const readName = claimAt(settings.principalClaim)
  const readGroups = settings.groupsClaim === undefined ? () => undefined : claimAt(settings.groupsClaim)
  const readSources = createSourcesReader(settings)
  const attributes = Object.entries(settings.attributeClaims).map(([name, claim]) => ({ name, read: claimAt(claim) }))
  return {
    subject (claims) {
      const value = readName(claims)
      return isName(value) ? value : noName
    },
    principal (subject, claims, expiresAtMs) {
      const groups = namesIn(readGroups(claims))
      if (groups === undefined) return oddGroups
      const sources = readSources(claims)
      if (isRefusal(sources)) return sources
      const known = attributes.flatMap(({ name, read }) => {
        const text = textIn(read(claims))
        return text === undefined ? [] : [[name, text] as const]
      })
      return Object.freeze({
        name: `${settings.principalPrefix}${subject}`, groups: Object.freeze(groups), anonymous: false,
        sources, attributes: known.length === 0 ? undefined : Object.freeze(Object.fromEntries(known)), expiresAtMs
      })
    }
  }
}

/** What the claim says, else what is set for all; where only the claim is set and a token lacks it, nothing. */
function createSourcesReader ({ sources, sourcesClaim }: ClaimSettings):
(claims: Claims) => readonly string[] | Refusal | undefined {
  const standard = sources === undefined ? undefined : Object.freeze([...sources])
  if (sourcesClaim === undefined) return () => standard
  const read = claimAt(sourcesClaim)
  return claims => {
    const value = read(claims)
    if (value === undefined || value === null) return standard ?? noSources
    const named = namesIn(value)
    return named === undefined ? oddSources : Object.freeze(named)
  }
}

function claimAt (claim: string): (claims: Claims) => unknown {
  if (!claim.startsWith('/')) return claims => ownValue(claims, claim)
  const pointer = compilePointer(claim)
  if (pointer === undefined) throw new Error(`the claim ${claim} is no JSON pointer: a "~" in it is written "~0"`)
  return claims => pointer.steps.reduce<unknown>((value, { name }) => ownValue(value, name), claims)
}

/** Never what stands in a prototype. */
function ownValue (value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return (value as Readonly<Record<string, unknown>>)[name]
}

// What can be seen and stays on one line: names stand in logs, keys and policies.
const printable = /^[^\p{C}\p{Zl}\p{Zp}]+$/u

function isName (value: unknown): value is string {
  return typeof value === 'string' && value.length <= nameLengthMax && printable.test(value) && value.trim() === value
}

/** A list of names, or a text of names with spaces between them as `scope` has it (RFC 8693 section 4.2). */
function namesIn (value: unknown): string[] | undefined {
  if (value === undefined || value === null) return []
  const names: unknown = typeof value === 'string' ? value.split(' ').filter(name => name !== '') : value
  // To leave some out could leave out the one that is denied.
  if (!Array.isArray(names) || names.length > groupsMax) return undefined
  return names.every(isName) ? [...new Set(names)] : undefined
}

function textIn (value: unknown): string | undefined {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  return typeof value === 'string' && value.length <= valueLengthMax ? value : undefined
}

/** True where a list or a text of audiences (RFC 7519 section 4.1.3) has one of those that are meant. */
export function isMeantFor (audience: unknown, meant: readonly string[]): boolean {
  const named: readonly unknown[] = Array.isArray(audience) ? audience : [audience]
  return named.some(one => typeof one === 'string' && meant.includes(one))
}
