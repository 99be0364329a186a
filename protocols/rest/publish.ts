// What becomes of a whole body, by format: envelopes for the ingress, or a refusal of the request.

import { isEnvelope } from '../../src/contract/envelope.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { Batch } from './batch.ts'
import { decodeItems, decodeMany, decodeOne, decodeSingle } from './decode.ts'
import type { Consume, Exchange } from './exchange.ts'

const noBytes = Buffer.alloc(0)

/** The publisher of every format that is read as a whole. */
export const publishers = {
  single: (exchange, body) => { publishOne(exchange, decodeSingle(exchange, body)) },
  structured: (exchange, body) => {
    publishOne(exchange, describedTwice(exchange) ?? decodeOne(exchange, body ?? noBytes))
  },
  batch: (exchange, body) => {
    const { batchEventsMax } = exchange.door.config
    publishMany(exchange, describedTwice(exchange) ?? decodeMany(exchange, body ?? noBytes, batchEventsMax))
  },
  items: (exchange, body) => {
    const { batchEventsMax } = exchange.door.config
    publishMany(exchange, describedTwice(exchange) ?? decodeItems(exchange, body ?? noBytes, batchEventsMax))
  }
} as const satisfies Record<string, Consume>

/** Headers that describe one event beside a body that describes its own, or many. */
export function describedTwice ({ head }: Exchange): Refusal | undefined {
  if (head.contextPairs === undefined && head.idempotencyKey === undefined) return undefined
  return refuse('malformed', 'ce- headers and Idempotency-Key do not go with this Content-Type; leave them out')
}

function publishOne (exchange: Exchange, envelope: Envelope | Refusal): void {
  if (!isEnvelope(envelope)) return exchange.refuse(envelope)
  exchange.event = envelope
  exchange.door.ingress.ingest(envelope, exchange, 0)
}

function publishMany (exchange: Exchange, events: readonly (Envelope | Refusal)[] | Refusal): void {
  if (isRefusal(events)) return exchange.refuse(events)
  const { ingress } = exchange.door
  const batch = new Batch(exchange, events.length)
  let run: Envelope[] = []
  for (const [at, event] of events.entries()) {
    if (isEnvelope(event)) {
      run.push(event)
      continue
    }
    if (run.length > 0) ingress.ingestMany(run, batch, at - run.length)
    run = []
    ingress.refused(event, exchange)
    batch.settle(at, event)
  }
  if (run.length > 0) ingress.ingestMany(run, batch, events.length - run.length)
}
