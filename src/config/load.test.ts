// Proves what operators see of good and bad config files: exact texts, places, defaults, and that secrets stay hidden.

import t from 'tap'
import fc from 'fast-check'
import { testParts } from '../../test/support/config-parts.ts'
import { checks } from './checks.ts'
import { loadConfig } from './load.ts'
import type { Loaded } from './load.ts'
import { renderMistakes } from './mistake.ts'
import { assembleSchema } from './schema.ts'

const schema = assembleSchema(testParts)
const files: Record<string, string> = { '/etc/sluice/pw': 'from-a-file\n', '/run/port': '8081\n' }

function load (text: string, env: Record<string, string> = {}): Loaded {
  const readFile = (path: string): string => {
    const found = files[path]
    if (found === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' })
    return found
  }
  return loadConfig({ text, path: '/etc/sluice/sluice.yaml', env, readFile, schema, checks })
}

function told (text: string, env: Record<string, string> = {}): string {
  const loaded = load(text, env)
  return 'mistakes' in loaded ? renderMistakes(loaded.mistakes, 'sluice.yaml') : 'no mistake'
}

function documentOf (text: string, env: Record<string, string> = {}): Record<string, unknown> {
  const loaded = load(text, env)
  if ('mistakes' in loaded) throw new Error(renderMistakes(loaded.mistakes, 'sluice.yaml'))
  return loaded.document
}

const good = `listeners:
  - { protocol: http, port: 8080 }
kafka:
  brokers: [ 127.0.0.1:9092 ]
  sasl: { mechanism: plain, username: kong, password: hunter2 }
routes:
  - name: orders
    channel: orders/{region}
    parameters: { region: { enum: [ eu, us ] } }
    topic: orders.{region}
    policies:
      - payload-limit
      - acl: { allow: [ "group:shops" ] }
`

t.test('a good config comes out whole, with defaults also inside policies and unions', async (t) => {
  const document = documentOf(good + '    key: { pointer: /id }\n    http: { path: /kafka }\n')
  t.match(document, {
    sink: 'kafka', workers: 'auto', principals: [], authentication: [], policies: [],
    listeners: [{ protocol: 'http', host: '127.0.0.1', port: 8080, insecure: false }],
    limits: { memoryBytesMax: 536_870_912, bufferBytesMax: 67_108_864, replyTimeoutMs: 8_000 },
    kafka: {
      sasl: { password: 'hunter2' },
      producer: { lingerMs: 5, batchBytesMax: 1_048_576, deliveryTimeoutMs: 30_000 }
    },
    journal: { dir: './data/journal' }, log: { level: 'info' }, rest: { decompressedBytesMax: 4_194_304 }
  })
  t.strictSame(document.routes, [{
    name: 'orders', channel: 'orders/{region}', parameters: { region: { enum: ['eu', 'us'] } }, topic: 'orders.{region}',
    policies: [{ 'payload-limit': { bytesMax: 1_048_576 } }, { acl: { allow: ['group:shops'], deny: [] } }],
    key: { pointer: '/id', missing: 'refuse' }, http: { path: '/kafka', methods: ['POST'] },
    topicsMax: 100
  }])
  t.strictSame(structuredClone(document), document, 'it travels between threads')
})

t.test('every mistake is told at once, in the order of the file, with what would be right', async (t) => {
  t.equal(told(`listeners:
  - { protocol: htp, port: 99999 }
sinc: journal
limits: { bufferBytesMax: 64MB, replyTimeoutMs: soon }
kafka:
  broker: [ 127.0.0.1:9092 ]
routes:
  - name: orders
    channel: orders
    topic: __secret
    ack: kafak
    policies:
      - acl: { alow: [ "*" ] }
      - payload-limit: { bytesMax: 1KiB }
        acl: { allow: [] }
      - schema-czech
      - {}
`), `sluice.yaml:2:7  listeners[0].protocol
  error  unknown value "htp"
         expected one of: http, health   (did you mean "http"?)
  help   What is spoken there. (docs/config.md#listeners)
sluice.yaml:2:22  listeners[0].port
  error  got 99999
         expected a whole number from 0 to 65535
  help   TCP port. (docs/config.md#listeners)
sluice.yaml:3:1  sinc
  error  unknown key "sinc"
         expected one of: listeners, workers, sink, limits, kafka, journal, principals, authentication, policies, routes, log, rest   (did you mean "sink"?)
  help   docs/config.md
sluice.yaml:4:11  limits.bufferBytesMax
  error  got "64MB"
         expected a byte size such as 512, 64KiB or 1GiB
  help   Bytes held at once. (docs/config.md#limits)
sluice.yaml:4:33  limits.replyTimeoutMs
  error  got "soon"
         expected a whole number, at least 1
  help   When a sender is answered at the latest. (docs/config.md#limits)
sluice.yaml:6:3  kafka.broker
  error  unknown key "broker"
         expected one of: brokers, sasl, producer   (did you mean "brokers"?)
  help   docs/config.md#kafka
sluice.yaml:10:5  routes[0].topic
  error  "__secret" is not a topic that may be written to
         expected at most 249 of a-z A-Z 0-9 . _ - and no "__" at the start
  help   docs/config.md#routes
sluice.yaml:11:5  routes[0].ack
  error  unknown value "kafak"
         expected one of: kafka, disk, none   (did you mean "kafka"?)
  help   When the sender is told. (docs/config.md#routes)
sluice.yaml:13:16  routes[0].policies[0].acl.alow
  error  unknown key "alow"
         expected one of: allow, deny   (did you mean "allow"?)
  help   docs/config.md#routes
sluice.yaml:14:9  routes[0].policies[1]
  error  got 2 keys
         expected a mapping with one key, the policy: acl, payload-limit
  help   docs/config.md#routes
sluice.yaml:16:9  routes[0].policies[2].schema-czech
  error  unknown policy "schema-czech"
         expected one of: acl, payload-limit
  help   docs/config.md#routes
sluice.yaml:17:9  routes[0].policies[3]
  error  got 0 keys
         expected a mapping with one key, the policy: acl, payload-limit
  help   docs/config.md#routes
12 errors  (exit 78)
`)
})

const line = (text: string): string => text.split('\n').slice(0, 2).map((part) => part.trim()).join(' | ')

function lines (text: string): string[] {
  const loaded = load(text)
  return 'mistakes' in loaded ? loaded.mistakes.map((one) => line(renderMistakes([one], 'sluice.yaml'))) : []
}

t.test('text that is not sound YAML is refused with its place', async (t) => {
  const cases: [string, string][] = [
    ['', 'sluice.yaml:1:1 | error  the file is empty'],
    ['- 1\n', 'sluice.yaml:1:1 | error  the file is not a mapping'],
    [`${good}sink: kafka\nsink: kafka\n`, 'sluice.yaml:15:1 | error  this key stands here a second time'],
    ['routes:\n\t- name: x\n', 'sluice.yaml:2:1 | error  a tab as indentation; YAML takes spaces'],
    [`${good}sink: *nowhere\n`,
      'sluice.yaml:14:7  sink | error  an alias without its anchor; a text that starts with "*" must be quoted'],
    [`${good}sink: !made-up x\n`, 'sluice.yaml:14:7 | error  a tag that is not known here'],
    [`${good}__proto__: { a: 1 }\n`, 'sluice.yaml:14:1 | error  the key "__proto__" is not allowed'],
    [`${good}<<: { sink: journal }\n`, 'sluice.yaml:14:1  ["<<"] | error  unknown key "<<"'],
    [`${good}---\na: 1\n`, 'sluice.yaml:14:1 | error  a second document; the config is one document'],
    [`${good}? [ 1 ]\n: 2\n`, 'sluice.yaml:14:3 | error  a key that is not plain text'],
    ['routes: &a [ *a ]\n', `sluice.yaml:1:12  routes${'[0]'.repeat(16)} | error  nested more than 32 deep, or an alias inside its own anchor`],
    [`a: &a [ x ]\nb: [ ${'*a, '.repeat(51)}]\n`,
      'sluice.yaml:2:206  b[50] | error  more than 50 aliases'],
    ['x'.repeat(1024 * 1024 + 1), 'sluice.yaml:1:1 | error  the file has more than 1048576 bytes']
  ]
  for (const [text, expected] of cases) t.ok(lines(text).includes(expected), `${lines(text).join('\n')}\n${expected}`)
})

t.test('a file of aliases that multiply is refused quickly', async (t) => {
  const levels = Array.from({ length: 20 }, (_, at) => `a${at}: &a${at} [ ${`*a${at - 1}, `.repeat(9)} ]`)
  levels[0] = 'a0: &a0 [ lol ]'
  const start = performance.now()
  t.match(told(levels.join('\n')), /more than 50 aliases/)
  t.ok(performance.now() - start < 2_000)
})

t.test('rules over several settings name the setting to change', async (t) => {
  const rows: [string, string, string][] = [
    ['listeners:', 'sink: journal\nlisteners:', 'sluice.yaml:4:1  kafka | error  a kafka section beside "sink: journal": ' +
      'events would stay in the journal; forwarding from the journal to Kafka does not exist yet'],
    ['    topic:', '    ack: disk\n    topic:', 'sluice.yaml:10:5  routes[0].ack | error  "disk" beside a kafka section: ' +
      'forwarding from the journal to Kafka does not exist yet'],
    ['port: 8080', 'host: 0.0.0.0, port: 8080', 'sluice.yaml:2:5  listeners[0] | error  "0.0.0.0" can be reached from ' +
      'other machines, and this listener is without TLS and authentication'],
    ['port: 8080 }', 'port: 8080 }\n  - { protocol: health, port: 8080 }',
      'sluice.yaml:3:5  listeners[1] | error  address "127.0.0.1:8080" is taken by listeners[0] already'],
    ['kafka:', 'principals: [ { name: a }, { name: a } ]\nauthentication: [ auth-api-key ]\nkafka:',
      'sluice.yaml:3:30  principals[1].name | error  the name "a" is taken by principals[0].name already'],
    ['kafka:', 'principals: [ { name: a } ]\nkafka:', 'sluice.yaml:3:1  principals | error  principals are listed, and ' +
      'nothing asks who is sending: everyone would be anonymous'],
    ['kafka:', 'limits: { replyTimeoutMs: 30001 }\nkafka:', 'sluice.yaml:3:11  limits.replyTimeoutMs | error  30001 is above ' +
      'kafka.producer.deliveryTimeoutMs, which is 30000: delivery would be given up before the sender is answered'],
    ['- payload-limit', '- payload-limit: { bytesMax: 5MiB }', 'sluice.yaml:12:26  routes[0].policies[0].payload-limit.bytesMax ' +
      '| error  5MiB is above rest.decompressedBytesMax, which is 4MiB: no body of that size is read, so the policy could never refuse'],
    ['{ enum: [ eu, us ] }', '{}', 'sluice.yaml:10:5  routes[0].topic | error  {region} may be anything that a sender writes'],
    ['[ eu, us ]', '[ eu, "u s" ]', 'sluice.yaml:10:5  routes[0].topic | error  "orders.u s" is not a topic that may be written to'],
    ['[ eu, us ] } }', '[ eu, us ] } }\n    topicsMax: 1', 'sluice.yaml:11:5  routes[0].topic | error  this makes 2 topics, above topicsMax'],
    ['routes:', 'routes:\n  - { name: orders, channel: a, topic: a }', 'sluice.yaml:8:5  routes[1].name | error  the name "orders" is taken by routes[0] already']
  ]
  for (const [from, to, expected] of rows) t.equal(line(told(good.replace(from, to))), expected)
  t.equal(line(told(good.replace(/kafka:\n.*\n.*\n/, ''))), 'sluice.yaml:1:1  kafka | error  missing, and the sink is kafka')
  t.equal(line(told(good.replace(/kafka:\n.*\n.*\n/, 'sink: journal\n'))), 'no mistake', 'journal acks are the default there')
})

t.test('two principals never share a credential, and the credential is not shown', async (t) => {
  const hash = `sha256:${'ab'.repeat(32)}`
  const text = good.replace('kafka:', `principals:
  - { name: a, credentials: [ { apiKey: "${hash}" } ] }
  - { name: b, credentials: [ { apiKey: "${hash}" } ] }
authentication: [ auth-api-key: {} ]
kafka:`)
  t.match(told(text), /principals\[1\]\.credentials\[0\]\n {2}error {2}this credential is taken by principals\[0\]/)
  t.notMatch(told(text), hash)
})

t.test('an exposed listener is taken with TLS and authentication, for health, or when it says insecure', async (t) => {
  const exposed = (listener: string, more = ''): string => told(good.replace('{ protocol: http, port: 8080 }', listener) + more)
  t.equal(exposed('{ protocol: http, host: 0.0.0.0, port: 1, insecure: true }'), 'no mistake')
  t.equal(exposed('{ protocol: health, host: 0.0.0.0, port: 1 }'), 'no mistake')
  const secure = '{ protocol: http, host: "::", port: 1, tls: { cert: a, key: b } }'
  t.equal(exposed(secure, 'authentication: [ auth-api-key ]\n'), 'no mistake')
  t.match(exposed(secure), /without authentication\n/)
  for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '"::1"']) {
    t.equal(exposed(`{ protocol: http, host: ${host}, port: 1 }`), 'no mistake', host)
  }
})

