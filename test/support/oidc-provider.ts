// A real OpenID Connect provider (npm oidc-provider) for tests: its keys can change, and it can be gone.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import type { JWK } from 'jose'

/** What is used of a library that brings no types. */
type ProviderClass = new (issuer: string, settings: object) => {
  callback (): (request: unknown, response: unknown) => void
}

export interface OidcProvider {
  readonly issuer: string
  /** A new access token that the client got for itself: a JWT for this audience, or an opaque one. */
  token (audience?: string): Promise<string>
  /** Nobody answers any more. */
  stop (): Promise<void>
  /** Answers again where it did, with a new key. */
  start (kid: string): Promise<void>
}

const client = { id: 'factory-7', secret: 'a secret of the client' }

function settingsOf (jwk: JWK): object {
  return {
    clients: [{
      client_id: client.id, client_secret: client.secret, grant_types: ['client_credentials'], redirect_uris: [], response_types: []
    }],
    jwks: { keys: [jwk] },
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        // Only a resource of its own makes an access token a JWT.
        getResourceServerInfo: (_context: unknown, audience: string) =>
          ({ scope: 'write', audience, accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'RS256' } } })
      }
    },
    scopes: ['write']
  }
}

/** Stop it in a teardown. */
export async function startOidcProvider (): Promise<OidcProvider> {
  // @ts-expect-error -- it brings no types
  const { Provider } = await import('oidc-provider') as { Provider: ProviderClass }
  let server: Server | undefined
  let port = 0

  const provider: OidcProvider = {
    get issuer () { return `http://127.0.0.1:${port}` },
    async token (audience) {
      const pair = `${encodeURIComponent(client.id)}:${encodeURIComponent(client.secret)}`
      const response = await fetch(`${provider.issuer}/token`, {
        method: 'POST', headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
        body: new URLSearchParams({
          grant_type: 'client_credentials', scope: 'write', ...(audience === undefined ? {} : { resource: audience })
        })
      })
      const { access_token: token } = await response.json() as { access_token?: string }
      if (token === undefined) throw new Error(`the provider gave no token: ${response.status}`)
      return token
    },
    async stop () {
      const stopped = server
      server = undefined
      if (stopped === undefined) return
      stopped.close()
      stopped.closeAllConnections()
      await once(stopped, 'close')
    },
    async start (kid) {
      const { privateKey } = await generateKeyPair('RS256', { extractable: true })
      const started = createServer().listen(port, '127.0.0.1')
      await once(started, 'listening')
      port = (started.address() as AddressInfo).port
      const jwk = { ...await exportJWK(privateKey), kid, alg: 'RS256', use: 'sig' }
      started.on('request', new Provider(provider.issuer, settingsOf(jwk)).callback())
      server = started
    }
  }
  await provider.start('first')
  return provider
}

/** Who asks at its introspection endpoint. */
export const oidcClient = client
