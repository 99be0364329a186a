// What the Kafka sink tells a client that has no receipt.

import { refuse } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'

/** When to come back after a refusal for want of Kafka, in milliseconds. */
const retryAfterMs = 1_000

export const unavailable = refuse(
  'sink-unavailable', 'Kafka did not take the event in time and does not have it; send it again later', { retryAfterMs })
export const timedOut = refuse(
  'delivery-timeout', 'the event was sent to Kafka and no answer came in time; it may be written')
/** No room: come back in so many milliseconds. */
export function overloaded (retryAfterMs: number): Refusal {
  return refuse('overloaded', 'the buffer for Kafka is full; send the event again later', { retryAfterMs })
}

export const stopping = refuse('shutting-down', 'this gateway is stopping and Kafka does not have the event')