t.test('references become values, also numbers, and broken ones are mistakes with their place', async (t) => {
  const text = good.replace('8080', '"${file:/run/port}"').replace('username: kong', () => 'username: "${env:USER}-$${x}"')
  const document = documentOf(text, { USER: 'ada' })
  t.match(document, { listeners: [{ port: 8081 }], kafka: { sasl: { username: 'ada-${x}' } } })
  t.equal(line(told(text)), 'sluice.yaml:5:29  kafka.sasl.username | error  environment variable USER is not set')
  const cases: [string, string][] = [
    ['${file:nowhere}', 'file /etc/sluice/nowhere cannot be read: ENOENT'],
    ['${vault:x}', 'a reference of an unknown kind'],
    ['${env:A', 'a reference without its closing "}"'],
    ['${env:}', 'a reference to no proper variable name'],
    ['${env:constructor}', 'environment variable constructor is not set']
  ]
  for (const [reference, problem] of cases) {
    for (const key of ['username: kong', 'password: hunter2']) {
      const broken = good.replace(key, () => `${key.split(' ')[0]} "${reference}"`)
      t.ok(line(told(broken)).endsWith(`error  ${problem}`), `${key} ${reference}`)
    }
  }
})

t.test('a reference in a secret is tried at load and stays a reference in the document', async (t) => {
  const document = documentOf(good.replace('hunter2', '"${file:pw}"'))
  t.match(document, { kafka: { sasl: { password: '${file:pw}' } } })
})

