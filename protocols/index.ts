// The registry of adapters: one line each. A protocol that is not listed here does not exist for the gateway.

import { grpc } from './grpc/index.ts'
import { mqtt } from './mqtt/index.ts'
import { mqttBridge } from './mqtt-bridge/index.ts'
import { rest } from './rest/index.ts'
import { websocket } from './websocket/index.ts'

export const adapters = [rest, websocket, grpc, mqtt, mqttBridge] as const
