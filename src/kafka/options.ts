// What a Kafka sink is made from, whichever driver carries its records.

import type { Log } from '../contract/adapter.ts'
import type { Sink } from '../contract/sink.ts'
import type { Compression } from './compression.ts'
import type { KafkaSettings } from './config.ts'

/** What counts bytes and says when there are too many: the node's budget, which doors and sinks share. */
export interface ByteBudget {
  /** False: nothing was taken. */
  take (bytes: number): boolean
  give (bytes: number): void
  /** Takes them even above the limit: for a copy that soon replaces what was taken before. */
  charge (bytes: number): void
}

/** Asked once for each topic that begins to be written to. Undefined: it has that of the producer's settings. */
export type CompressionOf = (topic: string) => Compression | undefined

export interface KafkaSinkOptions {
  readonly config: KafkaSettings
  readonly log: Log
  /** How long one request to Kafka may go without an answer, in milliseconds. */
  readonly requestTimeoutMs: number
  readonly budget: ByteBudget
  /** When to come back, for somebody who finds no room, in milliseconds. */
  retryAfterMs (): number
  /** Without it every topic has that of the producer's settings. */
  readonly compressionOf?: CompressionOf
}

export interface KafkaSink extends Sink {
  /** Begins to connect, and never stops trying. Kafka being down is no error: `health` tells. */
  start (): Promise<void>
}
