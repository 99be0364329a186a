// DescribeConfigs, version 4: some settings of topics, as they are in force.

import type { KafkaError } from '../kafka-error.ts'
import type { Reader } from './reader.ts'
import { unreadable } from './unreadable.ts'
import type { Writer } from './writer.ts'

const topicKind = 2

/** What a broker tells of one topic's settings. */
export interface TopicSettings {
  readonly topic: string
  readonly code: number
  /** By name; '' where it has no value. */
  readonly settings: ReadonlyMap<string, string>
}

export function writeTopicSettings (writer: Writer, topics: readonly string[], names: readonly string[]): void {
  writer.uvarint(topics.length + 1)
  for (const topic of topics) {
    writer.int8(topicKind).compactText(topic).uvarint(names.length + 1)
    for (const name of names) writer.compactText(name)
    writer.zero()
  }
  // Neither where a value comes from, nor its documentation.
  writer.int8(0).int8(0).zero()
}

export function readTopicSettings (reader: Reader): readonly TopicSettings[] | KafkaError {
  // Throttling is read by the link.
  const found = reader.compactArray(7, () => readTopic(reader))
  return reader.broken ? unreadable('DescribeConfigs') : found
}

function readTopic (reader: Reader): TopicSettings {
  const code = reader.int16()
  // The message, and the kind of thing.
  reader.compactText()
  reader.int8()
  const topic = reader.compactText()
  const settings = new Map(reader.compactArray(9, () => readSetting(reader)))
  reader.tags()
  return { topic, code, settings }
}

function readSetting (reader: Reader): [string, string] {
  const name = reader.compactText()
  const value = reader.compactText()
  // Whether it is read-only, its source, whether it is a secret.
  reader.skip(3)
  reader.compactArray(4, () => {
    reader.compactText()
    reader.compactText()
    reader.int8()
    reader.tags()
  })
  // The type of the value, and the documentation.
  reader.int8()
  reader.compactText()
  reader.tags()
  return [name, value]
}
