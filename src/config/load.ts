// Text of a config file in, a validated plain document or every mistake at once out.

import { dirname, resolve } from 'node:path'
import { brokenRules } from './ajv-shell.ts'
import { conform } from './conform.ts'
import type { Found } from './conform.ts'
import { isRecord } from './json-schema.ts'
import type { JsonSchema } from './json-schema.ts'
import { showPath, sortMistakes } from './mistake.ts'
import type { CheckMistake, Mistake, Path } from './mistake.ts'
import { readYaml } from './yaml-text.ts'
import type { YamlText } from './yaml-text.ts'

/**
 * A validated config: plain JSON that travels between threads. Byte sizes are numbers, defaults are filled in; secrets
 * are still text, so it is secret as a whole: never log it. `freezeConfig` makes of it what rooms are given.
 */
export type ConfigDocument = Readonly<Record<string, unknown>>

/**
 * A rule over several settings. It must bear any document, also one with mistakes; `sound` tells whether all below a
 * path is as its schema says.
 */
export type Check = (document: ConfigDocument, sound: (...path: Path) => boolean) => readonly CheckMistake[]

export interface LoadOptions {
  readonly text: string
  /** Path of the config file; `${file:}` paths start in its folder. */
  readonly path: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads a file behind `${file:}`, bounded; throws what the file system throws. */
  readonly readFile: (path: string) => string
  readonly schema: JsonSchema
  readonly checks: readonly Check[]
}

export type Loaded = { readonly document: ConfigDocument } | { readonly mistakes: readonly Mistake[] }

/** Never throws for what stands in the text. Mistakes are sorted by place. */
export function loadConfig (options: LoadOptions): Loaded {
  const yaml = readYaml(options.text)
  if (!yaml.sound || !isRecord(yaml.value)) {
    return { mistakes: yaml.mistakes.length > 0 ? sortMistakes(yaml.mistakes) : [notAMapping(yaml.value)] }
  }
  const baseDir = dirname(resolve(options.path))
  const { env, readFile, schema } = options
  const { value, found, revealed } = conform(schema, yaml.value, { env, readFile, baseDir })
  const document = value as Record<string, unknown>
  const all = [...found, ...fromChecks(options.checks, document, found).map((one) => masked(one, revealed))]
  if (all.length === 0 && yaml.mistakes.length === 0) all.push(...fromWhole(schema, document))
  if (all.length === 0 && yaml.mistakes.length === 0) return { document }
  const echoes = new Set(yaml.mistakes.flatMap(({ line, column, path }) => [`${line}:${column}`, path]))
  const told = all.map((one) => placed(one, yaml, schema))
    .filter(({ line, column, path }) => !echoes.has(`${line}:${column}`) && !(path !== '' && echoes.has(path)))
  return { mistakes: sortMistakes([...yaml.mistakes, ...told]) }
}

function notAMapping (value: unknown): Mistake {
  const problem = value === undefined || value === null ? 'the file is empty' : 'the file is not a mapping'
  const expected = 'keys such as listeners and routes'
  return { path: '', line: 1, column: 1, problem, expected, suggestion: undefined, help: 'sluice init writes a config' }
}

/** What the checks say, less what is only the echo of a mistake already found. */
function fromChecks (checks: readonly Check[], document: ConfigDocument, found: readonly Found[]): Found[] {
  const known = found.flatMap((one) => {
    const meant = one.suggestion === undefined ? [] : [[...one.path.slice(0, -1), one.suggestion]]
    return [one.path, ...meant]
  })
  const sound = (...path: Path): boolean => !found.some((one) => startsWith(one.path, path))
  const told = new Set<string>()
  return checks.flatMap((check) => check(document, sound)).filter(({ path }) => {
    // Two rules may find the same slip in their own ways; the first is enough.
    const again = told.has(showPath(path))
    told.add(showPath(path))
    return !again && !known.some((other) => startsWith(path, other) || startsWith(other, path))
  })
}

/** Short values are left: they are no secrets, and hiding them would garble the text. */
const maskedCharsMin = 4
/** Quoted text may be cut short, so that a long value is looked for by its start. */
const maskedCharsMax = 32

function masked (found: Found, revealed: readonly string[]): Found {
  let { problem } = found
  for (const value of revealed) {
    if (value.length < maskedCharsMin) continue
    problem = problem.replaceAll(value, '***').replaceAll(value.slice(0, maskedCharsMax), '***')
  }
  return { ...found, problem }
}

function startsWith (path: Path, start: Path): boolean {
  return path.length >= start.length && start.every((step, index) => step === path[index])
}

// Reached only where the schema uses a keyword that the walk leaves to ajv, such as `if` or `dependentRequired`.
function fromWhole (schema: JsonSchema, document: ConfigDocument): Found[] {
  return brokenRules(schema, document).map(({ steps, message }) => ({
    path: steps.map((step) => /^[0-9]+$/.test(step) ? Number(step) : step), problem: `this ${message}`, expected: ''
  }))
}

function placed (found: Found, yaml: YamlText, schema: JsonSchema): Mistake {
  const { path, problem, expected, suggestion, description } = found
  const section = path[0]
  const known = typeof section === 'string' && Object.hasOwn(schema.properties ?? {}, section)
  const page = known ? `docs/config.md#${section.toLowerCase()}` : 'docs/config.md'
  const help = description === undefined ? page : `${description} (${page})`
  return { path: showPath(path), ...yaml.positionOf(path), problem, expected, suggestion, help }
}
