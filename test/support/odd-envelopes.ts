// Envelopes for tests: an ordinary one with some parts changed, and odd ones that a door may well hand over.

import type { Log } from '../../src/contract/adapter.ts'
import type { Attributes, Envelope, Peer, Principal } from '../../src/contract/envelope.ts'
import { noAttributes, noExtensions } from '../../src/contract/envelope.ts'
import type { JudgeContext } from '../../src/contract/policy.ts'

export const silentLog: Log = { debug () {}, info () {}, warn () {}, error () {} }
export const peer: Peer = { address: '127.0.0.1', port: 40000, secure: false, connectionId: 1 }
export const judgeContext: JudgeContext = { route: 'orders', topic: 'orders.eu', ack: 'kafka' }

const factory: Principal = { name: 'factory-7', groups: ['factories'], anonymous: false }

/** Attributes that come from pairs, in lower case. */
export function attributesOf (pairs: readonly (readonly [string, string])[]): Attributes {
  return {
    get: name => pairs.find(([other]) => other === name)?.[1],
    forEach (visit) { for (const [name, value] of pairs) if (!name.startsWith(':')) visit(name, value) }
  }
}

/** An ordinary event, but for the parts given. */
export function envelopeWith (parts: Partial<Envelope>): Envelope {
  return {
    id: '1', source: '/shop/eu', type: 'com.example.order', subject: undefined, time: undefined,
    datacontenttype: 'application/json', dataschema: undefined, extensions: noExtensions,
    channel: 'orders/eu', wrapped: false, data: Buffer.from('{"customerId":"c1"}'), dataChecked: false,
    principal: factory, attributes: noAttributes, peer, receivedAtMs: 1_790_000_000_000,
    traceparent: undefined, tracestate: undefined, patient: false, ...parts
  }
}

/** Envelopes that a door may well hand over and that a policy must not stumble on. */
export function oddEnvelopes (): Envelope[] {
  const crowd = Array.from({ length: 10_000 }, (_, i): [string, string] => [`x-${i}`, 'v'.repeat(100)])
  return [
    envelopeWith({}),
    envelopeWith({ data: null }),
    envelopeWith({ data: Buffer.alloc(0), datacontenttype: undefined }),
    envelopeWith({ data: Buffer.alloc(3_000_000, 0xff) }),
    envelopeWith({ data: Buffer.from('{"a":') }),
    envelopeWith({ attributes: attributesOf(crowd) }),
    envelopeWith({ attributes: attributesOf([['__proto__', 'x'], ['', ''], ['constructor', '\u0000\ud800']]) }),
    envelopeWith({ principal: { name: 'anonymous', groups: [], anonymous: true } }),
    envelopeWith({ principal: { name: '__proto__', groups: ['constructor', ''], anonymous: false } }),
    envelopeWith({ id: '', source: '', type: '', wrapped: true }),
    envelopeWith({ extensions: new Map<string, string | number | boolean>([['a', 1], ['b', false], ['c', '']]) }),
    envelopeWith({ channel: 'a/'.repeat(500) + 'a', subject: '\ud83d', time: 'not a time' }),
    envelopeWith({ receivedAtMs: 0, traceparent: 'nonsense', tracestate: '', patient: true })
  ]
}
