// What an operator does to a topic of a running cluster, and how a test sees that every broker has done it.

import { readFile } from 'node:fs/promises'
import kafkajs from 'kafkajs'
import { join } from 'node:path'
import type { KafkaRig } from './kafka-rig.ts'
import { metadataAt, until } from './kafka-wire.ts'

// kafkajs is CommonJS: its names come through the default import.
const { Kafka, logLevel } = kafkajs

const waitMs = 20_000

/** Gives the topic so many partitions; resolves when every broker knows them and their leaders. */
export async function growTopic (rig: KafkaRig, topic: string, partitionCount: number): Promise<void> {
  const admin = new Kafka({ clientId: 'sluice-rig', brokers: [...rig.brokers], logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    await admin.createPartitions({ topicPartitions: [{ topic, count: partitionCount }] })
  } finally {
    await admin.disconnect()
  }
  await until({ what: `${partitionCount} partitions of ${topic} on every broker`, timeoutMs: waitMs }, async () => {
    const known = await Promise.all(rig.brokers.map((_, broker) => partitionsAt(rig, broker, topic)))
    return known.every(all => all.length === partitionCount && all.every(one => one.leader >= 0)) ? true : undefined
  })
}

/** How many partitions of the topic another broker leads than the first of their replicas. */
export async function strayCount (rig: KafkaRig, topic: string): Promise<number> {
  const partitions = await partitionsAt(rig, 0, topic)
  return partitions.filter(({ leader, replicas }) => leader !== replicas[0]).length
}

/** Resolves when no broker knows the topic. */
export async function whenGone (rig: KafkaRig, topic: string): Promise<void> {
  await until({ what: `topic ${topic} to be gone from every broker`, timeoutMs: waitMs }, async () => {
    const known = await Promise.all(rig.brokers.map((_, broker) => partitionsAt(rig, broker, topic)))
    return known.every(all => all.length === 0) ? true : undefined
  })
}

/** What this broker says, whatever the others know; empty where it has no such topic. */
async function partitionsAt (rig: KafkaRig, broker: number, topic: string) {
  // Broker ids of a rig start at 1. All topics: kafkajs throws where one that is asked for is not there.
  const { topicMetadata } = await metadataAt(rig.brokers[broker] ?? '', broker + 1)
  return topicMetadata.find(one => one.topic === topic)?.partitionMetadata ?? []
}

/**
 * Kafka's id of the topic, from what the brokers have on disk of its partition 0; undefined while they do not agree.
 * A topic that is made anew under its old name has another one. Every broker must have a replica.
 */
export async function topicId (rig: KafkaRig, topic: string): Promise<string | undefined> {
  const found = await Promise.all(rig.brokers.map((_, broker) =>
    readFile(join(rig.directory, `broker-${broker + 1}-data`, `${topic}-0`, 'partition.metadata'), 'utf8')
      .then(text => /topic_id: *(\S+)/.exec(text)?.[1], () => undefined)))
  return found.every(id => id === found[0]) ? found[0] : undefined
}
