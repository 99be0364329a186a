// The Kafka sink: over the driver that the config names.

import { createKafkajsSink } from './kafkajs/sink.ts'
import type { KafkaSink, KafkaSinkOptions } from './options.ts'

export function createKafkaSink (options: KafkaSinkOptions): KafkaSink {
  return createKafkajsSink(options)
}
