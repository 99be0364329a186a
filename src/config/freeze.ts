// Makes the config that rooms are given out of a validated document: deeply frozen, with secrets that cannot be shown.

import { secretKeyword } from '../contract/setting.ts'
import { Secret } from '../contract/secret.ts'
import { brokenKeyword } from './ajv-shell.ts'
import { branchFor, isRecord } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import type { ConfigDocument } from './load.ts'
import { expand } from './reference.ts'
import type { ReferenceSources } from './reference.ts'
import { readTextFile } from './text-file.ts'

export type Frozen = Readonly<Record<string, unknown>>

export interface FreezeOptions {
  /** What `loadConfig` gave, perhaps in another thread. */
  readonly document: ConfigDocument
  readonly schema: JsonSchema
  /** Folder of the config file. */
  readonly baseDir: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly readFile?: (path: string) => string
}

/** Files behind secrets are read at every `reveal`, which throws BrokenReference where one has gone. */
export function freezeConfig (options: FreezeOptions): Frozen {
  const { document, schema, baseDir, env, readFile = readTextFile } = options
  return freeze(schema, document, { env, baseDir, readFile }) as Frozen
}

function freeze (union: JsonSchema | undefined, value: unknown, sources: ReferenceSources): unknown {
  const schema = union === undefined
    ? undefined
    : branchFor(union, value, (branch) => brokenKeyword(branch, value) === undefined)
  if (typeof value === 'string' && schema?.[secretKeyword] === true) {
    return new Secret(value, (reference) => expand(reference, sources))
  }
  if (Array.isArray(value)) return Object.freeze(value.map((item: unknown) => freeze(schema?.items, item, sources)))
  if (!isRecord(value)) return value
  const copy: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value)) copy[key] = freeze(below(schema, key), item, sources)
  return Object.freeze(copy)
}

/** The schema of what stands under a key; undefined where it knows no such key. */
export function below (schema: JsonSchema | undefined, key: string): JsonSchema | undefined {
  if (schema === undefined) return undefined
  if (schema.properties !== undefined && Object.hasOwn(schema.properties, key)) return schema.properties[key]
  for (const [pattern, property] of Object.entries(schema.patternProperties ?? {})) {
    if (new RegExp(pattern, 'u').test(key)) return property
  }
  return typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined
}
