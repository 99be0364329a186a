// Metadata, versions 9 to 12: the brokers of a cluster, and who leads the partitions of topics.

import type { ClusterMetadata, PartitionMetadata, TopicMetadata } from '../broker-link.ts'
import type { KafkaError } from '../kafka-error.ts'
import type { Reader } from './reader.ts'
import { unreadable } from './unreadable.ts'
import type { Writer } from './writer.ts'

const untold = -0x80000000

/** Asks for these topics only; none are made by asking. With `rights` also for what may be done with each. */
export function writeMetadata (writer: Writer, version: number, topics: readonly string[], rights = false): void {
  writer.uvarint(topics.length + 1)
  for (const topic of topics) {
    // A topic id of zeros: by name.
    if (version >= 10) writer.int64(0n).int64(0n)
    writer.compactText(topic).zero()
  }
  // Neither make topics, nor tell what may be done with the cluster (up to version 10).
  writer.int8(0)
  if (version <= 10) writer.int8(0)
  writer.int8(rights ? 1 : 0).zero()
}

export function readMetadata (reader: Reader, version: number): ClusterMetadata | KafkaError {
  // Throttling is read by the link.
  const brokers = reader.compactArray(11, () => readBroker(reader))
  reader.compactText()
  reader.int32()
  const topics = reader.compactArray(10, () => readTopic(reader, version))
  return reader.broken ? unreadable('Metadata') : { brokers, topics }
}

function readBroker (reader: Reader): ClusterMetadata['brokers'][number] {
  const broker = { nodeId: reader.int32(), host: reader.compactText(), port: reader.int32() }
  // The rack.
  reader.compactText()
  reader.tags()
  return broker
}

function readTopic (reader: Reader, version: number): TopicMetadata {
  const code = reader.int16()
  const name = reader.compactText()
  if (version >= 10) reader.skip(16)
  // Whether it is an internal one.
  reader.int8()
  const partitions = reader.compactArray(18, () => readPartition(reader))
  const rights = reader.int32()
  reader.tags()
  return rights === untold ? { name, code, partitions } : { name, code, partitions, rights }
}

function readPartition (reader: Reader): PartitionMetadata {
  const code = reader.int16()
  const index = reader.int32()
  const leader = reader.int32()
  const leaderEpoch = reader.int32()
  const replicaCount = reader.compactArray(4, () => reader.int32()).length
  // Those in sync, and those offline.
  for (let list = 0; list < 2; list++) reader.compactArray(4, () => reader.int32())
  reader.tags()
  return { index, code, leader, leaderEpoch, replicaCount }
}
