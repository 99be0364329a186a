// A gateway compresses the batches of each topic as the route that feeds it says; a broker double looks at the bytes.

import t from 'tap'
import { startBrokerDouble } from '../support/broker-double/index.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { metricOf } from '../support/metrics.ts'

/** Where the attributes of a batch stand, whose lowest bits are Kafka's number of the codec. */
const attributesAt = 21
const codecs: Readonly<Record<string, number>> = { 'orders.eu': 4, 'orders.us': 4, 'audit': 0, 'bills': 1 }

const config = (broker: string): string => `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
workers: 1
kafka: { brokers: [ "${broker}" ], producer: { compression: gzip } }
routes:
  - name: orders
    channel: orders/{region}
    parameters: { region: { pattern: "[a-z]{2}" } }
    topic: orders.{region}
    compression: zstd
  - { name: audit, channel: audit, topic: audit, compression: none }
  - { name: bills, channel: bills, topic: bills }
`

t.test('a gateway in front of a broker double', { timeout: 120_000 }, async t => {
  const double = await startBrokerDouble({ topics: Object.fromEntries(Object.keys(codecs).map(name => [name, {}])) })
  t.teardown(() => double.stop())
  const gateway = await startGatewayProcess(t.testdir(), config(double.brokers[0] ?? ''))
  t.teardown(() => gateway.kill())
  for (const topic of Object.keys(codecs)) {
    const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/events/${topic.replace('.', '/')}`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify('compressible '.repeat(200))
    })
    t.match(await response.json(), { outcome: 'written', topic })
  }
  const batches = double.requests.flatMap(request => request.batches)
  t.same(Object.fromEntries(batches.map(({ topic, bytes }) => [topic, bytes.readInt16BE(attributesAt)])), codecs)
  t.same(double.violations, [])
  const [inputBytes = 0, outputBytes = 0] = await Promise.all(['input', 'output'].map(side =>
    metricOf(gateway.healthPort, `sluice_kafka_compression_${side}_bytes_total`)))
  t.ok(inputBytes > 7_000 && outputBytes < inputBytes / 4, `${outputBytes} of ${inputBytes} bytes`)
  t.equal(await metricOf(gateway.healthPort, 'sluice_kafka_compression_skipped_total'), 0)
  t.ok(await gateway.stop())
})
