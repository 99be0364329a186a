// The whole schema and its rules: what the rooms say one by one is held together here.

import t from 'tap'
import { loadConfig } from './config/load.ts'
import type { Mistake } from './config/mistake.ts'
import { schema, settingChecks, settingsOf } from './settings.ts'

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

t.test('more workers than the memory is for are a mistake that says how much they need', async t => {
  const route = '  - { name: a, channel: a, topic: a }\n'
  t.match(problemsOf(`${route}workers: 3`), /^workers: 3 need 608MiB, and limits.memoryBytesMax is 512MiB$/)
  t.equal(problemsOf(`${route}workers: 3\nlimits: { memoryBytesMax: 608MiB }`), '')
  t.match(problemsOf(`${route}workers: 1\nlimits: { connectionsMax: 50000 }`),
    /^limits.connectionsMax: 50000 connections do not fit into a limits.memoryBytesMax of 512MiB for 1 worker$/)
  t.equal(problemsOf(`${route}workers: 1\nlimits: { connectionsMax: 50000, memoryBytesMax: 1GiB }`), '')
  t.equal(problemsOf(`${route}workers: 2`), '')
})

t.test('routes that cannot be told apart are a mistake', async t => {
  t.match(problemsOf('  - { name: a, channel: x, topic: a }\n  - { name: b, channel: x, topic: b }'), /routes\[1\].channel/)
})

t.test('what an adapter cannot be built from is a mistake, not a failed start', async t => {
  const twice = '  - { name: a, channel: a, topic: a, http: { path: /x } }\n' +
    '  - { name: b, channel: b, topic: b, http: { path: /x } }'
  t.match(problemsOf(twice), /POST \/x is the alias of another route/)
})

t.test('every mistake of bridges is told at once', async t => {
  const bridge = '  - { name: b, url: "mqtt://h:0", subscriptions: [ "a+", "#b" ] }\n'
  const problems = problemsOf(`  - { name: a, channel: a, topic: a }\nmqttBridge:\n${bridge}${bridge}`)
  t.same(problems.split('\n').map(line => line.split(':')[0]), [
    'mqttBridge[0].url', 'mqttBridge[0].subscriptions[0]', 'mqttBridge[0].subscriptions[1]',
    'mqttBridge[1].name', 'mqttBridge[1].url', 'mqttBridge[1].subscriptions[0]', 'mqttBridge[1].subscriptions[1]'
  ])
})

t.test('no message may be larger than the buffer of the node', async t => {
  for (const setting of ['websocket.messageBytesMax', 'grpc.messageBytesMax', 'mqtt.packetBytesMax']) {
    const [section, key] = setting.split('.')
    const problems = problemsOf(`  - { name: a, channel: a, topic: a }\n${section}: { ${key}: 65MiB }`)
    t.ok(problems.startsWith(`${setting}: 65MiB is above limits.bufferBytesMax`), problems)
  }
})

t.test('what an authenticator cannot be built from is a mistake, too, told without its secrets', async t => {
  const route = '  - { name: a, channel: a, topic: a }\n'
  const issuer = 'issuer: "https://id.example.com", audiences: [ a ]'
  t.match(problemsOf(`${route}authentication: [ { auth-jwt: { issuers: [ { ${issuer}, secret: canary } ] } } ]`),
    /^authentication\[0\]: the issuer https:\/\/id.example.com has a secret(?!.*canary)/)
  t.match(problemsOf(`${route}principals: [ { name: a, credentials: [ { basic: { username: a, passwordHash: "$scrypt$canary" } } ] } ]
authentication: [ auth-basic ]`), /^authentication\[0\]: the principal a: (?!.*canary)/)
  t.equal(problemsOf(`${route}authentication: [ { auth-jwt: { issuers: [ { ${issuer} } ] } } ]`), '')
})

/** What is told about a config with a kafka section and these routes. */
function toldOf (kafka: string, routes: readonly string[]): readonly Partial<Mistake>[] {
  const readFile = (): string => { throw new Error('no file') }
  const text = `listeners: [ { protocol: http, port: 8080 } ]
kafka: { brokers: [ "a:1" ], ${kafka} }
routes:
${routes.map((route, at) => `  - { name: r${at}, channel: c${at}, ${route} }\n`).join('')}`
  const loaded = loadConfig({ text, path: 'sluice.yaml', env: {}, readFile, schema, checks: settingChecks })
  return 'mistakes' in loaded ? loaded.mistakes : []
}

