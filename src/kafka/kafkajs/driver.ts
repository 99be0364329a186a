// Everything that touches kafkajs 2.2.4: one producer per topic, and short-lived admin clients that look up topics.

// One producer per topic, because all topics of a kafkajs producer share one metadata refresh, which fails for all of
// them when one was deleted, denied or lost its leader.

import kafkajs from 'kafkajs'
import type { Admin, KafkaConfig, Producer } from 'kafkajs'
import type { Log } from '../../contract/adapter.ts'
import type { SinkRecord } from '../../contract/sink.ts'
import type { KafkaSettings } from '../config.ts'
import type { CompressionOf } from '../options.ts'
import { repairKafkajs } from './repair.ts'
import { ProduceTap } from './produce-tap.ts'
import type { Attempt } from './produce-tap.ts'
import { carry } from './record-codec.ts'
import type { Compression } from './record-codec.ts'
import { Sockets } from './sockets.ts'

// kafkajs is CommonJS: its names come through the default import.
const { Kafka, logLevel } = kafkajs

/** How long a client may take to close before its sockets are destroyed. */
const closeMs = 1_000
/** The broker's own time limit for replication stays under the request's, so that it can say so. */
const replicationShare = 0.8

/** What became of one attempt to write a batch. */
export type Sent =
  /** Written. `offset` is that of the first record, undefined where the broker did not tell. */
  | { readonly kind: 'written', readonly offset: number | undefined }
  /** The broker answered with this error code. */
  | { readonly kind: 'answered', readonly code: number, readonly error: unknown }
  /** Certainly not written: nothing left this process. */
  | { readonly kind: 'unsent', readonly error: unknown }
  /** It left, and no answer came. */
  | { readonly kind: 'unanswered', readonly error: unknown }

/** The producer of one topic: one producer id, whose sequence numbers per partition live in kafkajs. */
export interface ProducerLink {
  /** True once its sequence numbers cannot be trusted; no new batch may use it. */
  readonly spoiled: boolean
  /** One attempt, one per partition at a time. `mayWrite` is asked right before the bytes go out. Never rejects. */
  send (partition: number, records: readonly SinkRecord[], mayWrite: () => boolean): Promise<Sent>
  /** Bounded in time; what is in flight is given up. */
  close (): Promise<void>
}

export interface AdminLink {
  connect (): Promise<void>
  /** The leader of each partition; -1 where there is none. Rejects with what kafkajs found. */
  leaders (topic: string): Promise<readonly number[]>
  close (): Promise<void>
}

export interface Driver {
  openProducer (topic: string): ProducerLink
  /** `onLost` is called when its last connection closed. */
  openAdmin (onLost: () => void): AdminLink
}

interface DriverOptions {
  readonly config: KafkaSettings
  readonly requestTimeoutMs: number
  readonly log: Log
  readonly compressionOf?: CompressionOf | undefined
}

export function createDriver (options: DriverOptions): Driver {
  repairKafkajs()
  let opened = 0
  const client = (sockets: Sockets): InstanceType<typeof Kafka> => {
    const { brokers } = options.config
    // kafkajs always asks the first broker first: each client starts at another one.
    const first = opened++ % brokers.length
    return new Kafka(clientOptions(options, sockets, [...brokers.slice(first), ...brokers.slice(0, first)]))
  }
  return {
    openProducer: (topic) => new KafkajsProducer({ ...options, topic, client }),
    openAdmin: (onLost) => openAdmin(options, client, onLost)
  }
}

function clientOptions (options: DriverOptions, sockets: Sockets, brokers: string[]): KafkaConfig {
  const { config, requestTimeoutMs, log } = options
  const { sasl } = config
  return {
    brokers,
    clientId: config.clientId,
    ssl: config.tls !== undefined,
    // The check of the config lets no login without a password through. It is read at each one, kept nowhere.
    ...(sasl === undefined || !('password' in sasl) ? {} : {
      sasl: { mechanism: sasl.mechanism, username: sasl.username, get password () { return sasl.password.reveal() } } as
        NonNullable<KafkaConfig['sasl']>
    }),
    // The sockets keep these limits; those of kafkajs are only a net below them.
    connectionTimeout: config.connectionTimeoutMs + 1_000,
    authenticationTimeout: requestTimeoutMs + 1_000,
    requestTimeout: requestTimeoutMs + 1_000,
    retry: { retries: 0 },
    socketFactory: sockets.connect as unknown as NonNullable<KafkaConfig['socketFactory']>,
    logLevel: logLevel.WARN,
    logCreator: () => ({ namespace, log: { message, error } }) => {
      log.debug({ library: 'kafkajs', namespace, ...(error === undefined ? {} : { error: String(error) }) }, message)
    }
  }
}

