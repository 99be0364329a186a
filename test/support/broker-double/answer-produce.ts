// Produce, versions 3 to 13: each batch is checked and stored as a leader does, unless the script says otherwise.

import type { Call, PartFaults, Reading } from './call.ts'
import { readHeader } from './batch.ts'
import { codes } from './codes.ts'
import type { Appended } from './partition-log.ts'
import { Malformed } from './protocol-reader.ts'
import { ProtocolWriter } from './protocol-writer.ts'
import type { SeenBatch } from './request-log.ts'
import type { Partition, Topic } from './topics.ts'

interface TopicBatches {
  readonly name: string
  readonly id: string
  readonly found: Topic | undefined
  readonly batches: readonly SeenBatch[]
}

/** What the answer says of one batch. */
type Result = Omit<Appended, 'isRepeated'>

export function answerProduce (call: Call): Reading {
  const { reader, writer, version } = call
  const transactionalId = reader.nullableText()
  const acks = reader.int16()
  reader.int32()
  const topics = reader.array(() => readTopic(call))
  reader.tags()
  const batches = topics.flatMap(topic => topic.batches)
  const refusal = transactionalId !== null ? codes.transactionalIdDenied
    : acks < -1 || acks > 1 ? codes.invalidRequiredAcks : codes.none
  return {
    about: batches, batches, wantsAnswer: acks !== 0,
    answer: (faults, throttleMs) => {
      // All is written before anything is answered, also where the answer leaves it out.
      const results = new Map(batches.map(batch => [batch, resultOf(call, batch, { faults, refusal, topics })]))
      writer.array(topics, ({ name, id, batches }) => {
        if (version <= 12) writer.text(name)
        else writer.uuid(id)
        writer.array(batches.filter(batch => results.get(batch) !== undefined), batch => {
          const result = results.get(batch)
          if (result !== undefined) writeResult(call, batch, result)
        }).tags()
      })
      writer.int32(throttleMs)
      const moved = [...results].filter(([, result]) => result?.code === codes.notLeaderOrFollower)
      writer.tags(version >= 10 && moved.length > 0 ? [[0, endpoints(call)]] : [])
    }
  }
}

function readTopic ({ reader, version, cluster }: Call): TopicBatches {
  const wireName = version <= 12 ? reader.text() : ''
  const wireId = version >= 13 ? reader.uuid() : ''
  const found = version <= 12 ? cluster.topics.named(wireName) : cluster.topics.withId(wireId)
  const name = found?.name ?? wireName
  const batches = reader.array((): SeenBatch => {
    const partition = reader.int32()
    const bytes = reader.nullableBytes()
    reader.tags()
    if (bytes === null) throw new Malformed('null in place of records')
    const header = readHeader(bytes)
    return {
      topic: name, partition, bytes, fate: 'untouched', code: undefined, producerId: header?.producerId ?? -1n,
      epoch: header?.epoch ?? -1, baseSequence: header?.baseSequence ?? -1, count: header?.count ?? 0
    }
  })
  reader.tags()
  return { name, id: wireId, found, batches }
}

interface Circumstances {
  readonly faults: PartFaults
  readonly refusal: number
  readonly topics: readonly TopicBatches[]
}

function refused (code: number, message = '', invalidRecords: readonly number[] = []): Result {
  return { code, baseOffset: -1, message, invalidRecords }
}

/** Says that a batch is written which is not. */
const untrue: Result = { code: codes.none, baseOffset: 4_711, message: '', invalidRecords: [] }

/** Undefined where the answer is to leave the batch out. */
function resultOf (call: Call, batch: SeenBatch, { faults, refusal, topics }: Circumstances): Result | undefined {
  const fault = faults.get(batch)
  if (fault !== undefined && fault.written !== true) {
    if ('omitted' in fault) return undefined
    const { error, invalidRecords } = fault
    return give(batch, error === codes.none ? untrue : refused(error, 'scripted', invalidRecords))
  }
  if (refusal !== codes.none) return give(batch, refused(refusal))
  const topic = topics.find(({ batches }) => batches.includes(batch))?.found
  const partition = topic?.partitions[batch.partition]
  const result = topic === undefined || partition === undefined
    ? refused(call.version >= 13 ? codes.unknownTopicId : codes.unknownTopicOrPartition)
    : append(call, batch, topic, partition)
  if (fault === undefined || result.code !== codes.none) return give(batch, result)
  return 'omitted' in fault ? undefined : give(batch, refused(fault.error, 'scripted'))
}

function give (batch: SeenBatch, result: Result): Result {
  batch.code = result.code
  return result
}

function append ({ broker, version }: Call, batch: SeenBatch, topic: Topic, partition: Partition): Result {
  batch.fate = 'refused'
  if (partition.leader !== broker) return refused(codes.notLeaderOrFollower, 'another broker leads')
  const { batchBytesMax, compacted } = topic
  const appended: Appended =
    partition.log.append(batch.bytes, { batchBytesMax, compacted, version }, partition.leaderEpoch)
  if (appended.code === codes.none) batch.fate = appended.isRepeated ? 'repeated' : 'stored'
  return appended
}

function writeResult ({ writer, version, cluster }: Call, batch: SeenBatch, result: Result): void {
  const { code, baseOffset, invalidRecords, message } = result
  const partition = cluster.topics.named(batch.topic)?.partitions[batch.partition]
  writer.int32(batch.partition).int16(code).int64(baseOffset).int64(-1)
  if (version >= 5) writer.int64(code === codes.none ? partition?.log.startOffset ?? -1 : -1)
  if (version >= 8) {
    writer.array(invalidRecords, place => { writer.int32(place).text('invalid').tags() })
    writer.text(message === '' ? null : message)
  }
  const tellLeader = version >= 10 && code === codes.notLeaderOrFollower && partition !== undefined
  writer.tags(tellLeader ? [[0, leaderOf(partition)]] : [])
}

function leaderOf ({ leader, leaderEpoch }: Partition): Buffer {
  return new ProtocolWriter(true).int32(leader).int32(leaderEpoch).tags().finish()
}

/** Where the brokers are that are named as leaders; here simply all. */
function endpoints ({ cluster: { ports } }: Call): Buffer {
  const writer = new ProtocolWriter(true)
  writer.array([...ports.entries()], ([number, port]) => {
    writer.int32(number).text('127.0.0.1').int32(port).text(null).tags()
  })
  return writer.finish()
}
