// Whose certificate is it: what principals claim of certificates, compiled once, looked up in the config's order.

import type { Certificate } from '../../src/contract/envelope.ts'
import { SettingError } from '../../src/contract/setting-error.ts'
import type { MtlsCredential } from './config.ts'

export interface Claim<Owner> {
  readonly credential: MtlsCredential
  readonly owner: Owner
  /** Where it stands in the config. */
  readonly path: readonly (string | number)[]
}

interface Ranked<Owner> { readonly owner: Owner, readonly rank: number, readonly path: Claim<Owner>['path'] }

type Kind = keyof MtlsCredential

/** The texts of a certificate that a claim of this kind may be about, as `written` has them. */
const textsOf: Record<Kind, (certificate: Certificate) => readonly string[]> = {
  subject: ({ subject }) => subject === '' ? [] : [subject],
  dnsName: ({ dnsNames }) => dnsNames,
  uri: ({ uris }) => uris,
  email: ({ emails }) => emails,
  fingerprint: ({ fingerprint }) => [fingerprint]
}

/** DNS names and hex mean the same in any case. */
function written (kind: Kind, text: string): string {
  if (kind === 'dnsName') return text.toLowerCase()
  return kind === 'fingerprint' ? text.replaceAll(':', '').toLowerCase() : text
}

/** A claim as a kind and a text; a text of many URIs ends in `*`. */
function parts ({ credential }: Claim<unknown>): { kind: Kind, text: string }[] {
  return Object.entries(credential).map(([kind, text]) => ({ kind: kind as Kind, text: written(kind as Kind, text) }))
}

/**
 * Returns the function that finds an owner: of several whose claims fit in different ways, the first of the list.
 * Throws where two owners claim what one name of a certificate can be.
 */
export function createOwnerTable<Owner> (
  claims: readonly Claim<Owner>[]
): (certificate: Certificate) => Owner | undefined {
  const exact = new Map<string, Ranked<Owner>>()
  const beginnings = new Map<string, Ranked<Owner>>()
  for (const [rank, claim] of claims.entries()) {
    for (const { kind, text } of parts(claim)) {
      const many = kind === 'uri' && text.endsWith('*')
      const table = many ? beginnings : exact
      const key = many ? text.slice(0, -1) : `${kind} ${text}`
      const before = table.get(key)
      if (before !== undefined && before.owner !== claim.owner) throw clash(text, text, [...claim.path, kind])
      if (before === undefined) table.set(key, { owner: claim.owner, rank, path: [...claim.path, kind] })
    }
  }
  refuseOverlaps(exact, beginnings)

  return certificate => {
    let first: Ranked<Owner> | undefined
    const consider = (found: Ranked<Owner> | undefined): void => {
      if (found !== undefined && (first === undefined || found.rank < first.rank)) first = found
    }
    for (const kind of Object.keys(textsOf) as Kind[]) {
      for (const text of textsOf[kind](certificate)) consider(exact.get(`${kind} ${written(kind, text)}`))
    }
    for (const uri of certificate.uris) consider(ownerOfBeginning(uri, beginnings))
    return first?.owner
  }
}

function ownerOfBeginning<Owner> (
  uri: string, beginnings: ReadonlyMap<string, Ranked<Owner>>
): Ranked<Owner> | undefined {
  let first: Ranked<Owner> | undefined
  for (const [start, ranked] of beginnings) {
    if (uri.startsWith(start) && (first === undefined || ranked.rank < first.rank)) first = ranked
  }
  return first
}

function refuseOverlaps<Owner> (
  exact: ReadonlyMap<string, Ranked<Owner>>, beginnings: ReadonlyMap<string, Ranked<Owner>>
): void {
  const uris = [...exact].filter(([key]) => key.startsWith('uri ')).map(([key, one]) => [key.slice(4), one] as const)
  for (const [start, mine] of beginnings) {
    const { owner } = mine
    const later = (other: Ranked<Owner>): Claim<Owner>['path'] => other.rank > mine.rank ? other.path : mine.path
    for (const [other, ranked] of beginnings) {
      if (other.startsWith(start) && ranked.owner !== owner) throw clash(`${start}*`, `${other}*`, later(ranked))
    }
    for (const [other, ranked] of uris) {
      if (other.startsWith(start) && ranked.owner !== owner) throw clash(`${start}*`, other, later(ranked))
    }
  }
}

/** `path` is the place of the later one. */
function clash (one: string, other: string, path: readonly (string | number)[]): Error {
  const both = one === other ? `"${one}"` : `"${one}" and "${other}"`
  const kind = String(path.at(-1))
  return new SettingError(`two principals claim the same certificates by mtls.${kind}: ${both}; let only one of them`, path)
}
