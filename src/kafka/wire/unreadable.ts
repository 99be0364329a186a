// The failure of an answer that is not laid out as its version has it.

import { KafkaError } from '../kafka-error.ts'

export function unreadable (api: string): KafkaError {
  return new KafkaError(`the broker's answer to ${api} cannot be read`)
}
