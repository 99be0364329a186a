// Codecs that cannot be had are mistakes at their place: at the producer and at every route.

import t from 'tap'
import { schema, settingChecks } from '../settings.ts'
import { codecsAreInstalled, compressionHasKafka, driverKnowsTheCodec } from './codec-checks.ts'
import { loadConfig } from './load.ts'

/** What is told about a config with this head and two routes, of which the second has this codec. */
function told (head: string, codec: string): string[] {
  const loaded = loadConfig({
    text: `listeners: [ { protocol: http, port: 8080 } ]
${head}
routes:
  - { name: a, channel: a, topic: a }
  - { name: b, channel: b, topic: b, compression: ${codec} }
`,
    path: 'sluice.yaml', env: {}, readFile: () => { throw new Error('no file') }, schema, checks: settingChecks
  })
  return 'mistakes' in loaded ? loaded.mistakes.map(({ path, problem }) => `${path}: ${problem}`) : []
}

const kafka = (more: string): string => `kafka: { brokers: [ "a:1" ], ${more} }`

t.test('a route may have any codec over the producer core', async t => {
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd']) t.same(told(kafka('driver: native'), codec), [], codec)
  t.match(told(kafka('driver: native'), 'brotli'), [/^routes\[1\]\.compression: unknown value "brotli"/])
})

t.test('the driver kafkajs knows none and gzip only, of the producer and of routes', async t => {
  for (const codec of ['none', 'gzip']) t.same(told(kafka('driver: kafkajs'), codec), [], codec)
  for (const codec of ['snappy', 'lz4', 'zstd']) {
    t.same(told(kafka('driver: kafkajs'), codec), [`routes[1].compression: "${codec}", which the driver kafkajs does not know`])
  }
  t.same(told(kafka('driver: kafkajs, producer: { compression: zstd }'), 'lz4').map(line => line.split(':')[0]),
    ['kafka.producer.compression', 'routes[1].compression'])
  t.match(driverKnowsTheCodec({ kafka: { driver: 'kafkajs', producer: { compression: 'lz4' } } }, () => true), [{
    expected: '"none" or "gzip", or "driver: native"'
  }])
  t.same(driverKnowsTheCodec({ kafka: [], routes: [7] }, () => false), [])
})

t.test('the journal does not compress, so a route that asks for it is wrong', async t => {
  for (const codec of ['none', 'gzip']) {
    t.same(told('sink: journal', codec),
      [`routes[1].compression: "${codec}", and the sink is the journal, which does not compress`])
  }
  t.same(compressionHasKafka({ sink: 'journal', routes: {} }, () => false), [])
})

t.test('a codec without a binary for this platform is a mistake before anything starts, wherever it is named', async t => {
  const document = {
    kafka: { producer: { compression: 'lz4' } }, routes: [{ compression: 'gzip' }, {}, { compression: 'snappy' }]
  }
  t.match(codecsAreInstalled(document, codec => codec === 'gzip'), [
    { path: ['kafka', 'producer', 'compression'], problem: /^"lz4", which is not installed/, expected: /zstd/ },
    { path: ['routes', 2, 'compression'], problem: /^"snappy", which is not installed/, expected: /zstd/ }
  ])
  t.same(codecsAreInstalled(document, () => true), [])
  t.same(codecsAreInstalled({}, () => false), [])
})
