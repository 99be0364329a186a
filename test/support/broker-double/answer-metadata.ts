// Metadata, versions 0 to 13: the brokers, the topics that are asked for, and who leads their partitions.

import { scriptedCode } from './call.ts'
import type { Call, Reading } from './call.ts'
import { codes } from './codes.ts'
import type { About } from './request-log.ts'
import type { Topic } from './topics.ts'

const unknownOperations = -2147483648
const noId = '0'.repeat(32)

interface Asked extends About { readonly id: string, readonly found: Topic | undefined }

/** Topics are never made by asking. */
export function answerMetadata (call: Call): Reading {
  const { version, reader, writer } = call
  const asked = readAsked(call)
  if (version >= 4) reader.boolean()
  if (version >= 8 && version <= 10) reader.boolean()
  if (version >= 8) reader.boolean()
  reader.tags()
  // A request for no topic can still be waited for, and made to fail.
  const about = asked.length === 0 ? [{ topic: '', partition: -1 }] : asked
  return {
    about, batches: [], wantsAnswer: true,
    answer: (faults, throttleMs) => {
      if (version >= 3) writer.int32(throttleMs)
      writeBrokers(call)
      writer.array(asked, one => { writeTopic(call, one, scriptedCode(faults, one)) })
      if (version >= 8 && version <= 10) writer.int32(unknownOperations)
      if (version >= 13) writer.int16(codes.none)
      writer.tags()
    }
  }
}

function writeBrokers ({ version, writer, cluster }: Call): void {
  writer.array([...cluster.ports.entries()], ([number, port]) => {
    writer.int32(number).text('127.0.0.1').int32(port)
    if (version >= 1) writer.text(null)
    writer.tags()
  })
  if (version >= 2) writer.text('sluice-broker-double')
  if (version >= 1) writer.int32(0)
}

function readAsked ({ version, reader, cluster: { topics } }: Call): readonly Asked[] {
  const wanted = reader.nullableArray(() => {
    const id = version >= 10 ? reader.uuid() : noId
    const name = version >= 10 ? reader.nullableText() : reader.text()
    reader.tags()
    const found = name === null ? topics.withId(id) : topics.named(name)
    return { topic: name ?? found?.name ?? '', partition: -1, id, found }
  })
  const all = wanted === null || (version === 0 && wanted.length === 0)
  return all ? topics.all().map(found => ({ topic: found.name, partition: -1, id: found.id, found })) : wanted
}

function writeTopic ({ version, writer, cluster }: Call, { topic, id, found }: Asked, scripted: number): void {
  const missing = topic === '' ? codes.unknownTopicId : codes.unknownTopicOrPartition
  const code = scripted !== codes.none || found !== undefined ? scripted : missing
  const brokers = [...cluster.ports.keys()]
  writer.int16(code).text(topic === '' && version >= 12 ? null : topic)
  if (version >= 10) writer.uuid(found?.id ?? id)
  if (version >= 1) writer.boolean(false)
  writer.array(code === codes.none ? found?.partitions ?? [] : [], ({ index, leader, leaderEpoch }) => {
    writer.int16(leader < 0 ? codes.leaderNotAvailable : codes.none).int32(index).int32(leader)
    if (version >= 7) writer.int32(leaderEpoch)
    for (let list = 0; list < 2; list++) writer.array(brokers, number => { writer.int32(number) })
    if (version >= 5) writer.array([], () => {})
    writer.tags()
  })
  if (version >= 8) writer.int32(unknownOperations)
  writer.tags()
}
