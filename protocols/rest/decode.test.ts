// Tests of the decoders: what becomes of headers and bytes; random bytes give envelopes or refusals, never a throw.

import t from 'tap'
import fc from 'fast-check'
import { isRefusal } from '../../src/contract/outcome.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import { envelopeWith } from '../../test/support/odd-envelopes.ts'
import { decodeItems, decodeMany, decodeOne, decodeSingle } from './decode.ts'
import type { SingleRequest } from './decode.ts'
import type { Head } from './head.ts'

const base = envelopeWith({ traceparent: 'p', tracestate: 's' })
const noHead: Head = {
  host: 'h', origin: undefined, contentType: undefined, contentEncoding: undefined, transferEncoding: undefined,
  contentLength: undefined, idempotencyKey: undefined, requestId: undefined, traceparent: undefined,
  tracestate: undefined,
  contextPairs: undefined, repeated: undefined
}
const requestWith = (head: Partial<Head>): SingleRequest => {
  return { ...base, head: { ...noHead, ...head }, idempotencyKeyBytesMax: 255 }
}
const keys = Object.keys(envelopeWith({})).sort()

t.test('every decoder makes whole envelopes that share what the request has', async t => {
  const event = '{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1}'
  const made = [
    decodeSingle(requestWith({ contentType: 'text/plain' }), Buffer.from('x')),
    decodeSingle(requestWith({ contextPairs: ['specversion', '1.0', 'id', '1', 'source', '/s', 'type', 't'] }), null),
    decodeOne(base, Buffer.from(event)),
    ...([decodeMany(base, Buffer.from(`[${event}]`), 10), decodeItems(base, Buffer.from('[1]'), 10)].flat())
  ]
  for (const envelope of made) {
    if (isRefusal(envelope)) return t.fail(envelope.detail)
    t.same(Object.keys(envelope).sort(), keys)
    const { channel, principal, attributes, peer, receivedAtMs, traceparent, tracestate, patient } = envelope
    t.match({ channel, principal, attributes, peer, receivedAtMs, traceparent, tracestate, patient }, {
      channel: base.channel, principal: base.principal, attributes: base.attributes, peer: base.peer,
      receivedAtMs: base.receivedAtMs, traceparent: 'p', tracestate: 's', patient: false
    })
  }
})

t.test('binary mode takes the type from Content-Type and has no data without a body', async t => {
  const pairs = ['specversion', '1.0', 'id', '%41', 'source', '/s', 'type', 'a b']
  t.match(decodeSingle(requestWith({ contextPairs: pairs, contentType: 'text/plain' }), null), {
    wrapped: false, id: 'A', datacontenttype: 'text/plain', data: null
  })
  const refusals: [string[], string | undefined][] = [
    [[...pairs, 'datacontenttype', 'x/y'], undefined], [[...pairs, 'data', 'x'], undefined], [[...pairs, 'BAD', 'x'], undefined],
    [[...pairs, 'time', 'today'], undefined], [pairs.slice(2), undefined], [pairs, 'no type']
  ]
  for (const [contextPairs, contentType] of refusals) {
    t.ok(isRefusal(decodeSingle(requestWith({ contextPairs, contentType }), null)), contextPairs.join())
  }
})

t.test('a wrapped event has the Idempotency-Key as its id, and none without one', async t => {
  t.match(decodeSingle(requestWith({ idempotencyKey: '"k"' }), null), { id: 'k', wrapped: true })
  t.match(decodeSingle(requestWith({}), null), { id: '', source: '', type: '', wrapped: true })
  t.match(decodeSingle(requestWith({ idempotencyKey: '"' }), null), { code: 'malformed' })
})

t.test('an event that ce-id and Idempotency-Key both name is refused', async t => {
  const contextPairs = ['specversion', '1.0', 'id', '1', 'source', '/s', 'type', 't']
  t.match(decodeSingle(requestWith({ contextPairs, idempotencyKey: '"1"' }), null), { code: 'malformed' })
})

t.test('an item that is no JSON makes the whole array unreadable, and the refusal says where', async t => {
  t.match(decodeItems(base, Buffer.from('[1,x,3]'), 5), { code: 'malformed', detail: /not one well-formed .* at byte 3;/ })
})

t.test('random bytes become envelopes or refusals', async t => {
  const text = fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(json => Buffer.from(json)))
  const pairs = fc.array(fc.string({ unit: 'binary' }), { maxLength: 10 })
  fc.assert(fc.property(text, pairs, (bytes, contextPairs) => {
    const body = Buffer.from(bytes)
    const made: unknown[] = [
      decodeOne(base, body), decodeMany(base, body, 5), decodeItems(base, body, 5),
      decodeSingle(requestWith({ contextPairs, idempotencyKey: contextPairs[0], contentType: contextPairs[1] }), body)
    ]
    for (const one of made.flat() as (Envelope | { code: string })[]) t.ok('code' in one || one.channel === base.channel)
  }), { numRuns: 300 })
})
