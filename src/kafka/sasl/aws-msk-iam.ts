// Tokens for Amazon MSK: a request that the credentials of this machine have signed, sent by OAUTHBEARER.

import { noToken } from './login-failure.ts'
import type { Token } from './token-source.ts'

export interface MskSettings {
  readonly region: string
  readonly roleArn?: string
  readonly profile?: string
}

interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly expiration?: Date
}

type CredentialsProvider = () => Promise<Credentials>

const sessionName = 'sluice'

/** The libraries are loaded when the first token is needed: they are large. */
export function mskToken (settings: MskSettings): () => Promise<Token> {
  let provider: CredentialsProvider | undefined
  return async () => {
    try {
      provider ??= await providerOf(settings)
      const { expiration, ...credentials } = await provider()
      const { generateAuthTokenFromCredentialsProvider } = await import('aws-msk-iam-sasl-signer-js')
      // Version 1.0.3 makes a broken token of credentials that expire within its 15 minutes: a fraction of a second in
      // X-Amz-Expires (aws-msk-iam-sasl-signer-js #33). It is not told of the end, which is kept here instead.
      const { token, expiryTime } = await generateAuthTokenFromCredentialsProvider({
        region: settings.region, awsCredentialsProvider: async () => credentials
      })
      const endMs = Math.min(expiryTime, expiration?.getTime() ?? Infinity)
      return { value: token, lifetimeMs: Math.max(0, endMs - Date.now()) }
    } catch (error) {
      throw noToken(`no token for Amazon MSK: ${error instanceof Error ? error.message : 'no credentials'}`)
    }
  }
}

/** By the signer's own choice of providers, which it exports from no better place. */
async function providerOf ({ region, roleArn, profile }: MskSettings): Promise<CredentialsProvider> {
  const providers = await import('aws-msk-iam-sasl-signer-js/dist/mskCredentialProvider.js')
  if (profile !== undefined) return providers.getCredentialsFromProfile(profile)
  if (roleArn !== undefined) return providers.getCredentialsFromRole(region, roleArn, sessionName)
  return providers.getDefaultCredentials({ region })
}
