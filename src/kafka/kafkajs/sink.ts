// The Kafka sink over kafkajs: bounds what it holds, finds the topic of a record, watches deadlines, and drains.

import type { Settler } from '../../contract/outcome.ts'
import { approximateBytes } from '../../contract/record.ts'
import type { Sink, SinkRecord } from '../../contract/sink.ts'
import type { KafkaSink, KafkaSinkOptions } from '../options.ts'
import { OperatorLog } from '../operator-log.ts'
import { overloaded, stopping } from '../refusals.ts'
import { Ledger } from './batch.ts'
import type { Entry } from './batch.ts'
import { Connection } from './connection.ts'
import { createDriver } from './driver.ts'
import { Linger } from './linger.ts'
import { Topic } from './topic.ts'
import type { Counts, TopicOptions } from './topic.ts'

/** How late a deadline may be noticed, in milliseconds. */
const sweepMs = 50
/** What an entry, its message and its place in a batch take beside the record, in bytes. */
const entryOverheadBytes = 256

export function createKafkajsSink (options: KafkaSinkOptions): KafkaSink {
  return new DriverSink(options)
}

class DriverSink implements KafkaSink {
  readonly ack = 'kafka'
  readonly gauges: ReadonlyMap<string, () => number>
  readonly #options: KafkaSinkOptions
  readonly #topicsMax: number
  readonly #topics = new Map<string, Topic>()
  readonly #ledger: Ledger
  readonly #counts: Counts = { retries: 0, identitiesRetired: 0 }
  readonly #linger: Linger
  readonly #connection: Connection
  readonly #shared: TopicOptions
  #sweeper: NodeJS.Timeout | undefined
  /** `performance.now()` of the latest sweep. */
  #nowMs = 0
  #draining = false

  constructor (options: KafkaSinkOptions) {
    const { config, log, requestTimeoutMs, budget, compressionOf } = options
    const { producer } = config
    this.#options = options
    this.#ledger = new Ledger(bytes => { budget.give(bytes) })
    this.#topicsMax = producer.topicsMax
    this.#linger = new Linger(producer.lingerMs)
    const driver = createDriver({ config, log, requestTimeoutMs, compressionOf })
    const operatorLog = new OperatorLog(log)
    this.#connection = new Connection(driver, operatorLog)
    this.#shared = {
      driver, connection: this.#connection, ledger: this.#ledger, log: operatorLog, settings: producer,
      linger: this.#linger, counts: this.#counts
    }
    this.gauges = this.#levels()
  }

  async start (): Promise<void> {
    this.#connection.start()
    this.#sweeper = setInterval(() => this.#sweep(), sweepMs)
  }

  deliver (record: SinkRecord, settler: Settler, ticket: number, deadlineMs: number): void {
    if (this.#draining) {
      settler.settle(ticket, stopping)
      return
    }
    const bytes = approximateBytes(record) + entryOverheadBytes
    const { budget, retryAfterMs } = this.#options
    const topic = this.#topic(record.topic)
    if (topic === undefined || !budget.take(bytes)) {
      settler.settle(ticket, overloaded(retryAfterMs()))
      return
    }
    const entry: Entry = { record, settler, ticket, deadlineMs, bytes, settled: false }
    this.#ledger.take(entry)
    topic.usedAtMs = this.#nowMs
    topic.deliver(entry)
  }

  health (): ReturnType<Sink['health']> {
    return this.#connection.health()
  }

  async drain (timeoutMs: number): Promise<void> {
    this.#draining = true
    this.#linger.flush()
    if (this.#ledger.openCount > 0) await this.#settled(timeoutMs)
    clearInterval(this.#sweeper)
    const topics = [...this.#topics.values()]
    this.#topics.clear()
    await Promise.all([...topics.map((topic) => topic.close(stopping)), this.#connection.close()])
  }

  async #settled (timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs)
      this.#ledger.onSettled = resolve
    })
    clearTimeout(timer)
  }

  /** Undefined where there are too many topics, and none that could be forgotten. */
  #topic (name: string): Topic | undefined {
    const known = this.#topics.get(name)
    if (known !== undefined) return known
    if (this.#topics.size >= this.#topicsMax && !this.#forgetOne()) return undefined
    const topic = new Topic(name, this.#shared)
    this.#topics.set(name, topic)
    return topic
  }

  #forgetOne (): boolean {
    let oldest: Topic | undefined
    for (const topic of this.#topics.values()) {
      if (topic.idle && (oldest === undefined || topic.usedAtMs < oldest.usedAtMs)) oldest = topic
    }
    if (oldest === undefined) return false
    this.#topics.delete(oldest.name)
    void oldest.close(stopping)
    return true
  }

  #sweep (): void {
    this.#nowMs = performance.now()
    for (const topic of this.#topics.values()) topic.sweep(this.#nowMs)
  }

  #levels (): ReadonlyMap<string, () => number> {
    const sum = (level: (topic: Topic) => number): number => {
      let total = 0
      for (const topic of this.#topics.values()) total += level(topic)
      return total
    }
    return new Map([
      ['buffer_bytes', () => this.#ledger.heldBytes],
      ['queue_records', () => this.#ledger.queuedCount],
      ['open_tickets', () => this.#ledger.openCount],
      ['in_flight_batches', () => sum((topic) => topic.inFlightCount)],
      ['lanes', () => sum((topic) => topic.laneCount)],
      ['topics', () => this.#topics.size],
      ['topics_limit', () => this.#topicsMax],
      ['retries_total', () => this.#counts.retries],
      ['identities_retired_total', () => this.#counts.identitiesRetired]
    ])
  }
}
