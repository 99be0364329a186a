// The registry of adapters: one line each. A protocol that is not listed here does not exist for the gateway.

import { mqtt } from './mqtt/index.ts'
import { rest } from './rest/index.ts'

export const adapters = [rest, mqtt] as const
