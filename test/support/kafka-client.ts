// What every test may ask of a real Kafka: make a topic, allow a user, read all that a topic holds.
import kafkajs from 'kafkajs'
import type { AclOperationTypes as AclOperation, AclResourceTypes as AclResource, Admin } from 'kafkajs'
import { setTimeout as pause } from 'node:timers/promises'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { until, withCluster } from './kafka-wire.ts'
import type { WireCluster, WireRecord } from './kafka-wire.ts'

// kafkajs is CommonJS: its names come through the default import.
const {
  AclOperationTypes, AclPermissionTypes, AclResourceTypes, CompressionCodecs, CompressionTypes, Kafka,
  ResourcePatternTypes, logLevel
} = kafkajs

const WAIT_MS = 15_000
const FETCH_BYTES = 8 * 1024 * 1024

export interface TopicOptions {
  /** 3 unless told. */
  readonly partitions?: number
  /** The cluster's default (3 with three brokers, else 1) unless told. */
  readonly replicationFactor?: number
  readonly config?: Readonly<Record<string, string>>
}

export interface ReadOptions {
  /** Wait until this many records are there. Without it: what is there now, up to each high watermark. */
  readonly count?: number
  /** How long to wait for them, or for the partitions to have leaders. 15 s unless told. */
  readonly timeoutMs?: number
}

/** One record as Kafka holds it. */
export interface StoredRecord {
  readonly partition: number
  readonly offset: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  /** As UTF-8 text; of a repeated name the last value. */
  readonly headers: Readonly<Record<string, string>>
  /** As bytes, with every value of a repeated name. */
  readonly headerList: readonly (readonly [string, Buffer])[]
  readonly timestampMs: number
}

export interface KafkaClient {
  readonly createTopic: (topic: string, options?: TopicOptions) => Promise<void>
  readonly deleteTopic: (topic: string) => Promise<void>
  /** Lets the SASL user write to (and describe) exactly this topic; in force on every broker when it resolves. */
  readonly allowWrite: (user: string, topic: string) => Promise<void>
  /** Lets the SASL user read exactly this topic, with any group. */
  readonly allowRead: (user: string, topic: string) => Promise<void>
  /** All records of a topic, ordered by partition and offset. Joins no group: takes milliseconds. */
  readonly readAll: (topic: string, options?: ReadOptions) => Promise<readonly StoredRecord[]>
  /** The number of the broker (0-based, as in `brokers`) that leads a partition. */
  readonly leaderOf: (topic: string, partition: number) => Promise<number>
}

// kafkajs leaves zstd to its user; Node has it.
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder: { buffer: Buffer }) => zstdCompressSync(encoder.buffer),
  decompress: async (buffer: Buffer) => zstdDecompressSync(buffer)
})

