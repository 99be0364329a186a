// Writes what people and editors read about the config, from the schema itself: Markdown tables and an editor schema.

import { bytesKeyword, secretKeyword } from '../contract/setting.ts'
import { branchesOf, choiceKeyword, describe, isRecord, typesOf } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'

const introduction = `# Configuration reference

Generated from the schema by \`npm run docs\`; do not edit. Every key of \`sluice.yaml\` with what it takes, its default and
what it means. Keys that are not listed are errors. Byte sizes are whole numbers with an optional unit: \`512\`, \`64KiB\`,
\`1MiB\`, \`10GiB\`.

Any text may hold references: \`\${env:NAME}\` is an environment variable, \`\${file:PATH}\` the text of a file (its path
starts in the folder of the config file; one line feed at its end is dropped). \`$\${\` is a plain \`\${\`. Settings marked
secret are read each time they are used, so that a rotated file is seen, and are never shown.
`

interface Row { readonly key: string, readonly takes: string, readonly standard: string, readonly meaning: string }

/** The reference of all settings as Markdown: one section per top-level key. */
export function renderReference (schema: JsonSchema): string {
  const sections = Object.entries(schema.properties ?? {}).map(([key, section]) => {
    const rows = rowsOf(section, key, schema.required?.includes(key) === true)
    // A mapping says nothing in a row of its own that its heading does not say.
    if (section.properties === undefined) return `## ${key}\n\n${table(rows)}`
    return `## ${key}\n\n${sentence(section.description)}\n\n${table(rows.slice(1))}`
  })
  return `${introduction}\n${sections.join('\n')}`
}

function table (rows: readonly Row[]): string {
  const lines = rows.map(({ key, takes, standard, meaning }) =>
    `| ${[`\`${key}\``, takes, standard, meaning].map(cell).join(' | ')} |`)
  return `| key | takes | default | meaning |\n| --- | --- | --- | --- |\n${lines.join('\n')}\n`
}

function cell (text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}

function sentence (description: string | undefined): string {
  if (description === undefined || description === '') return ''
  const whole = `${description.charAt(0).toUpperCase()}${description.slice(1)}`
  return /[.!?]$/.test(whole) ? whole : `${whole}.`
}

function rowsOf (schema: JsonSchema, key: string, required: boolean): Row[] {
  const takes = takesOf(schema)
  const standard = standardOf(schema, required)
  const meaning = sentence(schema.description)
  // Policies are listed once, in their own section.
  const elsewhere = schema.items?.[choiceKeyword] === 'policy' && key !== 'policies'
  if (elsewhere) return [{ key, takes, standard, meaning: `${meaning} See [policies](#policies).` }]
  return [{ key, takes, standard, meaning }, ...below(schema, key)]
}

function below (schema: JsonSchema, key: string): Row[] {
  // Each branch has what stands beside the union, too.
  const branches = branchesOf(schema)
  if (branches !== undefined) return merge(branches.flatMap((branch) => below(branch, key)))
  const rows: Row[] = []
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    const required = schema.required?.includes(name) === true
    const choice = schema[choiceKeyword] !== undefined
    rows.push(...rowsOf(property, `${key}.${name}`, required && !choice))
  }
  for (const property of Object.values(schema.patternProperties ?? {})) rows.push(...rowsOf(property, `${key}.NAME`, false))
  if (isRecord(schema.additionalProperties)) rows.push(...rowsOf(schema.additionalProperties, `${key}.NAME`, false))
  if (schema.items !== undefined) rows.push(...below(schema.items, `${key}[]`))
  return merge(rows)
}

/** Branches of a union repeat keys: one row each, with all that they take. */
function merge (rows: readonly Row[]): Row[] {
  const merged = new Map<string, Row>()
  for (const row of rows) {
    const first = merged.get(row.key)
    const takes = first === undefined || first.takes.includes(row.takes) ? row.takes : `${first.takes}, or ${row.takes}`
    const meaning = first === undefined || first.meaning.includes(row.meaning) ? row.meaning : `${first.meaning} ${row.meaning}`
    // What one branch needs and another one may leave out is not required.
    const standard = first?.standard === 'required' ? row.standard : first?.standard ?? row.standard
    const both = meaning === '' ? first?.meaning ?? '' : meaning
    merged.set(row.key, first === undefined ? row : { key: row.key, takes, standard, meaning: both })
  }
  return [...merged.values()]
}

// The introduction shows them once.
const byteSizeExamples = / such as [^,]+, [^,]+ or [^,]+/

function takesOf (schema: JsonSchema): string {
  if (schema[secretKeyword] === true) return 'text, secret'
  if (schema[bytesKeyword] !== undefined) return describe(schema).replace(byteSizeExamples, '')
  const { items } = schema
  if (items === undefined || !typesOf(schema).includes('array')) return describe(schema)
  if (items[choiceKeyword] !== undefined) return `a list; each item has one key, the ${items[choiceKeyword]}`
  const inner = typesOf(items).includes('object') ? 'mappings' : describe(items)
  return `${describe(schema)}: ${inner}`
}

function standardOf (schema: JsonSchema, required: boolean): string {
  if (schema.default === undefined) return required && !isRecord(schema.properties) ? 'required' : ''
  if (isRecord(schema.default)) return ''
  return `\`${schema[bytesKeyword] === undefined ? JSON.stringify(schema.default) : String(schema.default)}\``
}

/**
 * The schema for editors: as the program has it, but a reference may stand in place of any value, and a policy without
 * settings may be its bare name.
 */
export function editorSchema (schema: JsonSchema): object {
  return forEditor(schema) as object
}

/** The required keys that nothing fills in: those without a default that are not mappings of defaults. */
function neededOf ({ required = [], properties = {} }: JsonSchema): string[] {
  return required.filter((key) => {
    const property = properties[key]
    const filled = property?.default !== undefined ||
      (property?.properties !== undefined && property[choiceKeyword] === undefined && neededOf(property).length === 0)
    return !filled
  })
}

const reference = { type: 'string', pattern: '\\$\\{(env|file):' }

function forEditor (value: unknown): unknown {
  if (Array.isArray(value)) return value.map(forEditor)
  if (!isRecord(value)) return value
  const copy: Record<string, unknown> = {}
  for (const [key, part] of Object.entries(value)) {
    if (key.startsWith('x-')) continue
    const named = (key === 'properties' || key === 'patternProperties') && isRecord(part)
    copy[key] = named
      ? Object.fromEntries(Object.entries(part).map(([name, property]) => [name, forEditor(property)]))
      : key === 'default' ? part : forEditor(part)
  }
  const schema: JsonSchema = value
  if (Array.isArray(copy.required)) copy.required = neededOf(schema)
  const { description, default: standard, ...rest } = copy
  const about = {
    ...(description === undefined ? {} : { description }), ...(standard === undefined ? {} : { default: standard })
  }
  const choice = schema[choiceKeyword]
  if (choice !== undefined) return { ...about, anyOf: [rest, { enum: Object.keys(schema.properties ?? {}) }] }
  const scalar = schema.enum !== undefined || schema.pattern !== undefined || schema[bytesKeyword] !== undefined ||
    ['integer', 'number', 'boolean'].includes(String(schema.type))
  return scalar ? { ...about, anyOf: [rest, reference] } : copy
}
