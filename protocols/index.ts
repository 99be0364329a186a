// The registry of adapters: one line each. A protocol that is not listed here does not exist for the gateway.

import { rest } from './rest/index.ts'
import { websocket } from './websocket/index.ts'

export const adapters = [rest, websocket] as const
