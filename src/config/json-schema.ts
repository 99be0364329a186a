// The part of JSON Schema (draft 2020-12) that config schemas use, as a type, and the questions that are asked of it.

import { bytesKeyword, expectedKeyword, secretKeyword } from '../contract/setting.ts'
import type { hideKeyword } from '../contract/setting.ts'
import { showBytes } from './byte-size.ts'

/** A schema as the config room reads it. Other keywords are left to ajv. */
export interface JsonSchema {
  readonly type?: string | readonly string[]
  readonly title?: string
  readonly description?: string
  readonly default?: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: boolean | JsonSchema
  readonly required?: readonly string[]
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: number
  readonly minLength?: number
  readonly maxLength?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly pattern?: string
  readonly [bytesKeyword]?: { readonly minimumBytes?: number, readonly maximumBytes?: number }
  readonly [secretKeyword]?: boolean
  readonly [choiceKeyword]?: string
  readonly [hideKeyword]?: boolean
  readonly [expectedKeyword]?: string
  readonly [elsewhereKeyword]?: { readonly names: readonly string[], readonly place: string }
}

/** On a mapping with exactly one key out of its properties; the value names what the key is, e.g. `policy`. */
export const choiceKeyword = 'x-choice'
/** Beside it: names that are known, but stand in another place only. */
export const elsewhereKeyword = 'x-elsewhere'

