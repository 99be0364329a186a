// Walks a document along the schema: resolves references, fills in defaults (inside unions too), counts byte sizes and
// collects every mistake once. Leaves are judged by ajv.

import { bytesKeyword, hideKeyword } from '../contract/setting.ts'
import { brokenKeyword } from './ajv-shell.ts'
import { parseBytes } from './byte-size.ts'
import {
  branchFor, choiceKeyword, describe, elsewhereKeyword, isRecord, isSecret, markOf, takesType, typesOf
} from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { nearest, quote } from './mistake.ts'
import type { Path } from './mistake.ts'
import { BrokenReference, expand, holdsReference, isOneReference } from './reference.ts'
import type { ReferenceSources } from './reference.ts'

/** A mistake before its place in the file is known. */
export interface Found {
  readonly path: Path
  readonly problem: string
  readonly expected: string
  readonly suggestion?: string | undefined
  /** What the schema says of the setting. */
  readonly description?: string | undefined
}

interface Place {
  readonly path: Path
  /** True: nothing that stands here may be repeated. */
  readonly hidden: boolean
}

export interface Conformed {
  readonly value: unknown
  readonly found: readonly Found[]
  /** What references gave, for no mistake to repeat it. */
  readonly revealed: readonly string[]
}

/**
 * The value with defaults filled in, references resolved (those in secrets only tried) and byte sizes as numbers. It
 * means something only where `found` is empty. The given value is left as it is.
 */
export function conform (schema: JsonSchema, value: unknown, sources: ReferenceSources): Conformed {
  const walk = new Walk(sources)
  const conformed = walk.visit(schema, value, { path: [], hidden: false })
  return { value: conformed, found: walk.found, revealed: walk.revealed }
}

class Walk {
  readonly found: Found[] = []
  readonly revealed: string[] = []
  readonly #sources: ReferenceSources

  constructor (sources: ReferenceSources) { this.#sources = sources }

  visit (schema: JsonSchema, value: unknown, place: Place): unknown {
    const hidden = place.hidden || schema[hideKeyword] === true || isSecret(schema)
    const here = hidden === place.hidden ? place : { path: place.path, hidden }
    return typeof value === 'string' ? this.#text(schema, value, here) : this.#value(schema, value, here)
  }

  #text (schema: JsonSchema, text: string, place: Place): unknown {
    if (!holdsReference(text)) return this.#value(schema, text, place)
    try {
      const expanded = expand(text, this.#sources)
      if (isSecret(schema)) return text
      this.revealed.push(expanded)
      const typed = isOneReference(text) && !takesType(schema, 'string') ? fromText(expanded) : expanded
      // What a reference gave may be a secret that landed in the wrong place.
      return this.#value(schema, typed, { path: place.path, hidden: true })
    } catch (error) {
      if (!(error instanceof BrokenReference)) throw error
      this.found.push({ path: place.path, problem: error.message, expected: error.expected })
      return text
    }
  }

  #value (union: JsonSchema, given: unknown, place: Place): unknown {
    // A policy without settings may be written as its bare name.
    const named = union[choiceKeyword] !== undefined && typeof given === 'string' ? { [given]: {} } : given
    const value = isRecord(named) ? this.#marked(union, named, place) : named
    const schema = branchFor(union, value, (branch) => brokenKeyword(branch, value) === undefined)
    const broken = schema === undefined ? 'type' : brokenKeyword(schema, value)
    if (schema === undefined || broken !== undefined) {
      const choice = union[choiceKeyword]
      // One unknown name says more than that it is not one of the names.
      if (schema !== undefined && choice !== undefined && isRecord(value)) this.#record(schema, value, place)
      this.#broken(schema ?? union, value, broken ?? 'type', place)
      return value
    }
    if (schema[bytesKeyword] !== undefined) return this.#bytes(schema, value, place)
    if (Array.isArray(value)) return this.#list(schema, value, place)
    return isRecord(value) ? this.#record(schema, value, place) : value
  }