type MakeClient = (sockets: Sockets) => InstanceType<typeof Kafka>

function openAdmin ({ config, requestTimeoutMs }: DriverOptions, client: MakeClient, onLost: () => void): AdminLink {
  const sockets = new Sockets({ config, requestTimeoutMs, onEmpty: onLost })
  const admin: Admin = client(sockets).admin()
  return {
    connect: () => admin.connect(),
    async leaders (topic) {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      const partitions = topics.find((each) => each.name === topic)?.partitions ?? []
      const leaders: number[] = []
      for (const { partitionId, leader } of partitions) leaders[partitionId] = leader
      return Array.from(leaders, (leader) => leader ?? -1)
    },
    close: () => closeWithin(admin, sockets)
  }
}

async function closeWithin (client: Admin | Producer, sockets: Sockets): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, closeMs) })
  // Disconnecting waits for answers that may never come.
  await Promise.race([client.disconnect().catch(() => undefined), late])
  clearTimeout(timer)
  sockets.destroyAll()
}

interface ProducerOptions extends DriverOptions { readonly topic: string, readonly client: MakeClient }

class KafkajsProducer implements ProducerLink {
  readonly #topic: string
  readonly #timeoutMs: number
  readonly #compression: Compression
  readonly #sockets: Sockets
  readonly #producer: Producer
  /** By partition. Nothing is deleted: a Map that loses members keeps them from the quick collector of new objects. */
  readonly #attempts = new Map<number, Attempt | undefined>()
  #opening: Promise<void> | undefined
  #closed = false
  spoiled = false

  constructor ({ config, requestTimeoutMs, topic, client, compressionOf }: ProducerOptions) {
    this.#topic = topic
    this.#timeoutMs = Math.floor(requestTimeoutMs * replicationShare)
    // Config checks let no other codec through with this driver.
    this.#compression = (compressionOf?.(topic) ?? config.producer.compression) === 'gzip' ? 'gzip' : 'none'
    this.#sockets = new Sockets({ config, requestTimeoutMs, tap: () => new ProduceTap(topic, this.#attempts) })
    this.#producer = client(this.#sockets).producer({
      idempotent: true,
      allowAutoTopicCreation: false,
      createPartitioner: () => ({ message }) => message.partition ?? 0,
      // Not a number of retries at all: kafkajs demands at least one of an idempotent producer, but a retry of its own
      // would hide how the first attempt ended. With NaN neither its check nor its loop asks for another.
      retry: { retries: Number.NaN }
    })
  }

  async send (partition: number, records: readonly SinkRecord[], mayWrite: () => boolean): Promise<Sent> {
    let left = false
    let code: number | undefined
    let offset = -1
    const { messages, compression, payload, release } = carry(records, partition, this.#compression)
    this.#attempts.set(partition, {
      payload,
      mayWrite: () => (left = !this.#closed && mayWrite()),
      answered: (given, baseOffset) => { code = given; offset = baseOffset }
    })
    let error: unknown
    try {
      await this.#open()
      const answers = await this.#producer.send({
        topic: this.#topic, acks: -1, timeout: this.#timeoutMs, compression, messages
      })
      // Where kafkajs does not know the partition it leaves the batch out and resolves all the same.
      if (answers.length > 0) {
        return { kind: 'written', offset: offsetOf(code === 0 ? offset : Number(answers[0]?.baseOffset ?? -1)) }
      }
      error = new Error('the library does not know the partition')
    } catch (thrown) {
      error = thrown
    } finally {
      this.#attempts.set(partition, undefined)
      release()
    }
    if (code === 0) {
      // kafkajs took its sequence number back after the answer: the next batch would count as a duplicate.
      this.spoiled = true
      return { kind: 'written', offset: offsetOf(offset) }
    }
    if (code !== undefined) return { kind: 'answered', code, error }
    return { kind: left ? 'unanswered' : 'unsent', error }
  }

  async close (): Promise<void> {
    this.#closed = true
    await closeWithin(this.#producer, this.#sockets)
  }

  async #open (): Promise<void> {
    this.#opening ??= this.#connect()
    try {
      await this.#opening
    } catch (error) {
      this.#opening = undefined
      throw error
    }
  }

  /**
   * The first metadata request of a kafkajs producer asks for all topics, and one that has no leader fails it. Sending
   * nothing to our topic narrows the request down, and connecting again then gets the producer id.
   */
  async #connect (): Promise<void> {
    try {
      await this.#producer.connect()
    } catch (error) {
      if (this.#sockets.openCount === 0) throw error
      try {
        await this.#producer.send({ topic: this.#topic, messages: [] })
      } catch {
        throw error
      }
      await this.#producer.connect()
    }
  }
}

function offsetOf (offset: number): number | undefined {
  return offset < 0 ? undefined : offset
}
