// The SASL mechanism that `kafka.sasl` asks for.

import type { KafkaSettings } from '../config.ts'
import type { SaslMechanism } from '../wire/login.ts'
import { mskToken } from './aws-msk-iam.ts'
import { oauthBearer } from './oauthbearer.ts'
import { plain } from './plain.ts'
import { scram } from './scram.ts'
import { tokenEndpoint } from './token-endpoint.ts'
import { givenToken, TokenCache } from './token-source.ts'
import type { TokenSource } from './token-source.ts'

type SaslSettings = NonNullable<KafkaSettings['sasl']>
type TokenSettings = Extract<SaslSettings, { mechanism: 'oauthbearer' | 'aws-msk-iam' }>

export function createSaslMechanism (settings: KafkaSettings['sasl']): SaslMechanism | undefined {
  if (settings === undefined) return undefined
  switch (settings.mechanism) {
    case 'plain': return plain(settings.username, settings.password)
    case 'scram-sha-256': return scram('SCRAM-SHA-256', settings)
    case 'scram-sha-512': return scram('SCRAM-SHA-512', settings)
    case 'oauthbearer': return oauthBearer(createTokenSource(settings), settings.extensions)
    case 'aws-msk-iam': return oauthBearer(createTokenSource(settings))
  }
}

/** Throws where the settings name no origin of the token, which the check of the config does not let through. */
export function createTokenSource (settings: TokenSettings): TokenSource {
  if (settings.mechanism === 'aws-msk-iam') return new TokenCache(mskToken(settings))
  const { token, tokenUrl: url, clientId, clientSecret, scope } = settings
  if (token !== undefined) return givenToken(token)
  if (url === undefined || clientId === undefined || clientSecret === undefined) {
    throw new Error('kafka.sasl does not say where its token comes from')
  }
  return new TokenCache(tokenEndpoint({ url, clientId, clientSecret, scope }))
}
