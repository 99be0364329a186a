// From data and attributes to envelopes: wrapped events, both modes of CloudEvents, and what each of them refuses.

import t from 'tap'
import type { Envelope } from '../../src/contract/envelope.ts'
import { noAttributes } from '../../src/contract/envelope.ts'
import { isRefusal } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { anonymous } from '../../test/support/fake-ingress.ts'
import { attributesOf, peer } from '../../test/support/odd-envelopes.ts'
import { decodeEvent, destinationOf, wrapPlain } from './decode.ts'

const sender = { principal: anonymous, peer, receivedAtMs: 7 }
const trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const context = ['ce-id', '1', 'ce-source', '/s', 'ce-type', 't', 'ce-specversion', '1.0']

function decode (own: readonly string[], data: string | null = 'd', defaults: readonly string[] = []): Envelope | Refusal {
  const body = { data: data === null ? null : Buffer.from(data), contentType: undefined, checked: false }
  return decodeEvent(sender, destinationOf('a', defaults, noAttributes), body, own)
}

t.test('an event without attributes is wrapped, the plain way as the other', async t => {
  const to = destinationOf('a', ['content-type', 'text/csv'], noAttributes)
  t.ok(to.plain)
  const data = Buffer.from('d')
  const plain = wrapPlain(sender, to, data)
  t.same(plain, decodeEvent(sender, to, { data, contentType: undefined, checked: false }, []))
  t.match(plain, { wrapped: true, id: '', datacontenttype: 'text/csv', channel: 'a', receivedAtMs: 7, patient: false })
})

t.test('attributes describe the event, its own before those of its channel', async t => {
  t.match(decode(['content-type', 'a/b', 'idempotency-key', 'k'], 'd', ['content-type', 'c/d', 'x', '1']), {
    wrapped: true, id: 'k', datacontenttype: 'a/b'
  })
  t.match(decode(['traceparent', trace, 'tracestate', 'a=1']), { traceparent: trace, tracestate: 'a=1' })
  t.match(decode(['traceparent', 'nonsense', 'tracestate', 'a=1']), { traceparent: undefined, tracestate: undefined })
  for (const name of ['traceparent', 'ce-id', 'idempotency-key']) t.notOk(destinationOf('a', [name, 'x'], noAttributes).plain)
})

t.test('a CloudEvent may have its context in attributes, of its own and of its channel', async t => {
  t.match(decode([...context.slice(0, 2), 'content-type', 'text/plain', 'ce-subject', '50%'], 'd', context.slice(2)), {
    wrapped: false, id: '1', source: '/s', type: 't', subject: '50%', datacontenttype: 'text/plain'
  })
  t.match(decode(context, null), { wrapped: false, data: null })
})

t.test('a CloudEvent may stand whole in the place of the data', async t => {
  const whole = '{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a": 1}}'
  const type = ['content-type', 'application/cloudevents+json; charset=utf-8']
  t.match(decode(type, whole), { wrapped: false, id: '1', dataChecked: true, datacontenttype: 'application/json' })
  t.equal((decode([], whole, type) as Envelope).data?.toString(), '{"a": 1}')
})

const refused: readonly (readonly [own: readonly string[], data: string | null, code: string])[] = [
  [['ce-id', '1'], 'd', 'invalid-event'],
  [[...context, 'ce-datacontenttype', 'a/b'], 'd', 'invalid-event'],
  [[...context, 'ce-Bad', 'a'], 'd', 'invalid-event'],
  [[...context, 'idempotency-key', 'k'], 'd', 'malformed'],
  [[...context, 'content-type', 'nonsense'], 'd', 'invalid-event'],
  [['content-type', 'nonsense'], 'd', 'invalid-event'],
  [['content-type', 'application/cloudevents+json'], '{', 'malformed'],
  [['content-type', 'application/cloudevents+json'], null, 'malformed'],
  [['content-type', 'application/cloudevents+json', 'ce-id', '1'], '{}', 'malformed'],
  [['content-type', 'application/cloudevents-batch+json'], '[]', 'malformed'],
  [['content-type', 'application/cloudevents+avro'], 'd', 'malformed'],
  [['idempotency-key', ''], 'd', 'malformed'],
  [['idempotency-key', 'k'.repeat(256)], 'd', 'malformed']
]

t.test('what is not one event of its kind is refused', async t => {
  for (const [own, data, code] of refused) {
    const found = decode(own, data)
    t.equal(isRefusal(found) ? found.code : 'taken', code, own.join())
  }
})

t.test('a channel with a content type that is none has no plain events', async t => {
  const to = destinationOf('a', ['content-type', 'nonsense'], noAttributes)
  t.notOk(to.plain)
  t.match(decodeEvent(sender, to, { data: null, contentType: undefined, checked: false }, []), { code: 'invalid-event' })
})

t.test('attributes stand beside the headers of the upgrade, which keep their values; those of an event go before its channel\'s', async t => {
  const base = attributesOf([['x-a', 'header'], ['x-a', 'again']])
  const to = destinationOf('a', ['x-b', 'channel', 'x-c', 'channel'], base)
  const { attributes } = decodeEvent(sender, to, { data: null, contentType: undefined, checked: false },
    ['x-a', 'own', 'x-c', 'own', 'x-d', 'own']) as Envelope
  t.same(['x-a', 'x-b', 'x-c', 'x-d', 'x-e'].map(name => attributes.get(name)), ['header', 'channel', 'own', 'own', undefined])
  const seen: string[] = []
  attributes.forEach((name, value) => { seen.push(`${name}=${value}`) })
  t.same(seen, ['x-a=header', 'x-a=again', 'x-c=own', 'x-d=own', 'x-b=channel'])
})
