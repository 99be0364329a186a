// The auth-mtls policy: finds the principal whose certificate a peer has shown. TLS itself has verified it by then.

import type { Certificate, Principal } from '../../src/contract/envelope.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { AuthenticatorModule } from '../../src/contract/policy.ts'
import { principalOf } from '../../src/contract/principal.ts'
import type { PrincipalSettings } from '../../src/contract/principal.ts'
import { mtlsConfig, mtlsCredential } from './config.ts'
import type { MtlsConfig, MtlsCredential } from './config.ts'
import { createOwnerTable } from './owner-table.ts'
import type { Claim } from './owner-table.ts'

const credentialName = 'mtls'
const advice = 'connect with a TLS client certificate'
const unknown = refuse('unauthenticated', 'your TLS client certificate belongs to nobody known here; ask the operator')

export const authMtls: AuthenticatorModule<MtlsConfig> = {
  name: 'auth-mtls',
  kind: 'authenticator',
  config: mtlsConfig,
  credential: { name: credentialName, schema: mtlsCredential },

  create ({ principals }) {
    const find = createOwnerTable(principals.flatMap(claimsOf))
    // A certificate is the same object for as long as its connection lasts.
    const known = new WeakMap<Certificate, Principal>()

    return {
      // Its proof is not in what travels beside the data.
      secretNames: [],
      advice,
      authenticate (_credentials, { certificate }) {
        if (certificate === undefined) return undefined
        const remembered = known.get(certificate)
        if (remembered !== undefined) return remembered
        const owner = find(certificate)
        if (owner === undefined) return unknown
        const principal = Object.freeze({ ...owner, expiresAtMs: certificate.expiresAtMs })
        known.set(certificate, principal)
        return principal
      }
    }
  }
}

function claimsOf (settings: PrincipalSettings, at: number): Claim<Principal>[] {
  const owner = principalOf(settings)
  return settings.credentials.flatMap((credential, index) => {
    const claim = credential[credentialName]
    return claim === undefined ? [] : [
      { credential: claim as MtlsCredential, owner, path: ['principals', at, 'credentials', index, credentialName] }
    ]
  })
}
