// The Kafka sink over Sluice's own producer core: finds the topic of a record, and joins cluster, topics and senders.

import type { Log } from '../../contract/adapter.ts'
import type { Settler } from '../../contract/outcome.ts'
import type { Measure, Sink, SinkRecord } from '../../contract/sink.ts'
import type { BrokerAddress, ClusterMetadata, OpenLink, ProduceResult } from '../broker-link.ts'
import type { Problem } from '../classify.ts'
import { answerOf } from '../classify.ts'
import type { Clock } from '../clock.ts'
import type { ProducerSettings } from '../config.ts'
import { OperatorLog } from '../operator-log.ts'
import type { ByteBudget, CompressionOf, KafkaSink } from '../options.ts'
import { overloaded, stopping } from '../refusals.ts'
import { OpenTickets } from './batch.ts'
import { Cluster } from './cluster.ts'
import { Failures } from './failures.ts'
import type { Lane } from './lane.ts'
import { Lingering } from './lingering.ts'
import { Memory } from './memory.ts'
import { Packing } from './packing.ts'
import { Sender } from './sender.ts'
import { Topic } from './topic.ts'
import type { TopicHost } from './topic.ts'

/** How late a deadline may be noticed, in milliseconds. */
const sweepMs = 50
/** A partition is left for another after so many bytes without a key, or a batch where that is smaller. */
const stickyBytesMax = 65_536

export interface NativeSinkOptions {
  readonly brokers: readonly BrokerAddress[]
  readonly settings: ProducerSettings
  /** How long one request may go without an answer, in milliseconds. */
  readonly requestTimeoutMs: number
  readonly openLink: OpenLink
  readonly clock: Clock
  readonly log: Log
  readonly budget: ByteBudget
  /** When to come back, for somebody who finds no room, in milliseconds. */
  retryAfterMs (): number
  /** Without it every topic has that of the settings. */
  readonly compressionOf?: CompressionOf
}

export function createNativeSink (options: NativeSinkOptions): KafkaSink {
  return new NativeSink(options)
}

class NativeSink implements KafkaSink {
  readonly ack = 'kafka'
  readonly gauges: ReadonlyMap<string, () => number>
  readonly #options: NativeSinkOptions
  readonly #log: OperatorLog
  readonly #memory: Memory
  readonly #openTickets = new OpenTickets()
  readonly #cluster: Cluster
  readonly #lingering: Lingering
  readonly #packing: Packing
  readonly #topics = new Map<string, Topic>()
  #latest: Topic | undefined
  readonly #senders = new Map<number, Sender>()
  readonly #addresses = new Map<number, BrokerAddress>()
  readonly #host: TopicHost
  #nowMs = 0
  /** By topic and error. */
  readonly #failures = new Failures()
  #draining = false
  #stopSweeping: (() => void) | undefined

