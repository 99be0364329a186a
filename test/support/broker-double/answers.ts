// What one broker of the double answers to each API: every one is read to its last byte, done, and answered.

import { answerFetch } from './answer-fetch.ts'
import { answerMetadata } from './answer-metadata.ts'
import { answerProduce } from './answer-produce.ts'
import { everything, scriptedCode } from './call.ts'
import type { Call, Reading } from './call.ts'
import { codes } from './codes.ts'
import type { ProtocolWriter } from './protocol-writer.ts'
import type { About } from './request-log.ts'
import { apiNames, known } from './versions.ts'
import type { ApiName, Ranges } from './versions.ts'

/** For a request about the whole cluster, or the client itself. */
function plain (answer: (code: number, throttleMs: number) => void): Reading {
  return {
    about: [everything], batches: [], wantsAnswer: true,
    answer: (faults, throttleMs) => { answer(scriptedCode(faults, everything), throttleMs) }
  }
}

function answerApiVersions ({ version, reader, writer, cluster }: Call): Reading {
  if (version >= 3) {
    reader.text()
    reader.text()
  }
  reader.tags()
  return plain((code, throttleMs) => { writeApiVersions(writer, cluster.ranges, { code, version, throttleMs }) })
}

interface ApiVersionsAnswer { readonly code: number, readonly version: number, readonly throttleMs: number }

export function writeApiVersions (writer: ProtocolWriter, ranges: Ranges, answer: ApiVersionsAnswer): void {
  const offered = apiNames.flatMap(name => {
    const range = ranges[name]
    return range === undefined ? [] : [[known[name].key, ...range] as const]
  })
  writer.int16(answer.code).array(offered, ([key, min, max]) => { writer.int16(key).int16(min).int16(max).tags() })
  if (answer.version >= 1) writer.int32(answer.throttleMs)
  writer.tags()
}

function answerInitProducerId ({ version, reader, writer, cluster }: Call): Reading {
  const transactionalId = reader.nullableText()
  reader.int32()
  if (version >= 3) {
    // Without a transactional id a broker gives a new producer id whatever the old one was.
    reader.int64()
    reader.int16()
  }
  reader.tags()
  return plain((scripted, throttleMs) => {
    const code = scripted !== codes.none || transactionalId === null ? scripted : codes.transactionalIdDenied
    writer.int32(throttleMs).int16(code)
    writer.int64(code === codes.none ? cluster.nextProducerId() : -1n).int16(code === codes.none ? 0 : -1).tags()
  })
}

/** There are no groups and no transactions: no coordinator is ever available. */
function answerFindCoordinator ({ version, reader, writer }: Call): Reading {
  const single = version <= 3 ? reader.text() : ''
  if (version >= 1) reader.int8()
  const keys = version >= 4 ? reader.array(() => reader.text()) : [single]
  reader.tags()
  return plain((scripted, throttleMs) => {
    const code = scripted === codes.none ? codes.coordinatorNotAvailable : scripted
    if (version >= 1) writer.int32(throttleMs)
    if (version <= 3) {
      writer.int16(code)
      if (version >= 1) writer.text(null)
      writer.int32(-1).text('').int32(-1).tags()
      return
    }
    writer.array(keys, key => { writer.text(key).int32(-1).text('').int32(-1).int16(code).text(null).tags() }).tags()
  })
}

function answerListOffsets ({ version, broker, reader, writer, cluster }: Call): Reading {
  reader.int32()
  if (version >= 2) reader.int8()
  const topics = reader.array(() => {
    const topic = reader.text()
    const partitions = reader.array(() => {
      const partition = reader.int32()
      if (version >= 4) reader.int32()
      const timestampMs = Number(reader.int64())
      reader.tags()
      return { topic, partition, timestampMs }
    })
    reader.tags()
    return { topic, partitions }
  })
  if (version >= 10) reader.int32()
  reader.tags()
  const find = ({ topic, partition, timestampMs }: About & { readonly timestampMs: number }) => {
    const found = cluster.topics.named(topic)?.partitions[partition]
    if (found === undefined) return { code: codes.unknownTopicOrPartition, offset: -1, timestampMs: -1, epoch: -1 }
    const { log, leader, leaderEpoch: epoch } = found
    if (leader !== broker) return { code: codes.notLeaderOrFollower, offset: -1, timestampMs: -1, epoch }
    const offset = timestampMs === -1 ? log.endOffset : timestampMs < 0 ? log.startOffset : undefined
    if (offset !== undefined) return { code: codes.none, offset, timestampMs: -1, epoch }
    return { code: codes.none, ...(log.offsetAt(timestampMs) ?? { offset: -1, timestampMs: -1 }), epoch }
  }
  return {
    about: topics.flatMap(({ partitions }) => partitions), batches: [], wantsAnswer: true,
    answer: (faults, throttleMs) => {
      if (version >= 2) writer.int32(throttleMs)
      writer.array(topics, ({ topic, partitions }) => {
        writer.text(topic).array(partitions, asked => {
          const { code, timestampMs, offset, epoch } = find(asked)
          writer.int32(asked.partition).int16(scriptedCode(faults, asked) || code).int64(timestampMs).int64(offset)
          if (version >= 4) writer.int32(epoch)
          writer.tags()
        }).tags()
      }).tags()
    }
  }
}

/** Reads a request; what is malformed is thrown. */
export const read: Readonly<Record<ApiName, (call: Call) => Reading>> = {
  Produce: answerProduce,
  Fetch: answerFetch,
  ListOffsets: answerListOffsets,
  Metadata: answerMetadata,
  FindCoordinator: answerFindCoordinator,
  ApiVersions: answerApiVersions,
  InitProducerId: answerInitProducerId
}