async function withAdmin<T>(brokers: readonly string[], work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Kafka({ clientId: 'sluice-rig', brokers: [...brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await work(admin)
  } finally {
    await admin.disconnect()
  }
}

function stored(partition: number, record: WireRecord): StoredRecord {
  const headerList: [string, Buffer][] = []
  for (const [name, given] of Object.entries(record.headers)) {
    for (const value of Array.isArray(given) ? given as readonly Buffer[] : [given as Buffer]) {
      headerList.push([name, value])
    }
  }
  const headers = Object.fromEntries(headerList.map(([name, value]) => [name, String(value)]))
  return {
    partition,
    offset: Number(record.offset),
    key: record.key,
    value: record.value,
    headers,
    headerList,
    timestampMs: Number(record.timestamp)
  }
}

interface Progress {
  readonly partition: number
  next: number
  /** Where this pass ends. */
  end: number
}

async function offsetsAt(cluster: WireCluster, topic: string, timestamp: string): Promise<Map<number, number>> {
  const partitions = cluster.findTopicPartitionMetadata(topic).map((each) => each.partitionId)
  const found = new Map<number, number>()
  for (const [nodeId, led] of Object.entries(cluster.findLeaderForPartitions(topic, partitions))) {
    const broker = await cluster.findBroker({ nodeId })
    const asked = led.map((partition) => ({ partition, timestamp }))
    const answer = await broker.listOffsets({
      replicaId: -1, isolationLevel: 0, topics: [{ topic, partitions: asked }]
    })
    for (const each of answer.responses.flatMap((response) => response.partitions)) {
      found.set(each.partition, Number(each.offset))
    }
  }
  return found
}

async function fetchOnce(cluster: WireCluster, topic: string, wanted: readonly Progress[], into: StoredRecord[]) {
  const byPartition = new Map(wanted.map((each) => [each.partition, each]))
  const leaders = cluster.findLeaderForPartitions(topic, [...byPartition.keys()])
  for (const [nodeId, led] of Object.entries(leaders)) {
    const broker = await cluster.findBroker({ nodeId })
    const partitions = led.map((partition) => ({
      partition, fetchOffset: String(byPartition.get(partition)?.next ?? 0), maxBytes: FETCH_BYTES
    }))
    const answer = await broker.fetch({
      replicaId: -1, isolationLevel: 0, maxWaitTime: 50, minBytes: 1, maxBytes: FETCH_BYTES,
      topics: [{ topic, partitions }]
    })
    for (const each of answer.responses.flatMap((response) => response.partitions)) {
      const progress = byPartition.get(each.partition)
      if (progress === undefined) continue
      for (const record of each.messages) {
        const offset = Number(record.offset)
        // A batch begins before the wanted offset when that lies inside it.
        if (offset < progress.next) continue
        progress.next = offset + 1
        if (!record.isControlRecord) into.push(stored(each.partition, record))
      }
    }
  }
}

async function readAll(brokers: readonly string[], topic: string, options: ReadOptions) {
  const timeoutMs = options.timeoutMs ?? WAIT_MS
  const progress = new Map<number, Progress>()
  const records: StoredRecord[] = []
  const what = options.count === undefined
    ? `the high watermarks of topic ${topic}`
    : `${options.count} records in topic ${topic}`
  const explain = async (): Promise<string> => ` (${records.length} records read)`
  // Errors such as a leader that moves start the pass again with new metadata; what was read stays read.
  await until({ what, timeoutMs, explain }, () => withCluster(brokers, async (cluster) => {
    await cluster.addTargetTopic(topic)
    if (progress.size === 0) {
      for (const [partition, next] of await offsetsAt(cluster, topic, '-2')) {
        progress.set(partition, { partition, next, end: next })
      }
    }
    const endMs = Date.now() + timeoutMs
    for (;;) {
      for (const [partition, end] of await offsetsAt(cluster, topic, '-1')) {
        const known = progress.get(partition)
        if (known !== undefined) known.end = end
      }
      let behind = [...progress.values()].filter((each) => each.next < each.end)
      while (behind.length > 0 && Date.now() < endMs) {
        await fetchOnce(cluster, topic, behind, records)
        behind = behind.filter((each) => each.next < each.end)
      }
      if (behind.length > 0) return undefined
      if (options.count === undefined || records.length >= options.count) return true
      if (Date.now() >= endMs) return undefined
      await pause(20)
    }
  }, Math.min(timeoutMs, 5_000)))
  return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset)
}

async function createTopic(brokers: readonly string[], topic: string, options: TopicOptions): Promise<void> {
  const partitions = options.partitions ?? 3
  const configEntries = Object.entries(options.config ?? {}).map(([name, value]) => ({ name, value }))
  // kafkajs gives up its own wait for leaders when a broker has not heard of the topic yet; the wait below does not.
  await withAdmin(brokers, (admin) => admin.createTopics({
    waitForLeaders: false,
    topics: [{
      topic, numPartitions: partitions, replicationFactor: options.replicationFactor ?? -1, configEntries
    }]
  }))
  // Created means known to the controller; a test wants every broker to know the topic and its leaders.
  await everyBroker(brokers, `topic ${topic} on every broker`, async (cluster, nodeId) => {
    const { topicMetadata } = await (await cluster.findBroker({ nodeId })).metadata([topic])
    const found = topicMetadata[0]?.partitionMetadata ?? []
    return found.length === partitions && found.every((each) => each.leader >= 0)
  })
}

async function everyBroker(
  brokers: readonly string[], what: string, check: (cluster: WireCluster, nodeId: string) => Promise<boolean>
): Promise<void> {
  await until({ what, timeoutMs: WAIT_MS }, () => withCluster(brokers, async (cluster) => {
    for (const nodeId of cluster.getNodeIds()) {
      if (!await check(cluster, nodeId)) return undefined
    }
    return true
  }))
}

interface Grant {
  readonly principal: string
  readonly resourceType: AclResource
  readonly resourceName: string
  readonly operation: AclOperation
}

async function allow(brokers: readonly string[], grants: readonly Grant[]): Promise<void> {
  const acls = grants.map((grant) => ({
    ...grant,
    resourcePatternType: ResourcePatternTypes.LITERAL,
    host: '*',
    permissionType: AclPermissionTypes.ALLOW
  }))
  await withAdmin(brokers, (admin) => admin.createAcls({ acl: acls }))
  for (const acl of acls) {
    await everyBroker(brokers, `the grant to ${acl.principal} on every broker`, async (cluster, nodeId) => {
      const { resources } = await (await cluster.findBroker({ nodeId })).describeAcls(acl)
      return resources.length > 0
    })
  }
}

/** How long one broker may take to say who leads. */
const leaderRequestMs = 2_000

async function leaderOf(brokers: readonly string[], topic: string, partition: number): Promise<number> {
  let tries = 0
  return until({ what: `a leader of ${topic}/${partition}`, timeoutMs: WAIT_MS }, () => {
    // A frozen broker takes connections and says nothing: another one is asked first each time, and not for long.
    const first = tries++ % brokers.length
    const others = [...brokers.slice(first), ...brokers.slice(0, first)]
    return withCluster(others, async (cluster) => {
      await cluster.addTargetTopic(topic)
      const leader = cluster.findTopicPartitionMetadata(topic).find((each) => each.partitionId === partition)?.leader
      // Broker ids of a rig start at 1.
      return leader !== undefined && leader >= 0 ? leader - 1 : undefined
    }, leaderRequestMs)
  })
}

/** A client of a running Kafka at plaintext addresses. Keeps no connection between calls. */
export function kafkaClient(brokers: readonly string[]): KafkaClient {
  return {
    createTopic: (topic, options = {}) => createTopic(brokers, topic, options),
    deleteTopic: (topic) => withAdmin(brokers, (admin) => admin.deleteTopics({ topics: [topic] })),
    allowWrite: (user, topic) => allow(brokers, [AclOperationTypes.WRITE, AclOperationTypes.DESCRIBE].map(
      (operation) => ({
        principal: `User:${user}`, resourceType: AclResourceTypes.TOPIC, resourceName: topic, operation
      }))),
    allowRead: (user, topic) => allow(brokers, [
      {
        principal: `User:${user}`, resourceType: AclResourceTypes.TOPIC, resourceName: topic,
        operation: AclOperationTypes.READ
      },
      {
        principal: `User:${user}`, resourceType: AclResourceTypes.GROUP, resourceName: '*',
        operation: AclOperationTypes.READ
      }
    ]),
    readAll: (topic, options = {}) => readAll(brokers, topic, options),
    leaderOf: (topic, partition) => leaderOf(brokers, topic, partition)
  }
}
