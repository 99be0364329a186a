// The Kafka sink: over the driver that the config names.

import { systemClock } from './clock.ts'
import { addressOf } from './config.ts'
import { createKafkajsSink } from './kafkajs/sink.ts'
import { createNativeSink } from './native/sink.ts'
import type { KafkaSink, KafkaSinkOptions } from './options.ts'
import { createSaslMechanism } from './sasl/index.ts'
import { createOpenLink } from './wire/link.ts'

export function createKafkaSink (options: KafkaSinkOptions): KafkaSink {
  const { config, log, requestTimeoutMs, budget, retryAfterMs, compressionOf = () => undefined } = options
  if (config.driver === 'kafkajs') return createKafkajsSink(options)
  const { tls, clientId, connectionTimeoutMs, producer } = config
  const sasl = createSaslMechanism(config.sasl)
  const clock = systemClock
  return createNativeSink({
    brokers: config.brokers.map(addressOf), settings: producer, requestTimeoutMs, clock, log, budget, retryAfterMs,
    compressionOf,
    openLink: createOpenLink({ tls, sasl, clientId, connectionTimeoutMs, requestTimeoutMs, clock })
  })
}
