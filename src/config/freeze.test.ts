// Proves that the config of rooms cannot be changed, and that its secrets are read late and never shown.

import t from 'tap'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { Secret } from '../contract/secret.ts'
import { testParts } from '../../test/support/config-parts.ts'
import { freezeConfig } from './freeze.ts'
import { loadConfig } from './load.ts'
import { at } from './lookup.ts'
import { assembleSchema } from './schema.ts'
import { readTextFile } from './text-file.ts'

const schema = assembleSchema(testParts)

function documentWith (password: string, baseDir: string): Record<string, unknown> {
  const text = `listeners: [ { protocol: http, port: 1 } ]
kafka: { brokers: [ a:1 ], sasl: { mechanism: plain, username: u, password: "${password}" } }
routes: [ { name: a, channel: a, topic: a, policies: [ payload-limit: { bytesMax: 2KiB } ] } ]
`
  const loaded = loadConfig({
    text, path: join(baseDir, 'sluice.yaml'), env: {}, readFile: readTextFile, schema, checks: []
  })
  if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes))
  return loaded.document
}

t.test('a secret file is read each time it is revealed, and no dump shows it', async (t) => {
  const baseDir = mkdtempSync(join(tmpdir(), 'sluice-freeze-'))
  t.teardown(() => rmSync(baseDir, { recursive: true }))
  writeFileSync(join(baseDir, 'pw'), 'first\n')
  const document = structuredClone(documentWith('${file:pw}', baseDir))
  const config = freezeConfig({ document, schema, baseDir, env: {} })
  const password = at(config, 'kafka', 'sasl', 'password')
  if (!(password instanceof Secret)) throw new Error('no Secret')
  t.equal(password.reveal(), 'first')
  writeFileSync(join(baseDir, 'pw'), 'second\r\n')
  t.equal(password.reveal(), 'second')
  rmSync(join(baseDir, 'pw'))
  t.throws(() => password.reveal(), { name: 'BrokenReference', message: /cannot be read: ENOENT/ })
})

t.test('a literal secret is wrapped as well', async (t) => {
  const config = freezeConfig({ document: documentWith('hunter2', '/'), schema, baseDir: '/', env: {} })
  for (const shown of [JSON.stringify(config), inspect(config, { depth: 20, showHidden: true }), String(config)]) {
    t.notMatch(shown, 'hunter2')
  }
  const password = at(config, 'kafka', 'sasl', 'password')
  t.equal(password instanceof Secret && password.reveal(), 'hunter2')
})

t.test('nothing in it can be changed', async (t) => {
  const config = freezeConfig({ document: documentWith('x', '/'), schema, baseDir: '/', env: {} })
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null || value instanceof Secret) return
    t.ok(Object.isFrozen(value))
    for (const item of Object.values(value)) walk(item)
  }
  walk(config)
  t.equal(at(config, 'routes', 0, 'policies', 0, 'payload-limit', 'bytesMax'), 2_048)
})

t.test('files that are too large, no text, or no files are refused', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-file-'))
  t.teardown(() => rmSync(dir, { recursive: true }))
  writeFileSync(join(dir, 'large'), 'x'.repeat(65_537))
  writeFileSync(join(dir, 'full'), 'x'.repeat(65_536))
  writeFileSync(join(dir, 'binary'), Buffer.from([0xff, 0xfe]))
  t.throws(() => readTextFile(join(dir, 'large')), { name: 'TextFileError', message: /above the cap/ })
  t.throws(() => readTextFile(join(dir, 'binary')), { message: /not UTF-8/ })
  t.throws(() => readTextFile(dir), { message: /folder/ })
  t.throws(() => readTextFile('/dev/zero'), { message: /regular file/ })
  t.equal(readTextFile(join(dir, 'full')).length, 65_536)
})
