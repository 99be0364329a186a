// Talks to single brokers through the inside of the pinned kafkajs, whose public API always lets the library choose.
import { createRequire } from 'node:module'
import { setTimeout as pause } from 'node:timers/promises'

const REQUEST_MS = 5_000

// These parts of kafkajs have no types and no promise of staying: the version is pinned, and only tests use them.
const load = createRequire(import.meta.url)

export interface WireRecord {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: Readonly<Record<string, Buffer | readonly Buffer[]>>
  readonly isControlRecord: boolean
  readonly batchContext?: { readonly lastOffsetDelta: number, readonly firstOffset: string }
}

interface WirePartition {
  readonly partitionId: number
  readonly leader: number
  readonly replicas: readonly number[]
  readonly isr: readonly number[]
  readonly partitionErrorCode: number
}

export interface WireMetadata {
  readonly brokers: readonly { readonly nodeId: number, readonly host: string, readonly port: number }[]
  readonly topicMetadata: readonly {
    readonly topic: string
    readonly topicErrorCode: number
    readonly isInternal: boolean
    readonly partitionMetadata: readonly WirePartition[]
  }[]
}

interface OffsetsAnswer {
  readonly responses: readonly {
    readonly partitions: readonly { readonly partition: number, readonly offset: string }[]
  }[]
}

interface FetchAnswer {
  readonly responses: readonly {
    readonly partitions: readonly {
      readonly partition: number
      readonly highWatermark: string
      readonly messages: readonly WireRecord[]
    }[]
  }[]
}

export interface WireBroker {
  readonly nodeId: number
  /** An empty list asks for all topics. */
  readonly metadata: (topics: readonly string[]) => Promise<WireMetadata>
  readonly listOffsets: (request: object) => Promise<OffsetsAnswer>
  readonly fetch: (request: object) => Promise<FetchAnswer>
  readonly describeAcls: (request: object) => Promise<{ readonly resources: readonly unknown[] }>
}

export interface WireCluster {
  readonly connect: () => Promise<void>
  readonly disconnect: () => Promise<void>
  readonly refreshMetadata: () => Promise<void>
  readonly addTargetTopic: (topic: string) => Promise<void>
  readonly getNodeIds: () => readonly string[]
  readonly findBroker: (which: { readonly nodeId: string }) => Promise<WireBroker>
  readonly findLeaderForPartitions: (
    topic: string, partitions: readonly number[]
  ) => Readonly<Record<string, readonly number[]>>
  readonly findTopicPartitionMetadata: (topic: string) => readonly WirePartition[]
}

type ClusterClass = new (options: object) => WireCluster

const Cluster = load('kafkajs/src/cluster') as ClusterClass
const { createLogger } = load('kafkajs/src/loggers') as { createLogger: (options: object) => unknown }
const socketFactory = load('kafkajs/src/network/socketFactory') as () => unknown

/** Connects to the first of the plaintext `brokers` that answers, does the work, and disconnects. */
export async function withCluster<T>(
  brokers: readonly string[], work: (cluster: WireCluster) => Promise<T>, requestMs = REQUEST_MS
): Promise<T> {
  const cluster = new Cluster({
    logger: createLogger({ level: 0, logCreator: () => () => undefined }),
    socketFactory: socketFactory(),
    brokers: [...brokers],
    clientId: 'sluice-rig',
    connectionTimeout: 1_000,
    authenticationTimeout: REQUEST_MS,
    requestTimeout: requestMs,
    enforceRequestTimeout: true,
    metadataMaxAge: 300_000,
    allowAutoTopicCreation: false,
    retry: { initialRetryTime: 50, maxRetryTime: 200, retries: brokers.length }
  })
  try {
    await cluster.connect()
    await cluster.refreshMetadata()
    return await work(cluster)
  } finally {
    await cluster.disconnect().catch(() => undefined)
  }
}

export interface Wait {
  /** Ends the sentence "gave up waiting for ...". */
  readonly what: string
  readonly timeoutMs: number
  /** Adds to the error, for instance the end of a log. */
  readonly explain?: () => Promise<string>
  /** A reason to give up at once, for instance a process that has ended. */
  readonly hopeless?: () => string | undefined
}

/** Asks again and again until `check` gives something; what it throws counts as not yet, and goes into the error. */
export async function until<T>(wait: Wait, check: () => Promise<T | undefined>): Promise<T> {
  const endMs = Date.now() + wait.timeoutMs
  let last: unknown
  for (;;) {
    const given = wait.hopeless?.()
    if (given === undefined) {
      try {
        const found = await check()
        if (found !== undefined) return found
      } catch (error) {
        last = error
      }
    }
    if (given !== undefined || Date.now() >= endMs) {
      const why = given ?? (last instanceof Error ? last.message : 'the condition stayed false')
      const more = await wait.explain?.() ?? ''
      throw new Error(`gave up waiting for ${wait.what}: ${why}${more}`, { cause: last })
    }
    await pause(40)
  }
}

/** All that one broker says of its cluster, whatever the others know. */
export function metadataAt(address: string, nodeId: number): Promise<WireMetadata> {
  return withCluster([address], async (cluster) =>
    (await cluster.findBroker({ nodeId: String(nodeId) })).metadata([]))
}
