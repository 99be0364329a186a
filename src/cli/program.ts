// What verbs know of the program itself: its version, and how it is called here.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** True where the program runs from its TypeScript source, in a checkout. */
const fromSource = import.meta.url.endsWith('.ts')

/** The folder of package.json. The built program stands one folder deeper, in dist/. */
const root = new URL(fromSource ? '../../' : '../../../', import.meta.url)

/** Where the JSON Schema for editors is, if it came along. */
export function editorSchemaPath (): string {
  return fileURLToPath(new URL('docs/sluice.schema.json', root))
}

/** The version that package.json names. */
export function programVersion (): string {
  const path = new URL('package.json', root)
  const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'))
  const version = typeof parsed === 'object' && parsed !== null && 'version' in parsed ? parsed.version : undefined
  return typeof version === 'string' ? version : 'unknown'
}

/** How an operator types a verb here: `sluice tail`, or `npm run sluice -- tail` in a checkout. */
export function commandLine (words: string): string {
  return fromSource ? `npm run sluice -- ${words}` : `sluice ${words}`
}
