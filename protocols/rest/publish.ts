// What becomes of a whole body, by format: envelopes for the ingress, or a refusal of the request.

import { splitArray, tooManyItems } from '../../src/contract/json.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import { Batch } from './batch.ts'
import { decodeSingle, wrapChecked } from './decode.ts'
import type { Consume, Exchange } from './exchange.ts'

/** The publisher of every format that is read as a whole. */
export const publishers = {
  single: publishSingle,
  items: publishItems,
  structured: publishSingle,
  batch: publishItems
} as const satisfies Record<string, Consume>

function publishSingle (exchange: Exchange, body: Buffer | null): void {
  const envelope = decodeSingle(exchange, body)
  if (isRefusal(envelope)) return exchange.refuse(envelope)
  exchange.door.ingress.ingest(envelope, exchange, 0)
}

/** A JSON array: the bytes of each item are the data of one event. */
function publishItems (exchange: Exchange, body: Buffer | null): void {
  const { head, door: { config, ingress } } = exchange
  if (head.contextPairs !== undefined || head.idempotencyKey !== undefined) {
    return exchange.refuse(refuse('malformed', 'ce- headers and an Idempotency-Key describe one event, and this is a batch'))
  }
  const bytes = body ?? Buffer.alloc(0)
  const spans = splitArray(bytes, 0, bytes.length, config.batchEventsMax)
  if ('problem' in spans) {
    return exchange.refuse(spans.problem === tooManyItems
      ? refuse('too-large', `a batch holds at most ${config.batchEventsMax} events; send less at once`)
      : refuse('malformed', `the body is no JSON array: ${spans.problem} at byte ${spans.offset}`))
  }
  const envelopes = spans.starts.map((start, at) => wrapChecked(exchange, bytes.subarray(start, spans.ends[at]), true))
  const batch = new Batch(exchange, envelopes.length)
  if (envelopes.length > 0) ingress.ingestMany(envelopes, batch, 0)
}
