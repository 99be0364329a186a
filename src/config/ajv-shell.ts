// Asks ajv: about one value without what is inside it (the walk of conform.ts goes inside), or about a whole document.

import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js'
import { secretKeyword } from '../contract/setting.ts'
import { choiceKeyword } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

// Each schema judges a value or two: optimising its code takes longer than running it.
const ajv = new Ajv2020({
  strict: false, allErrors: true, verbose: true, logger: false, validateFormats: false, code: { optimize: false }
})

// What the walk itself answers for.
const inside = new Set([
  'properties', 'patternProperties', 'additionalProperties', 'required', 'items', 'anyOf', 'oneOf', 'default',
  'description', 'title', '$schema'
])
const shells = new WeakMap<JsonSchema, ValidateFunction>()
const wholes = new WeakMap<JsonSchema, ValidateFunction>()

/** The first keyword that the value itself breaks, whatever is inside it; undefined where it is in order. */
export function brokenKeyword (schema: JsonSchema, value: unknown): string | undefined {
  let validate = shells.get(schema)
  if (validate === undefined) {
    const kept = Object.entries(schema).filter(([key]) => !inside.has(key))
    const typed = schema.properties !== undefined && schema.type === undefined ? [['type', 'object']] : []
    validate = ajv.compile(Object.fromEntries([...kept, ...typed]))
    shells.set(schema, validate)
  }
  return validate(value) ? undefined : firstOf(validate.errors ?? [])
}

// A wrong type explains the other errors; of the rest the first is as good as any.
function firstOf (errors: readonly ErrorObject[]): string {
  return (errors.find((error) => error.keyword === 'type') ?? errors[0])?.keyword ?? 'type'
}

/** A rule that a whole document breaks. `steps` leads there. */
export interface BrokenRule { readonly steps: readonly string[], readonly message: string }

/**
 * Judges a whole conformed document by the whole schema: a second opinion, which also knows the keywords that the walk
 * does not. Secrets are left out, because their text may be a reference.
 */
export function brokenRules (schema: JsonSchema, document: unknown): BrokenRule[] {
  let validate = wholes.get(schema)
  if (validate === undefined) {
    validate = ajv.compile(schema)
    wholes.set(schema, validate)
  }
  if (validate(document)) return []
  const rules: BrokenRule[] = []
  for (const error of validate.errors ?? []) {
    const parent = error.parentSchema as Record<string, unknown> | undefined
    if (parent?.[secretKeyword] === true || parent?.[choiceKeyword] !== undefined) continue
    const steps = error.instancePath.split('/').slice(1)
      .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    rules.push({ steps, message: error.message ?? error.keyword })
  }
  return rules
}