t.test('no mistake repeats a secret, wherever it was written', async (t) => {
  const canary = 'canary-7f3a9c'
  files['/etc/sluice/canary'] = canary
  const key = `principals: [ { name: a, credentials: [ { apiKey: ${canary} } ] } ]\nauthentication: [ auth-api-key ]\nkafka:`
  const cases = [
    good.replace('password: hunter2', `password: [ ${canary} ]`),
    good.replace('password: hunter2', `password: { value: ${canary} }`),
    good.replace('password: hunter2', `pasword: ${canary}`),
    good.replace('password: hunter2', `password: "${canary}`),
    good.replace('password: hunter2', `password: ${canary}: x`),
    good.replace('password: hunter2', `password: \t${canary}: "`),
    good.replace('password: hunter2', `password: *${canary}`),
    good.replace('password: hunter2', `password: !${canary} x`),
    good.replace('password: hunter2', `password: "${canary}\\q"`),
    good.replace('password: hunter2', `password: "\${${canary}}"`),
    good.replace('password: hunter2', `password: "\${vault:${canary}"`),
    good.replace(/sasl: .*/, `sasl: ${canary}`),
    good.replace(/sasl: .*/, `sasl: [ ${canary} ]`),
    good.replace('kafka:', key),
    good.replace('kafka:', key.replace('apiKey:', 'apikey:')),
    good.replace('port: 8080', 'port: "${file:canary}"'),
    good.replace('protocol: http', 'protocol: "${env:CANARY}"'),
    good.replace('topic: orders.{region}', 'topic: "__${env:CANARY}"')
  ]
  for (const text of cases) {
    const shown = told(text, { CANARY: canary })
    t.match(shown, /error/, text)
    t.notMatch(shown, canary, text)
  }
})

t.test('a damaged config always gives a document or mistakes, and never throws', async (t) => {
  const pieces = good.split(/(?<=[\s{}[\]:,])/)
  const token = fc.constantFrom('', '{', ']', ': ', '- ', '\n', '\n  ', '&a ', '*a', '"', '${', 'null', '-1', '1e999', '!!map ',
    '__proto__', '? ', '|\n', '# ', '\t', '\u0000', '~', '<<: ', '{}', '[]')
  const change = fc.record({ index: fc.nat(pieces.length - 1), text: fc.oneof(token, fc.string({ maxLength: 8 })) })
  let documents = 0
  fc.assert(fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
    const damaged = [...pieces]
    for (const { index, text } of changes) damaged[index] = text
    const loaded = load(damaged.join(''))
    if ('document' in loaded) documents++
    return 'document' in loaded || (loaded.mistakes.length > 0 && loaded.mistakes.every(({ line }) => line >= 1))
  }), { numRuns: 1_000 })
  t.ok(documents > 0 && documents < 1_000, 'both ends were reached')
})
