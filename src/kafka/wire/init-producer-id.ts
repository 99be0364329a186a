// InitProducerId, versions 3 to 5: an identity for an idempotent producer without transactions (KIP-98, KIP-360).

import type { ProducerId } from '../broker-link.ts'
import { answerOf } from '../classify.ts'
import { KafkaError } from '../kafka-error.ts'
import type { Reader } from './reader.ts'
import { unreadable } from './unreadable.ts'
import type { Writer } from './writer.ts'

export function writeInitProducerId (writer: Writer): void {
  // No transactional id, no transaction timeout that matters, no producer id before.
  writer.zero().int32(0x7fffffff).int64(-1n).int16(-1).zero()
}

export function readInitProducerId (reader: Reader): ProducerId | KafkaError {
  const code = reader.int16()
  const id = reader.bigint64()
  const epoch = reader.int16()
  if (reader.broken) return unreadable('InitProducerId')
  const { name } = answerOf(code)
  return code === 0 ? { id, epoch } : new KafkaError(`the broker gave no producer id: ${name}`, { type: name })
}
