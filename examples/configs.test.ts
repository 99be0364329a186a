// Every config that we show can be used: those of the examples and that of the README.

import t from 'tap'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import { loadConfig } from '../src/config/load.ts'
import { schema, settingChecks, settingsOf } from '../src/settings.ts'
import type { Settings } from '../src/settings.ts'

const root = new URL('../', import.meta.url)
const readText = (path: string): string => readFileSync(new URL(path, root), 'utf8')

/** The settings of a config, or its mistakes as text. */
function settingsIn (text: string, path: string): Settings | string {
  const env = { KAFKA_PASSWORD: 'x' }
  const loaded = loadConfig({ text, path, env, readFile: readText, schema, checks: settingChecks })
  if ('mistakes' in loaded) return JSON.stringify(loaded.mistakes, undefined, 1)
  return settingsOf({ document: loaded.document, baseDir: '.' })
}

const examples = readdirSync(new URL('examples/', root))
  .map(folder => `examples/${folder}/sluice.yaml`)
  .filter(path => existsSync(new URL(path, root)))

t.test('there are examples', async t => {
  t.match(examples, [
    'examples/api-consumer/sluice.yaml', 'examples/kong-walk-through/sluice.yaml', 'examples/websocket-client/sluice.yaml'
  ])
})

for (const path of examples) {
  t.test(`${path} is valid`, async t => {
    t.type(settingsIn(readText(path), path), 'object', String(settingsIn(readText(path), path)))
    t.ok(existsSync(new URL(path.replace('sluice.yaml', 'README.md'), root)), 'and explained')
    t.ok(existsSync(new URL(path.replace('sluice.yaml', 'index.test.ts'), root)), 'and run by a test')
  })
}

t.test('the config of the README is valid', async t => {
  const blocks = [...readText('README.md').matchAll(/```yaml\n(.*?)```/gs)].map(found => found[1] ?? '')
  const [whole = '', ...parts] = blocks
  // What is only a part of a config belongs to the whole one before it.
  const joined = parts.map(part => stringify({ ...parse(whole) as object, ...parse(part) as object }))
  for (const block of [whole, ...joined]) {
    const settings = settingsIn(block, 'README.md')
    t.match(settings, { sink: 'kafka', routes: [{ name: 'orders', channel: 'orders/{region}' }] }, JSON.stringify(settings))
  }
})

t.test('a mistake in such a config would be seen', async t => {
  t.match(settingsIn(readText('examples/kong-walk-through/sluice.yaml').replace('format: kong', 'format: king'), 'x'), /king|format/)
})