  constructor (options: NativeSinkOptions) {
    const { settings, clock, openLink, brokers } = options
    this.#options = options
    this.#log = new OperatorLog(options.log, clock.nowMs)
    this.#memory = new Memory(options.budget, settings.batchBytesMax)
    this.#lingering = new Lingering(clock, settings.lingerMs, () => { this.#drainSenders() })
    this.#packing = new Packing({
      log: options.log, memory: this.#memory,
      compressionOf: topic => options.compressionOf?.(topic) ?? settings.compression
    })
    this.#cluster = new Cluster({
      bootstrap: brokers, openLink, clock, log: this.#log,
      found: metadata => { this.#found(metadata) },
      identified: () => { this.#wakeAll() }
    })
    this.#host = this.#createHost()
    this.gauges = this.#levels()
  }

  async start (): Promise<void> {
    this.#cluster.start()
    this.#sweepLater()
  }

  deliver (record: SinkRecord, settler: Settler, ticket: number, deadlineMs: number): void {
    const topic = this.#draining ? undefined : this.#topic(record.topic)
    if (topic?.deliver(record, settler, ticket, deadlineMs) === true) return
    if (!this.#draining) this.#lingering.flush()
    settler.settle(ticket, this.#draining ? stopping : overloaded(this.#options.retryAfterMs()))
  }

  * measures (): Iterable<Measure> {
    for (const sender of this.#senders.values()) yield * sender.measures()
    yield * this.#failures.measures()
    yield * this.#packing.measures()
  }

  health (): ReturnType<Sink['health']> {
    return this.#cluster.health()
  }

  async drain (timeoutMs: number): Promise<void> {
    this.#draining = true
    this.#lingering.flush()
    if (this.#openTickets.count > 0) await this.#settled(timeoutMs)
    this.#stopSweeping?.()
    const reason = new Error('this gateway is stopping')
    for (const sender of this.#senders.values()) sender.close(reason)
    this.#cluster.close(reason)
    for (const topic of this.#topics.values()) topic.close(stopping)
    this.#topics.clear()
  }

  #settled (timeoutMs: number): Promise<void> {
    return new Promise(resolve => {
      const cancel = this.#options.clock.after(timeoutMs, resolve)
      this.#openTickets.onSettled = () => {
        cancel()
        resolve()
      }
    })
  }

  /** Undefined where there are too many topics, and none that could be forgotten. */
  #topic (name: string): Topic | undefined {
    let topic = this.#latest
    if (topic?.name !== name) {
      topic = this.#topics.get(name) ?? this.#addTopic(name)
      if (topic === undefined) return undefined
      this.#latest = topic
    }
    topic.usedAtMs = this.#nowMs
    return topic
  }

  #addTopic (name: string): Topic | undefined {
    const { topicsMax, batchBytesMax } = this.#options.settings
    if (this.#topics.size >= topicsMax && !this.#forgetOne()) return undefined
    const topic = new Topic(name, this.#host, Math.min(stickyBytesMax, batchBytesMax))
    this.#topics.set(name, topic)
    this.#packing.begin(name)
    return topic
  }

  #forgetOne (): boolean {
    let oldest: Topic | undefined
    for (const topic of this.#topics.values()) {
      if (topic.idle && (oldest === undefined || topic.usedAtMs < oldest.usedAtMs)) oldest = topic
    }
    if (oldest === undefined) return false
    this.#topics.delete(oldest.name)
    this.#packing.forget(oldest.name)
    if (this.#latest === oldest) this.#latest = undefined
    // A lane that is made anew counts from 0, which under the same id would be taken for a repetition.
    this.#cluster.forgetProducerId()
    for (const lane of oldest.lanes) this.#senders.get(lane.leader)?.forget(lane)
    oldest.close(stopping)
    return true
  }

  #createHost (): TopicHost {
    const { clock, settings } = this.#options
    return {
      clock, memory: this.#memory, openTickets: this.#openTickets, deliveryTimeoutMs: settings.deliveryTimeoutMs,
      producerIds: broken => this.#cluster.producerId(broken),
      batchBytesMax: leader => Math.min(settings.batchBytesMax, this.#senders.get(leader)?.windowBytes ?? Infinity),
      filling: lane => { this.#lingering.add(lane) },
      ready: lane => { this.#ready(lane) },
      pack: (batch, lane) => { this.#packing.pack(batch, () => { if (lane.hasMore) this.#ready(lane) }) },
      moved: (lane, leader) => { this.#moved(lane, leader) },
      failed: (lane, what, code) => { this.#failed(lane, what, code) },
      lookUp: topic => { this.#cluster.lookUp(topic) },
      assign: (lane, leader) => { this.#assign(lane, leader) },
      absent: (topic, problem) => { this.#absent(topic, problem) }
    }
  }

  #ready (lane: Lane): void {
    this.#senderOf(lane.leader)?.list(lane)
    this.#lingering.drainSoon()
  }

  #drainSenders (): void {
    for (const sender of this.#senders.values()) sender.drain()
  }

  #senderOf (nodeId: number): Sender | undefined {
    const known = this.#senders.get(nodeId)
    const address = this.#addresses.get(nodeId)
    if (known !== undefined || address === undefined) return known
    const { openLink, clock, requestTimeoutMs } = this.#options
    const sender = new Sender(nodeId, address, {
      openLink, clock, requestTimeoutMs, log: this.#log, lost: lost => { this.#lost(lost) }
    })
    this.#senders.set(nodeId, sender)
    return sender
  }

  #lost ({ nodeId }: Sender): void {
    for (const topic of this.#topics.values()) if (topic.lanes.some(({ leader }) => leader === nodeId)) topic.stale()
  }

  #found ({ brokers, topics }: ClusterMetadata): void {
    for (const { nodeId, host, port } of brokers) {
      this.#addresses.set(nodeId, { host, port })
      this.#senders.get(nodeId)?.moveTo({ host, port })
    }
    for (const metadata of topics) this.#topics.get(metadata.name)?.found(metadata)
    // Whoever waited for the address of a leader that was known already.
    this.#wakeAll()
  }

  #assign (lane: Lane, leader: number): void {
    if (lane.leader === leader) return
    this.#senders.get(lane.leader)?.forget(lane)
    lane.leader = leader
    lane.wake()
  }

  #moved (lane: Lane, leader: ProduceResult['leader']): void {
    if (leader !== undefined && this.#addresses.has(leader.nodeId)) this.#assign(lane, leader.nodeId)
    else this.#topics.get(lane.topic)?.stale()
  }

  #wakeAll (): void {
    for (const topic of this.#topics.values()) for (const lane of topic.lanes) if (lane.hasMore) this.#ready(lane)
  }

  #failed ({ topic, partition }: Lane, what: string, code: number): void {
    this.#failures.count(topic, code === -1 ? 'no answer' : what)
    if (this.#draining || code === -1) return
    const { action } = answerOf(code)
    this.#log.warn(`answer ${what}`, { topic, partition, code, error: what, action }, 'Kafka did not take a batch')
  }

  #absent (topic: string, { cause, text }: Problem): void {
    this.#log.warn(`topic ${cause}`, { topic, cause, reason: text }, 'a topic could not be looked up at Kafka')
  }

  #sweepLater (): void {
    this.#stopSweeping = this.#options.clock.after(sweepMs, () => {
      this.#nowMs = this.#options.clock.nowMs()
      for (const topic of [...this.#topics.values()]) topic.sweep(this.#nowMs)
      this.#sweepLater()
    })
  }

  #levels (): ReadonlyMap<string, () => number> {
    const sum = (level: (topic: Topic) => number): number => {
      let total = 0
      for (const topic of this.#topics.values()) total += level(topic)
      return total
    }
    const sumLanes = (level: (lane: Lane) => number): number =>
      sum(topic => topic.lanes.reduce((total, lane) => total + level(lane), 0))
    const { topicsMax } = this.#options.settings
    return new Map([
      ['buffer_bytes', () => this.#memory.usedBytes],
      ['buffer_free_bytes', () => this.#memory.freeBytes],
      ['queue_records', () => sum(topic => topic.waitingRecordsCount) + sumLanes(lane => lane.waitingRecordsCount())],
      ['open_tickets', () => this.#openTickets.count],
      ['in_flight_batches', () => sumLanes(lane => lane.underWayCount)],
      ['lanes', () => sum(topic => topic.lanes.length)],
      ['topics', () => this.#topics.size],
      ['topics_limit', () => topicsMax],
      ['retries_total', () => this.#failures.total],
      ['identities_retired_total', () => sumLanes(lane => lane.brokenCount)]
    ])
  }
}
