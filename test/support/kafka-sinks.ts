// Makes the Kafka sink with each of its drivers for the conformance suites.

import type { Log } from '../../src/contract/adapter.ts'
import type { Sink } from '../../src/contract/sink.ts'
import { createKafkaSink } from '../../src/kafka/sink.ts'
import type { KafkaSettings } from '../../src/kafka/config.ts'
import { budgetOf } from './byte-budget.ts'
import type { MakeSink, SinkSetup } from './sink-conformance.ts'

const silent: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export const kafkajsSink: MakeSink = setup => sinkOver('kafkajs', setup)
export const nativeSink: MakeSink = setup => sinkOver('native', setup)

function sinkOver (driver: KafkaSettings['driver'], setup: SinkSetup): Sink {
  const sink = createKafkaSink({
    log: setup.log ?? silent,
    requestTimeoutMs: setup.requestTimeoutMs ?? 5_000,
    budget: budgetOf(setup.bufferBytesMax ?? 33_554_432),
    retryAfterMs: () => 1_000,
    ...(setup.compressionOf === undefined ? {} : { compressionOf: setup.compressionOf }),
    config: kafkaSettingsOf(driver, setup)
  })
  void sink.start()
  return sink
}

export function kafkaSettingsOf (driver: KafkaSettings['driver'], setup: SinkSetup): KafkaSettings {
  const { brokers, caPath, sasl } = setup
  return {
    brokers: [...brokers],
    clientId: 'sluice-test',
    driver,
    connectionTimeoutMs: 5_000,
    // An empty path: TLS that trusts what this machine trusts.
    ...(caPath === undefined ? {} : { tls: caPath === '' ? true : { ca: caPath } }),
    ...(sasl === undefined ? {} : { sasl }),
    producer: {
      lingerMs: 0,
      batchBytesMax: setup.batchBytesMax ?? 1_048_576,
      deliveryTimeoutMs: setup.deliveryTimeoutMs ?? 30_000,
      compression: setup.compression ?? 'none',
      topicsMax: setup.topicsMax ?? 100
    }
  }
}
