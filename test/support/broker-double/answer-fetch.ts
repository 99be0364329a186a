// Fetch, versions 4 to 18, without sessions: what is stored, or nothing after a short wait.

import { setTimeout as pause } from 'node:timers/promises'
import { scriptedCode } from './call.ts'
import type { Call, Reading } from './call.ts'
import { codes } from './codes.ts'
import type { About } from './request-log.ts'

/** Longer than this nobody waits for records that are not there yet. */
const waitMaxMs = 200

interface Asked extends About { readonly offset: number, readonly bytesMax: number }
interface AskedTopic { readonly name: string, readonly id: string, readonly partitions: readonly Asked[] }
interface Found {
  readonly code: number
  readonly endOffset: number
  readonly startOffset: number
  readonly bytes: Buffer
}

const nothing = Buffer.alloc(0)

export function answerFetch (call: Call): Reading {
  const { version, reader, writer } = call
  if (version <= 14) reader.int32()
  const waitMs = Math.min(reader.int32(), waitMaxMs)
  const bytesMin = reader.int32()
  reader.int32()
  reader.int8()
  if (version >= 7) {
    reader.int32()
    reader.int32()
  }
  const topics = reader.array(() => readTopic(call))
  if (version >= 7) reader.array(() => { readForgotten(call) })
  if (version >= 11) reader.text()
  reader.tags()
  const asked = topics.flatMap(({ partitions }) => partitions)
  return {
    about: asked, batches: [], wantsAnswer: true,
    answer: async (faults, throttleMs) => {
      if (bytesMin > 0 && asked.every(one => find(call, one).bytes.length === 0)) await pause(waitMs)
      if (version >= 1) writer.int32(throttleMs)
      if (version >= 7) writer.int16(codes.none).int32(0)
      writer.array(topics, ({ name, id, partitions }) => {
        if (version <= 12) writer.text(name)
        else writer.uuid(id)
        writer.array(partitions, one => { writePartition(call, one, find(call, one), scriptedCode(faults, one)) })
        writer.tags()
      }).tags()
    }
  }
}

function readTopic ({ version, reader, cluster }: Call): AskedTopic {
  const wireName = version <= 12 ? reader.text() : ''
  const id = version >= 13 ? reader.uuid() : ''
  const name = version <= 12 ? wireName : cluster.topics.withId(id)?.name ?? ''
  const partitions = reader.array(() => {
    const partition = reader.int32()
    if (version >= 9) reader.int32()
    const offset = Number(reader.int64())
    if (version >= 12) reader.int32()
    if (version >= 5) reader.int64()
    const bytesMax = reader.int32()
    reader.tags()
    return { topic: name, partition, offset, bytesMax }
  })
  reader.tags()
  return { name, id, partitions }
}

function readForgotten ({ version, reader }: Call): void {
  if (version <= 12) reader.text()
  else reader.uuid()
  reader.array(() => reader.int32())
  reader.tags()
}

function find ({ version, broker, cluster }: Call, { topic, partition, offset, bytesMax }: Asked): Found {
  const found = cluster.topics.named(topic)?.partitions[partition]
  const none = { endOffset: -1, startOffset: -1, bytes: nothing }
  if (found === undefined) {
    return { code: version >= 13 ? codes.unknownTopicId : codes.unknownTopicOrPartition, ...none }
  }
  if (found.leader !== broker) return { code: codes.notLeaderOrFollower, ...none }
  const { endOffset, startOffset } = found.log
  const bytes = found.log.batchesFrom(offset, bytesMax)
  const code = bytes === undefined ? codes.offsetOutOfRange : codes.none
  return { code, endOffset, startOffset, bytes: bytes ?? nothing }
}

function writePartition ({ version, writer }: Call, { partition }: Asked, found: Found, scripted: number): void {
  const { endOffset, startOffset } = found
  const code = scripted === codes.none ? found.code : scripted
  writer.int32(partition).int16(code).int64(endOffset).int64(endOffset)
  if (version >= 5) writer.int64(startOffset)
  writer.array([], () => {})
  if (version >= 11) writer.int32(-1)
  writer.bytes(code === codes.none ? found.bytes : nothing).tags()
}