export function isRecord (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The JSON Schema word for the value's type; integers are `integer`. */
export function typeOf (value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

/** The types that a schema takes; empty: any. */
export function typesOf (schema: JsonSchema): readonly string[] {
  if (schema.type !== undefined) return typeof schema.type === 'string' ? [schema.type] : schema.type
  if (schema.enum !== undefined) return [...new Set(schema.enum.map(typeOf))]
  if (schema.const !== undefined) return [typeOf(schema.const)]
  const branches = schema.anyOf ?? schema.oneOf
  if (branches !== undefined) return [...new Set(branches.flatMap(typesOf))]
  return schema.properties !== undefined ? ['object'] : []
}

export function takesType (schema: JsonSchema, type: string): boolean {
  const types = typesOf(schema)
  return types.length === 0 || types.includes(type) || (type === 'integer' && types.includes('number'))
}

/** True where the schema or any branch of it is a secret. */
export function isSecret (schema: JsonSchema): boolean {
  return schema[secretKeyword] === true || (schema.anyOf ?? schema.oneOf ?? []).some(isSecret)
}

const mergedBranches = new WeakMap<JsonSchema, readonly JsonSchema[]>()

/** The branches of a union, each with what stands beside the union; undefined where it is none. Made once. */
export function branchesOf (schema: JsonSchema): readonly JsonSchema[] | undefined {
  const branches = schema.anyOf ?? schema.oneOf
  if (branches === undefined) return undefined
  const known = mergedBranches.get(schema)
  if (known !== undefined) return known
  const { anyOf: _anyOf, oneOf: _oneOf, default: _default, ...beside } = schema
  const merged = branches.map((branch) => ({ ...beside, ...branch }))
  mergedBranches.set(schema, merged)
  return merged
}

/**
 * The branch that the value was probably meant for; the schema itself where it is no union; undefined where no branch
 * takes the value's type.
 */
export function branchFor (
  schema: JsonSchema, value: unknown, fits: (branch: JsonSchema) => boolean
): JsonSchema | undefined {
  const branches = branchesOf(schema)
  if (branches === undefined) return schema
  const possible = branches.filter((branch) => takesType(branch, typeOf(value)))
  const chosen = isRecord(value)
    ? possible.toSorted((a, b) => likeness(b, value) - likeness(a, value))[0]
    : possible.find(fits) ?? possible[0]
  return chosen === undefined ? undefined : branchFor(chosen, value, fits)
}

/** A key whose value tells the branches of a union of mappings apart, with the values it may have. */
export interface Mark { readonly key: string, readonly schema: JsonSchema, readonly values: readonly unknown[] }

/** The mark of a union: a property that is a constant of its own in every branch that is a mapping. */
export function markOf (schema: JsonSchema): Mark | undefined {
  const branches = (branchesOf(schema) ?? []).filter((branch) => branch.properties !== undefined)
  for (const [key, property] of Object.entries(branches[0]?.properties ?? {})) {
    const values = branches.map((branch) => branch.properties?.[key]?.const)
    const apart = values.length > 1 && new Set(values).size === values.length && !values.includes(undefined)
    if (apart) return { key, values, schema: { enum: values, ...describedBy(property) } }
  }
  return undefined
}

function describedBy ({ description }: JsonSchema): { description?: string } {
  return description === undefined ? {} : { description }
}

function likeness (schema: JsonSchema, value: Record<string, unknown>): number {
  let points = 0
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const given = Object.hasOwn(value, key)
    if (given) points += 1
    if (given && property.const !== undefined) points += property.const === value[key] ? 100 : -100
    if (given && property.enum !== undefined) points += property.enum.includes(value[key]) ? 100 : -100
    if (!given && schema.required?.includes(key) === true && property.default === undefined) points -= 1
  }
  return points
}

/** What a schema takes, in words for an operator, to follow "expected". */
export function describe (schema: JsonSchema): string {
  const branches = branchesOf(schema)
  if (branches !== undefined) return [...new Set(branches.map(describe))].join(', or ')
  if (schema[bytesKeyword] !== undefined) return describeBytes(schema[bytesKeyword])
  if (schema.const !== undefined) return JSON.stringify(schema.const)
  if (schema.enum !== undefined) return `one of: ${schema.enum.map((item) => String(item)).join(', ')}`
  const types = typesOf(schema)
  if (types.length === 0) return 'another value'
  return types.map((type) => describeType(schema, type)).join(', or ')
}

function describeType (schema: JsonSchema, type: string): string {
  switch (type) {
    case 'integer': return `a whole number${range(schema)}`
    case 'number': return `a number${range(schema)}`
    case 'boolean': return 'true or false'
    case 'array': return `a list${lengths(schema.minItems, schema.maxItems, 'items')}`
    case 'object': return schema[choiceKeyword] === undefined ? 'a mapping' : oneChoice(schema, schema[choiceKeyword])
    case 'null': return 'null'
    default: {
      if (schema[expectedKeyword] !== undefined) return schema[expectedKeyword]
      const shape = schema.pattern === undefined ? '' : ` that matches ${schema.pattern}`
      return `text${lengths(schema.minLength, schema.maxLength, 'characters')}${shape}`
    }
  }
}

function oneChoice (schema: JsonSchema, choice: string): string {
  const names = Object.keys(schema.properties ?? {})
  return `a mapping with one key, the ${choice}: ${names.join(', ')}`
}

function range ({ minimum, maximum, exclusiveMinimum }: JsonSchema): string {
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`
  if (minimum !== undefined) return `, at least ${minimum}`
  if (exclusiveMinimum !== undefined) return ` above ${exclusiveMinimum}`
  return maximum === undefined ? '' : `, at most ${maximum}`
}

function lengths (least: number | undefined, most: number | undefined, unit: string): string {
  if (least !== undefined && most !== undefined) return ` of ${least} to ${most} ${unit}`
  if (most !== undefined) return ` of at most ${most} ${unit}`
  if (least === undefined || least === 0) return ''
  return least === 1 ? ' that is not empty' : ` of at least ${least} ${unit}`
}

function describeBytes ({ minimumBytes = 0, maximumBytes }: { minimumBytes?: number, maximumBytes?: number }): string {
  const bounds = [
    minimumBytes > 1 ? `at least ${showBytes(minimumBytes)}` : '',
    maximumBytes === undefined ? '' : `at most ${showBytes(maximumBytes)}`
  ].filter((bound) => bound !== '')
  return ['a byte size such as 512, 64KiB or 1GiB', ...bounds].join(', ')
}
