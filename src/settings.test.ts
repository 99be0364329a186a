// The whole schema and its rules: what the rooms say one by one is held together here.

import t from 'tap'
import { loadConfig } from './config/load.ts'
import { codecIsInstalled, schema, settingChecks, settingsOf } from './settings.ts'

const head = 'listeners: [ { protocol: http, port: 8080 } ]\nsink: journal\nroutes:\n'

function load (routes: string): ReturnType<typeof loadConfig> {
  const readFile = (): string => { throw new Error('no file') }
  return loadConfig({ text: head + routes, path: 'sluice.yaml', env: {}, readFile, schema, checks: settingChecks })
}

function problemsOf (routes: string): string {
  const loaded = load(routes)
  return 'mistakes' in loaded ? loaded.mistakes.map(({ path, problem }) => `${path}: ${problem}`).join('\n') : ''
}

t.test('a config of one route is whole after defaults', async t => {
  const loaded = load('  - { name: a, channel: a, topic: a }')
  if ('mistakes' in loaded) throw new Error(JSON.stringify(loaded.mistakes))
  const settings = settingsOf({ document: loaded.document, baseDir: '.' })
  t.match(settings, { sink: 'journal', workers: 'auto', routes: [{ name: 'a', format: 'binary', policies: [] }] })
  t.ok(Object.isFrozen(settings.routes[0]))
})

t.test('routes that cannot be told apart are a mistake', async t => {
  t.match(problemsOf('  - { name: a, channel: x, topic: a }\n  - { name: b, channel: x, topic: b }'), /routes\[1\].channel/)
})

t.test('what an adapter cannot be built from is a mistake, not a failed start', async t => {
  const twice = '  - { name: a, channel: a, topic: a, http: { path: /x } }\n' +
    '  - { name: b, channel: b, topic: b, http: { path: /x } }'
  t.match(problemsOf(twice), /POST \/x is the alias of another route/)
})

t.test('a codec that the fallback driver does not know is a mistake', async t => {
  const readFile = (): string => { throw new Error('no file') }
  const text = (driver: string): string => `listeners: [ { protocol: http, port: 8080 } ]
kafka: { brokers: [ "a:1" ], driver: ${driver}, producer: { compression: zstd } }
routes: [ { name: a, channel: a, topic: a } ]
`
  const load = (driver: string): ReturnType<typeof loadConfig> =>
    loadConfig({ text: text(driver), path: 'sluice.yaml', env: {}, readFile, schema, checks: settingChecks })
  t.match(load('kafkajs'), { mistakes: [{ path: 'kafka.producer.compression', problem: /"zstd"/ }] })
  t.notMatch(load('native'), { mistakes: Array })
})

t.test('a codec without a binary for this platform is a mistake before anything starts', async t => {
  const document = { kafka: { producer: { compression: 'lz4' } } }
  t.match(codecIsInstalled(document, () => false), [{
    path: ['kafka', 'producer', 'compression'], problem: /"lz4", which is not installed/, expected: /zstd/
  }])
  t.same(codecIsInstalled(document, () => true), [])
  t.same(codecIsInstalled({}, () => false), [])
})
