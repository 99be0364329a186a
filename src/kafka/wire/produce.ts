// Produce, versions 9 to 12: batches go out as they are, between small pieces of a request; their answers are matched.

import type { ProduceBatch, ProduceResult } from '../broker-link.ts'
import type { KafkaError } from '../kafka-error.ts'
import { beginRequest, finish } from './apis.ts'
import type { RequestHead } from './apis.ts'
import type { Reader } from './reader.ts'
import { unreadable } from './unreadable.ts'

/** All replicas that are in sync. */
const acksAll = -1
/** The tag of the present leader in the answer about a partition (KIP-951). */
const currentLeaderTag = 0

/** The whole request as pieces in order; the batches' own bytes are among them, not copied. */
export function writeProduce (head: RequestHead, batches: readonly ProduceBatch[], timeoutMs: number): Buffer[] {
  const topics = groupByTopic(batches)
  const writer = beginRequest(head, sizeHint(head, batches))
  writer.zero().int16(acksAll).int32(timeoutMs).uvarint(topics.length + 1)
  // Where a batch goes between what the writer holds.
  const ends: number[] = []
  const bodies: Buffer[] = []
  let bodyBytes = 0
  for (const group of topics) {
    writer.compactText(group[0]?.topic ?? '').uvarint(group.length + 1)
    for (const { partition, bytes } of group) {
      writer.int32(partition).uvarint(bytes.length + 1)
      ends.push(writer.length)
      bodies.push(bytes)
      bodyBytes += bytes.length
      writer.zero()
    }
    writer.zero()
  }
  writer.zero()
  finish(writer, bodyBytes)
  const pieces: Buffer[] = []
  let from = 0
  for (const [at, body] of bodies.entries()) {
    const end = ends[at] ?? from
    pieces.push(writer.slice(from, end), body)
    from = end
  }
  pieces.push(writer.slice(from))
  return pieces
}

/** A topic may stand in a request once only. */
function groupByTopic (batches: readonly ProduceBatch[]): (readonly ProduceBatch[])[] {
  const topic = batches[0]?.topic
  if (batches.every(batch => batch.topic === topic)) return [batches]
  return [...Map.groupBy(batches, batch => batch.topic).values()]
}

function sizeHint ({ clientId }: RequestHead, batches: readonly ProduceBatch[]): number {
  let bytes = 64 + clientId.length
  for (const { topic } of batches) bytes += topic.length + 24
  return bytes
}

export interface ProduceAnswer {
  /** In the order of the batches; undefined where the broker left one out. */
  readonly results: readonly (ProduceResult | undefined)[]
  readonly throttleMs: number
}

export function readProduce (reader: Reader, batches: readonly ProduceBatch[]): ProduceAnswer | KafkaError {
  const results = new Array<ProduceResult | undefined>(batches.length).fill(undefined)
  reader.compactArray(3, () => {
    const topic = reader.compactText()
    reader.compactArray(32, () => {
      const partition = reader.int32()
      const result = readResult(reader)
      const place = batches.findIndex(batch => batch.partition === partition && batch.topic === topic)
      if (place !== -1) results[place] = result
    })
    reader.tags()
  })
  const throttleMs = reader.int32()
  reader.tags()
  // Bytes left over: the answer is not what it was taken for, and its offsets would be made up.
  return reader.broken || reader.leftBytes > 0 ? unreadable('Produce') : { results, throttleMs }
}

function readResult (reader: Reader): ProduceResult {
  const code = reader.int16()
  const baseOffset = reader.int64()
  // The time of the append and the start of the log.
  reader.skip(16)
  const invalidRecords = reader.compactArray(6, () => {
    const place = reader.int32()
    reader.compactText()
    reader.tags()
    return place
  })
  reader.compactText()
  let leader: ProduceResult['leader']
  reader.tags((tag, field) => {
    if (tag !== currentLeaderTag) return
    const named = { nodeId: field.int32(), epoch: field.int32() }
    if (!field.broken && named.nodeId >= 0) leader = named
  })
  return { code, baseOffset, invalidRecords, leader }
}
