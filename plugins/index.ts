// The registry of policies: one line each. A folder that is not listed here does not exist for the gateway.

import type { PolicyModule } from '../src/contract/policy.ts'
import { acl } from './acl/index.ts'
import { authApiKey } from './auth-api-key/index.ts'
import { authBasic } from './auth-basic/index.ts'
import { authIntrospection } from './auth-introspection/index.ts'
import { authJwt } from './auth-jwt/index.ts'
import { payloadLimit } from './payload-limit/index.ts'

export const policies: readonly PolicyModule[] = [
  authApiKey,
  authBasic,
  authJwt,
  authIntrospection,
  acl,
  payloadLimit
]
