// Cross-origin requests (Fetch standard, section 3.2): what a browser is told, so that pages of other origins may send.

import type { IncomingMessage } from 'node:http'
import type { CorsConfig } from './config.ts'

/** Header pairs: name, value, name, value. */
type Pairs = readonly string[]

export interface Cors {
  /** The headers of an answer to a request of this origin. */
  pairs (origin: string | undefined): Pairs
  /** What the answer to a preflight says beside them; undefined where the request is none. */
  preflight (request: IncomingMessage): Pairs | undefined
}

const none: Pairs = []

/** Without origins no browser is told anything. */
export const noCors: Cors = { pairs: () => none, preflight: () => undefined }

/**
 * `methods` are those of all that the door serves: a preflight carries no credentials, and who has not proved itself
 * learns nothing of a path, not even whether it is there.
 */
export function createCors (config: CorsConfig, methods: readonly string[]): Cors {
  if (config.origins.length === 0) return noCors
  const everyone = config.origins.includes('*')
  const origins = new Set(config.origins)
  // An answer that depends on the origin must not be kept for another one.
  const varies: Pairs = everyone ? none : ['vary', 'Origin']
  const exposed: Pairs = config.exposedHeaders.length === 0
    ? none
    : ['access-control-expose-headers', config.exposedHeaders.join(', ')]
  const preflighted: Pairs = [
    'access-control-allow-methods', methods.join(', '),
    'access-control-allow-headers', config.allowedHeaders.join(', '),
    'access-control-max-age', String(Math.floor(config.maxAgeMs / 1_000))
  ]
  // Never for everyone, whatever the config says: any page could send as whoever looks at it.
  const credentials: Pairs = config.credentials && !everyone ? ['access-control-allow-credentials', 'true'] : none
  const isAllowed = (origin: string): boolean => everyone || origins.has(origin)

  return {
    pairs (origin) {
      if (origin === undefined || !isAllowed(origin)) return varies
      return ['access-control-allow-origin', everyone ? '*' : origin, ...credentials, ...varies, ...exposed]
    },
    preflight ({ method, headers }) {
      const { origin } = headers
      if (method !== 'OPTIONS' || origin === undefined) return undefined
      if (headers['access-control-request-method'] === undefined) return undefined
      return isAllowed(origin) ? preflighted : none
    }
  }
}
