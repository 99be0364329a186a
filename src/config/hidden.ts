// A config as it may be shown: every secret, hash and password of it replaced by ***.

import { hideKeyword, secretKeyword } from '../contract/setting.ts'
import { brokenKeyword } from './ajv-shell.ts'
import { below } from './freeze.ts'
import { branchFor, isRecord, isSecret } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import type { ConfigDocument } from './load.ts'

const hidden = '***'
/** User and password of an address, which nobody marked as a secret. */
const userInfo = /(?<=:\/\/)[^/?#\s]*@/g

/** A copy of a validated document for the eyes of an operator. What the schema does not know is hidden. */
export function hideSecrets (schema: JsonSchema, document: ConfigDocument): unknown {
  return shown(schema, document)
}

function shown (union: JsonSchema | undefined, value: unknown): unknown {
  if (union === undefined) return hidden
  const schema = branchFor(union, value, branch => brokenKeyword(branch, value) === undefined)
  if (schema === undefined || schema[secretKeyword] === true || isSecret(union)) return hidden
  if (schema[hideKeyword] === true) return masked(schema, value)
  if (typeof value === 'string') return value.replace(userInfo, `${hidden}@`)
  return inside(schema, value, shown)
}

/** Only the keys that the schema names are left, e.g. the kind of a credential. */
function masked (schema: JsonSchema | undefined, value: unknown): unknown {
  const open = Array.isArray(value) || (isRecord(value) && schema?.properties !== undefined)
  return open ? inside(schema ?? {}, value, masked) : hidden
}

type Visit = (schema: JsonSchema | undefined, value: unknown) => unknown

function inside (schema: JsonSchema, value: unknown, visit: Visit): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => visit(schema.items, item))
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, visit(below(schema, key), item)]))
}