t.test('routes that can feed one topic must agree on its compression, with that of the producer where they name none', async t => {
  const [plain, zstd] = ['topic: a', 'topic: a, compression: zstd']
  const both = /^the same compression for both .*or topics that differ$/
  t.match(toldOf('producer: {}', [plain, zstd]), [{
    path: 'routes[1].compression', line: 5, problem: '"zstd", and routes[0] with "none" can feed the same topic "a"', expected: both
  }])
  t.match(toldOf('producer: {}', [zstd, plain]), [{
    path: 'routes[0].compression', line: 4, problem: '"zstd", and routes[1] with "none" can feed the same topic "a"', expected: both
  }])
  t.same(toldOf('producer: { compression: zstd }', [plain, zstd]), [])
  t.same(toldOf('producer: {}', [plain, 'topic: b, compression: gzip']), [])
  const broken = 'topic: "orders.{region}", compression: lz4'
  t.same(toldOf('producer: {}', [plain, broken]).map(({ path }) => path), ['routes[1].topic'], 'that comes first')
})

t.test('templates are compared by the topics that they make', async t => {
  const routes = (topic: string): string => `listeners: [ { protocol: http, port: 8080 } ]
kafka: { brokers: [ "a:1" ] }
routes:
  - { name: a, channel: "a/{region}", topic: "orders.{region}", parameters: { region: { enum: [ eu, us ] } }, compression: lz4 }
  - { name: b, channel: b, topic: ${topic}, compression: gzip }
`
  const readFile = (): string => { throw new Error('no file') }
  const load = (topic: string): ReturnType<typeof loadConfig> =>
    loadConfig({ text: routes(topic), path: 'sluice.yaml', env: {}, readFile, schema, checks: settingChecks })
  t.match(load('orders.us'), { mistakes: [{
    path: 'routes[1].compression', problem: '"gzip", and routes[0] with "lz4" can feed the same topic "orders.us"'
  }] })
  t.match(load('orders.de'), { document: { routes: [{ compression: 'lz4' }, { compression: 'gzip' }] } })
})

t.test('a condition that does not compile is a mistake with its place, wherever its policy stands', async t => {
  const text = `listeners: [ { protocol: http, port: 8080 } ]
sink: journal
policies:
  - payload-limit: { when: "event.type == 'a'" }
  - payload-limit: { when: "event.tpye == 'a'" }
routes:
  - { name: a, channel: a, topic: a, policies: [ { acl: { allow: [ "*" ], when: "event.type" } } ] }
`
  const readFile = (): string => { throw new Error('no file') }
  t.match(loadConfig({ text, path: 'sluice.yaml', env: {}, readFile, schema, checks: settingChecks }), { mistakes: [
    { path: 'policies[1].payload-limit.when', line: 5, problem: /tpye/, expected: 'a CEL expression that is true or false' },
    { path: 'routes[0].policies[0].acl.when', line: 7, problem: /true or false/ }
  ] })
})

t.test('principals that claim the same certificates are told where the later one does', async t => {
  const text = `listeners: [ { protocol: http, port: 8080 } ]
sink: journal
principals:
  - { name: all, credentials: [ { mtls: { uri: "spiffe://a/*" } } ] }
  - name: one
    credentials:
      - { mtls: { dnsName: one.example.org } }
      - { mtls: { uri: "spiffe://a/b" } }
authentication: [ auth-mtls: {} ]
routes: [ { name: a, channel: a, topic: a } ]
`
  const readFile = (): string => { throw new Error('no file') }
  const load = (text: string): unknown =>
    loadConfig({ text, path: 'sluice.yaml', env: {}, readFile, schema, checks: settingChecks })
  const problem = /two principals claim the same certificates by mtls.uri: "spiffe:\/\/a\/\*" and "spiffe:\/\/a\/b"/
  t.match(load(text), { mistakes: [{ path: 'principals[1].credentials[1].mtls.uri', line: 8, problem }] })
  t.notMatch(JSON.stringify(load(text.replace('a/b', 'b'))), /claim the same/)
})

t.test('a secret of tokens that is too short is told where it can be read, and left alone where it cannot', async t => {
  const load = (secret: string): unknown => loadConfig({
    text: `listeners: [ { protocol: http, port: 8080 } ]
sink: journal
authentication:
  - auth-jwt: { issuers: [ { issuer: "urn:a", audiences: [ a ], algorithms: [ HS256 ], secret: "${secret}" } ] }
routes: [ { name: a, channel: a, topic: a } ]
`,
    path: 'sluice.yaml', env: process.env, readFile: () => 'short', schema, checks: settingChecks
  })
  process.env['SLUICE_TEST_SHORT'] = 'canary'
  t.teardown(() => { delete process.env['SLUICE_TEST_SHORT'] })
  const mistake = {
    path: 'authentication[0]', line: 4, problem: 'the secret of the issuer urn:a has 6 bytes, and HS256 need 32 at least'
  }
  t.match(load('canary'), { mistakes: [mistake] })
  t.match(load('${env:SLUICE_TEST_SHORT}'), { mistakes: [mistake] })
  t.match(load('${file:secret}'), { document: {} })
  t.match(load('x'.repeat(32)), { document: {} })
})
