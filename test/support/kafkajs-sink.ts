// Makes the Kafka sink with the kafkajs driver for the conformance suites.

import type { Log } from '../../src/contract/adapter.ts'
import type { Sink } from '../../src/contract/sink.ts'
import { createKafkaSink } from '../../src/kafka/sink.ts'
import type { SinkSetup } from './sink-conformance.ts'

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export function kafkajsSink (setup: SinkSetup): Sink {
  const { brokers, caPath, sasl } = setup
  const sink = createKafkaSink({
    log: setup.log ?? silent,
    requestTimeoutMs: setup.requestTimeoutMs ?? 5_000,
    config: {
      brokers: [...brokers],
      clientId: 'sluice-test',
      driver: 'kafkajs',
      connectionTimeoutMs: 5_000,
      // An empty path: TLS that trusts what this machine trusts.
      ...(caPath === undefined ? {} : { tls: caPath === '' ? true : { ca: caPath } }),
      ...(sasl === undefined ? {} : { sasl }),
      producer: {
        lingerMs: 0,
        batchBytesMax: setup.batchBytesMax ?? 1_048_576,
        deliveryTimeoutMs: setup.deliveryTimeoutMs ?? 30_000,
        bufferBytesMax: setup.bufferBytesMax ?? 33_554_432,
        compression: setup.compression ?? 'none',
        topicsMax: setup.topicsMax ?? 100
      }
    }
  })
  void sink.start()
  return sink
}