  /** Tells of a value that marks no branch of the union; the branch that was probably meant then judges the rest. */
  #marked (union: JsonSchema, record: Record<string, unknown>, place: Place): Record<string, unknown> {
    const mark = markOf(union)
    const given = mark === undefined ? undefined : record[mark.key]
    if (mark === undefined || mark.values.includes(given)) return record
    const here = inside(place, mark.key)
    const { schema, values } = mark
    const value = given === undefined ? this.#absent(schema, here) : this.visit(schema, given, here)
    const meant = typeof value === 'string' ? nearest(value, values.filter((one) => typeof one === 'string')) : undefined
    return { ...record, [mark.key]: values.includes(value) ? value : meant ?? values[0] }
  }

  #broken (schema: JsonSchema, value: unknown, keyword: string, place: Place): void {
    const open = !place.hidden && typeof value === 'string'
    const choices = open ? schema.enum?.filter((item) => typeof item === 'string') : undefined
    this.found.push({
      path: place.path,
      problem: problemOf(schema, value, keyword, place.hidden),
      expected: describe(schema),
      suggestion: choices === undefined ? undefined : nearest(String(value), choices),
      description: schema.description
    })
  }

  #bytes (schema: JsonSchema, value: unknown, place: Place): unknown {
    const size = typeof value === 'string' ? parseBytes(value) : value
    const { minimumBytes = 0, maximumBytes = Number.MAX_SAFE_INTEGER } = schema[bytesKeyword] ?? {}
    if (typeof size === 'number' && size >= minimumBytes && size <= maximumBytes) return size
    this.#broken(schema, value, 'range', place)
    return value
  }

  #list (schema: JsonSchema, list: readonly unknown[], place: Place): unknown[] {
    const { items = {} } = schema
    return list.map((item, index) => this.visit(items, item, inside(place, index)))
  }

  #record (schema: JsonSchema, record: Record<string, unknown>, place: Place): Record<string, unknown> {
    const result: Record<string, unknown> = {}
    const meant = new Set<string>()
    for (const [key, value] of Object.entries(record)) {
      const property = propertyOf(schema, key)
      if (property !== undefined) result[key] = this.visit(property, value, inside(place, key))
      else meant.add(this.#unknownKey(schema, record, inside(place, key)) ?? key)
    }
    for (const [key, property] of Object.entries(schema.properties ?? {})) {
      if (Object.hasOwn(record, key) || meant.has(key)) continue
      if (property.default !== undefined) {
        result[key] = this.visit(property, structuredClone(property.default), inside(place, key))
      } else if (schema.required?.includes(key) === true) {
        result[key] = this.#absent(property, inside(place, key))
      }
    }
    return result
  }

  /** Tells of the key and returns the one that was probably meant. */
  #unknownKey (schema: JsonSchema, record: Record<string, unknown>, place: Place): string | undefined {
    const key = String(place.path.at(-1))
    const known = Object.keys(schema.properties ?? {})
    const suggestion = nearest(key, known.filter((name) => !Object.hasOwn(record, name)))
    const what = schema[choiceKeyword] ?? 'key'
    const elsewhere = schema[elsewhereKeyword]
    if (elsewhere?.names.includes(key) === true) {
      const expected = `it in the ${elsewhere.place}`
      this.found.push({ path: place.path, problem: `the ${what} ${quote(key)} does not stand here`, expected })
      return undefined
    }
    const expected = known.length === 0 ? `no ${what} here` : `one of: ${known.join(', ')}`
    this.found.push({ path: place.path, problem: `unknown ${what} ${quote(key)}`, expected, suggestion })
    return suggestion
  }

  /** What stands for a required setting that is absent: an empty mapping where that is enough, else a mistake. */
  #absent (property: JsonSchema, place: Place): unknown {
    if (typesOf(property).includes('object') && property[choiceKeyword] === undefined) {
      const filled = conform(property, {}, this.#sources)
      if (filled.found.length === 0) return filled.value
    }
    const { description } = property
    this.found.push({ path: place.path, problem: 'missing', expected: describe(property), description })
    return undefined
  }
}

function inside (place: Place, step: string | number): Place {
  return { path: [...place.path, step], hidden: place.hidden }
}

/** The schema of a key; undefined where the key is unknown. */
function propertyOf (schema: JsonSchema, key: string): JsonSchema | undefined {
  const { properties, patternProperties, additionalProperties } = schema
  if (properties !== undefined && Object.hasOwn(properties, key)) return properties[key]
  for (const [pattern, property] of Object.entries(patternProperties ?? {})) {
    if (new RegExp(pattern, 'u').test(key)) return property
  }
  if (typeof additionalProperties === 'object') return additionalProperties
  // A mapping that names no keys at all is free.
  const free = properties === undefined && patternProperties === undefined
  return additionalProperties === true || (additionalProperties === undefined && free) ? {} : undefined
}

/** A referenced value where the schema takes no text: a number, true or false if it looks like one. */
function fromText (text: string): unknown {
  const plain = text.trim()
  if (plain === 'true' || plain === 'false') return plain === 'true'
  return /^-?[0-9]+(\.[0-9]+)?$/.test(plain) ? Number(plain) : text
}

function problemOf (schema: JsonSchema, value: unknown, keyword: string, hidden: boolean): string {
  if (schema[choiceKeyword] !== undefined && isRecord(value)) return `got ${Object.keys(value).length} keys`
  if (keyword === 'uniqueItems') return 'an item stands in this list twice'
  if (keyword === 'enum' && typeof value === 'string') return `unknown value ${hidden ? '***' : quote(value)}`
  return `got ${given(schema, value, hidden)}`
}

/** What stands there. Text is only shown where text or a number belongs: elsewhere it may be a misplaced secret. */
function given (schema: JsonSchema, value: unknown, hidden: boolean): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return value.length === 1 ? 'a list of 1 item' : `a list of ${value.length} items`
  if (isRecord(value)) return 'a mapping'
  if (hidden) return '***'
  if (typeof value !== 'string') return String(value)
  const types = typesOf(schema)
  return types.includes('object') || types.includes('array') ? 'text' : quote(value)
}
