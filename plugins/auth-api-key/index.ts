// The auth-api-key policy: finds the principal whose API key a peer shows. The config knows only the SHA-256 of a key.

import type { Principal } from '../../src/contract/envelope.ts'
import { refuse } from '../../src/contract/outcome.ts'
import type { AuthenticatorModule } from '../../src/contract/policy.ts'
import { principalOf } from '../../src/contract/principal.ts'
import type { PrincipalSettings } from '../../src/contract/principal.ts'
import { apiKeyConfig, apiKeyCredential } from './config.ts'
import type { ApiKeyConfig } from './config.ts'
import { createKeyTable } from './key-table.ts'
import type { KeyEntry } from './key-table.ts'
import { createLastKey } from './last-key.ts'

const credentialName = 'apiKey'

export const authApiKey: AuthenticatorModule<ApiKeyConfig> = {
  name: 'auth-api-key',
  kind: 'authenticator',
  config: apiKeyConfig,
  credential: { name: credentialName, schema: apiKeyCredential },

  create ({ config, principals }) {
    const header = config.header.toLowerCase()
    const { argument } = config
    const secretNames = argument === undefined ? [header] : [header, argument.toLowerCase()]
    const place = argument === undefined ? header : `${header} or the argument ${argument}`
    const advice = `send an API key in ${place}`
    // Made once: one answer for every wrong key, be it unknown, empty or too long.
    const unknown = refuse('unauthenticated', `this API key is not known; ${advice}`)
    const repeated = refuse('unauthenticated', `more than one API key was sent; ${advice}, once`)
    const keys = createKeyTable(principals.flatMap(entriesOf))
    const lastKey = createLastKey<Principal>()
    let headerCount = 0
    const countHeader = (name: string): void => { if (name === header) headerCount++ }

    return {
      secretNames,
      advice,
      scheme: 'ApiKey',
      authenticate (credentials, peer) {
        const { attributes } = credentials
        const inHeader = attributes.get(header)
        const inArgument = argument === undefined ? undefined : credentials.argument(argument)
        const key = inHeader ?? inArgument
        if (key === undefined) return undefined
        const remembered = lastKey.find(peer, key)
        const principal = remembered ?? keys.find(key)
        headerCount = 0
        if (inHeader !== undefined) attributes.forEach(countHeader)
        if (headerCount > 1 || (inHeader !== undefined && inArgument !== undefined)) return repeated
        if (principal === undefined) return unknown
        if (remembered === undefined) lastKey.keep(peer, key, principal)
        return principal
      }
    }
  }
}

function entriesOf (settings: PrincipalSettings): KeyEntry<Principal>[] {
  const owner = principalOf(settings)
  return settings.credentials
    .map(credential => credential[credentialName])
    .filter(value => typeof value === 'string')
    .map(value => ({ digest: value.slice('sha256:'.length), owner }))
}
