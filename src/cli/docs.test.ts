// Proves that the committed reference and editor schema are those of the program.

import t from 'tap'
import { existsSync, readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { parse } from 'yaml'
import { editorSchema } from '../config/documentation.ts'
import { schema } from '../settings.ts'
import { devConfig } from './dev-config.ts'
import { generatedDocs } from './docs.ts'
import { renderConfig } from './init-config.ts'

t.test('the committed docs are what the schema gives; npm run docs writes them', async (t) => {
  for (const [path, text] of generatedDocs()) {
    const file = new URL(`../../${path}`, import.meta.url)
    t.ok(existsSync(file), path)
    t.equal(readFileSync(file, 'utf8'), text, path)
  }
})

t.test('every top-level key has its section, and no setting lacks its meaning', async (t) => {
  const text = generatedDocs().get('docs/config.md') ?? ''
  for (const key of Object.keys(schema.properties ?? {})) t.match(text, `\n## ${key}\n`)
  const silent = text.split('\n').filter((line) => line.startsWith('| `') && line.endsWith('|  |'))
  t.strictSame(silent, [])
})

t.test('editors accept the configs that the program writes, with references and bare policy names', async (t) => {
  const validate = new Ajv2020({ strict: false }).compile(editorSchema(schema))
  const text = renderConfig({
    sink: {
      kind: 'kafka', brokers: ['a:1'], tls: true,
      sasl: { mechanism: 'plain', settings: [['username', 'u'], ['password', '${env:P}']], provide: undefined }
    },
    topic: 'orders', keyHash: `sha256:${'0'.repeat(64)}`, editorSchema: undefined
  })
  for (const config of [text, devConfig(8080), text.replace('port: 8080', 'port: "${env:PORT}"'),
    text.replace('- payload-limit: { bytesMax: 256KiB }', '- payload-limit')]) {
    t.ok(validate(parse(config)), JSON.stringify(validate.errors))
  }
  t.notOk(validate(parse(text.replace('port: 8080', 'prt: 8080'))))
})
