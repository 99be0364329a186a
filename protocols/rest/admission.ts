// What is asked of an authenticated request before a byte of its body is read: method, format, coding, size, budget.

import type { Principal } from '../../src/contract/envelope.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { rawPathOf } from './alias.ts'
import { bodyTooLarge, Collector } from './body.ts'
import type { Intake } from './body.ts'
import type { Exchange } from './exchange.ts'
import { acceptedCodings, codingOf, Inflater, inflatingHolder } from './inflate.ts'
import type { Coding } from './inflate.ts'
import { LineStream } from './line-stream.ts'
import { acceptedTypes, formatOf } from './media.ts'
import { describedTwice, publishers } from './publish.ts'
import { doorProblem, problemOf } from './reply.ts'
import type { Operation, Target } from './target.ts'

/** Compressed bodies up to this size are inflated in one synchronous call, which is cheaper than a stream. */
const inflateAtOnceBytesMax = 65_536

const stopping = refuse('shutting-down', 'this gateway is stopping; send the request again, on a new connection')

/** RFC 9112 section 3.2: a request without Host is answered with 400. */
const noHost = { ...problemOf(refuse('malformed', 'the request has no Host header')), close: true }

/** Begins with a request. Nothing of its body has been read, and nothing but the header section is held. */
export function serve (exchange: Exchange, target: Target): void {
  const { door, request } = exchange
  door.begin(exchange)
  const { headersCountMax, urlBytesMax } = door.config
  if ((request.url ?? '').length > urlBytesMax) {
    return exchange.problem(doorProblem('uri-too-long', `the request target is above ${urlBytesMax} bytes`))
  }
  if (request.rawHeaders.length > 2 * headersCountMax) {
    return exchange.problem(doorProblem('headers-too-large', `there are more than ${headersCountMax} header lines`))
  }
  if (exchange.head.host === undefined && request.httpVersionMinor === 1) return exchange.problem(noHost)
  const preflight = door.cors.preflight(request)
  // The browser asks on its own, with no credentials, and waits for the answer with the request that has them.
  if (preflight !== undefined) return exchange.answer(204, '', '', preflight)
  if (door.ingress.draining.on) return exchange.refuse(stopping)
  const found = door.ingress.authenticate(exchange.credentials, exchange.peer)
  if (!(found instanceof Promise)) return authenticated(exchange, target, found)
  found.then(late => { authenticated(exchange, target, late) }, (error: unknown) => {
    door.log.error({ error }, 'authentication threw')
    exchange.refuse(refuse('internal', 'who sends could not be found out, for a reason of the gateway'))
  })
}

function authenticated (exchange: Exchange, target: Target, found: Principal | Refusal): void {
  // Somebody asked for the body and did not wait for it.
  if (exchange.phase === 'reading' && !isRefusal(found)) {
    void exchange.credentials.body(0).then(() => { authenticated(exchange, target, found) })
    return
  }
  if (!isRefusal(found)) exchange.principal = found
  // The connection may have broken meanwhile, with or without an answer.
  if (exchange.phase !== 'asking' && exchange.phase !== 'reading') return exchange.held.conclude()
  if (exchange.request.destroyed && !exchange.request.complete) return exchange.finish()
  if (isRefusal(found)) return exchange.refuse(found)
  const { spoiled } = exchange.credentials
  if (spoiled !== undefined) return exchange.refuse(spoiled)
  admit(exchange, target)
}

/** Goes on with a request whose sender is known: refuses it, answers it, or starts to read its body. */
function admit (exchange: Exchange, target: Target): void {
  if (target.problem !== undefined) return exchange.problem(target.problem)
  const method = exchange.request.method ?? ''
  const operation = target.operations.get(method)
  if (operation === undefined) return admitNone(exchange, target, method)
  if (operation.kind === 'document') return exchange.answer(200, 'application/json', operation.text())
  admitEvents(exchange, operation)
}

function admitNone (exchange: Exchange, { allow }: Target, method: string): void {
  if (method === 'OPTIONS') return exchange.answer(204, '', '', ['allow', allow])
  exchange.problem(doorProblem('method-not-allowed', `${method} is not served here; use ${allow}`), ['allow', allow])
}

function admitEvents (exchange: Exchange, operation: Operation & { kind: 'publish' }): void {
  const { head } = exchange
  if (head.repeated !== undefined) {
    return exchange.refuse(refuse('malformed', `the header ${head.repeated} came more than once; send it once`))
  }
  if (head.transferEncoding !== undefined && head.transferEncoding.toLowerCase() !== 'chunked') {
    return exchange.refuse(refuse('malformed', 'the only Transfer-Encoding understood here is chunked'))
  }
  const channel = operation.channelOf(rawPathOf(exchange.request.url ?? ''))
  if (isRefusal(channel)) return exchange.refuse(channel)
  exchange.channel = channel
  exchange.kong = operation.kong
  const format = formatOf(head.contentType)
  if (format === 'foreign' || format === 'broken') return refuseFormat(exchange, format)
  const coding = head.contentEncoding === undefined ? 'identity' : codingOf(head.contentEncoding)
  if (coding === undefined) return refuseCoding(exchange)
  if (format === 'lines') return readLines(exchange, coding)
  exchange.consume = publishers[format]
  if (exchange.hasBody) readWhole(exchange, coding)
  else exchange.complete(null)
}

function refuseFormat (exchange: Exchange, format: 'foreign' | 'broken'): void {
  const detail = format === 'foreign'
    ? 'this CloudEvents format is not spoken here; send application/cloudevents+json'
    : 'the Content-Type is no media type; send one such as application/json'
  exchange.problem(doorProblem('unsupported-media-type', detail), ['accept', acceptedTypes])
}

function refuseCoding (exchange: Exchange): void {
  const detail = `the body may have one Content-Encoding of ${acceptedCodings}`
  exchange.problem(doorProblem('unsupported-media-type', detail), ['accept-encoding', acceptedCodings])
}

function readWhole (exchange: Exchange, coding: Coding): void {
  const { bodyBytesMax, decompressedBytesMax } = exchange.door.config
  const { contentLength } = exchange.head
  if (contentLength !== undefined) {
    const refusal = contentLength > bodyBytesMax ? bodyTooLarge(bodyBytesMax) : exchange.reserve(contentLength)
    if (refusal !== undefined) return exchange.refuse(refusal)
  }
  let intake: Intake
  if (coding === 'identity') intake = new Collector(exchange, bodyBytesMax, contentLength ?? -1)
  else if (contentLength !== undefined && contentLength <= inflateAtOnceBytesMax) {
    intake = new Collector(inflatingHolder(exchange, coding), bodyBytesMax, contentLength)
  } else {
    intake = new Inflater(exchange, coding, new Collector(exchange, decompressedBytesMax, -1))
  }
  exchange.read(intake, 'reading')
}

function readLines (exchange: Exchange, coding: Coding): void {
  const refusal = describedTwice(exchange)
  if (refusal !== undefined) return exchange.refuse(refusal)
  if (!exchange.hasBody) return exchange.answer(200, 'application/x-ndjson', '')
  const stream = new LineStream(exchange)
  if (coding === 'identity') return exchange.read(stream, 'streaming')
  const inflater = new Inflater(exchange, coding, stream)
  stream.flow = inflater
  exchange.read(inflater, 'streaming')
}
