// The registry of policies: one line each. A folder that is not listed here does not exist for the gateway.

import type { PolicyModule } from '../src/contract/policy.ts'
import { acl } from './acl/index.ts'
import { authApiKey } from './auth-api-key/index.ts'
import { authSignature } from './auth-signature/index.ts'
import { authWebhook } from './auth-webhook/index.ts'
import { authMtls } from './auth-mtls/index.ts'
import { ipRestriction } from './ip-restriction/index.ts'
import { connectionLimit } from './connection-limit/index.ts'
import { inFlightLimit } from './in-flight-limit/index.ts'
import { authBasic } from './auth-basic/index.ts'
import { authIntrospection } from './auth-introspection/index.ts'
import { authJwt } from './auth-jwt/index.ts'
import { payloadLimit } from './payload-limit/index.ts'
import { quota } from './quota/index.ts'
import { rateLimit } from './rate-limit/index.ts'

export const policies: readonly PolicyModule[] = [
  authApiKey,
  authSignature,
  authWebhook,
  authMtls,
  ipRestriction,
  authBasic,
  authJwt,
  authIntrospection,
  acl,
  payloadLimit,
  connectionLimit,
  inFlightLimit,
  rateLimit,
  quota
]
