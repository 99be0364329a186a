// The registry of adapters: one line each. A protocol that is not listed here does not exist for the gateway.

import { grpc } from './grpc/index.ts'
import { rest } from './rest/index.ts'
import { websocket } from './websocket/index.ts'

export const adapters = [rest, websocket, grpc] as const
