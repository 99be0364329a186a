// Writes docs/config.md and docs/sluice.schema.json from the schema. Run by `npm run docs`; a test holds them to it.

import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { editorSchema, renderReference } from '../config/documentation.ts'
import { schema } from '../settings.ts'

/** Every generated file by its path in the repository, with its text. */
export function generatedDocs (): ReadonlyMap<string, string> {
  return new Map([
    ['docs/config.md', renderReference(schema)],
    ['docs/sluice.schema.json', `${JSON.stringify(editorSchema(schema), undefined, 2)}\n`]
  ])
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [path, text] of generatedDocs()) {
    const file = new URL(`../../${path}`, import.meta.url)
    mkdirSync(new URL('.', file), { recursive: true })
    writeFileSync(file, text)
    process.stdout.write(`wrote ${path}\n`)
  }
}
