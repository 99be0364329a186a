// What the Kafka sink tells a client that has no receipt.

import { refuse } from '../contract/outcome.ts'

/** When to come back after a refusal for want of Kafka or room, in milliseconds. */
export const retryAfterMs = 1_000

export const unavailable = refuse(
  'sink-unavailable', 'Kafka did not take the event in time and does not have it; send it again later', { retryAfterMs })
export const timedOut = refuse(
  'delivery-timeout', 'the event was sent to Kafka and no answer came in time; it may be written')
export const overloaded = refuse(
  'overloaded', 'the buffer for Kafka is full; send the event again later', { retryAfterMs })
export const stopping = refuse('shutting-down', 'this gateway is stopping and Kafka does not have the event')
