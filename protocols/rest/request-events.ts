// Passes what comes on a request to its exchange, by functions that all requests share.

import type { IncomingMessage } from 'node:http'

/** What is told of the request. */
interface Hearing {
  readonly request: IncomingMessage
  chunk (bytes: Buffer): void
  bodyEnded (): void
  closed (): void
}

/** Where a request keeps its exchange. */
const exchangeKey = Symbol('exchange')
interface Marked { [exchangeKey]?: Hearing }

/** Tells the exchange of its request's body and end, from now on. */
export function listen (exchange: Hearing): void {
  const request: IncomingMessage & Marked = exchange.request
  request[exchangeKey] = exchange
  request.on('data', onData).on('end', onEnd).on('close', onClose)
}

function onData (this: IncomingMessage & Marked, bytes: Buffer): void { this[exchangeKey]?.chunk(bytes) }
function onEnd (this: IncomingMessage & Marked): void { this[exchangeKey]?.bodyEnded() }
function onClose (this: IncomingMessage & Marked): void { this[exchangeKey]?.closed() }
