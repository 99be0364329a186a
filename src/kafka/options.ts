// What a Kafka sink is made from, whichever driver carries its records.

import type { Log } from '../contract/adapter.ts'
import type { Sink } from '../contract/sink.ts'
import type { KafkaSettings } from './config.ts'

export interface KafkaSinkOptions {
  readonly config: KafkaSettings
  readonly log: Log
  /** How long one request to Kafka may go without an answer, in milliseconds. */
  readonly requestTimeoutMs: number
}

export interface KafkaSink extends Sink {
  /** Begins to connect, and never stops trying. Kafka being down is no error: `health` tells. */
  start (): Promise<void>
}
