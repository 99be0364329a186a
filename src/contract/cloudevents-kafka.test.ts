// Record headers of CloudEvents on Kafka, in both modes.

import { Kafka } from 'cloudevents'
import t from 'tap'
import { binaryHeaders, idName, structuredHeaders } from './cloudevents-kafka.ts'
import { noAttributes, noExtensions } from './envelope.ts'
import type { Envelope } from './envelope.ts'

function envelopeOf (parts: Partial<Envelope>): Envelope {
  return {
    id: 'a',
    source: '/s',
    type: 't',
    subject: undefined,
    time: undefined,
    datacontenttype: undefined,
    dataschema: undefined,
    extensions: noExtensions,
    channel: 'c',
    wrapped: false,
    data: null,
    dataChecked: false,
    principal: { name: 'p', groups: [], anonymous: false },
    attributes: noAttributes,
    peer: { address: '127.0.0.1', port: 1, secure: false, connectionId: 1 },
    receivedAtMs: 0,
    traceparent: undefined,
    tracestate: undefined,
    patient: false,
    ...parts
  }
}

const full = envelopeOf({
  subject: 'é',
  time: '2026-01-31T09:30:00Z',
  datacontenttype: 'application/json',
  dataschema: 'urn:x:y',
  extensions: new Map<string, string | number | boolean>([['count', -5], ['urgent', false], ['traceparent', 'in-the-event']]),
  traceparent: 'on-the-wire',
  tracestate: 'a=b'
})

t.test('an event with nothing optional has the four required headers, of which the id is its record\'s own', async t => {
  t.same(binaryHeaders(envelopeOf({}), []), ['ce_specversion', '1.0', 'ce_source', '/s', 'ce_type', 't'])
  t.equal(idName, 'ce_id')
})

t.test('attributes have a prefix, the content type, the trace and further headers have none', async t => {
  const value = Buffer.from([0xff])
  t.same(binaryHeaders(full, ['x-a', 'b', 'x-c', value]), [
    'ce_specversion', '1.0', 'ce_source', '/s', 'ce_type', 't', 'ce_subject', 'é',
    'ce_time', '2026-01-31T09:30:00Z', 'ce_dataschema', 'urn:x:y', 'ce_count', '-5', 'ce_urgent', 'false',
    'ce_traceparent', 'in-the-event', 'content-type', 'application/json', 'traceparent', 'on-the-wire', 'tracestate', 'a=b',
    'x-a', 'b', 'x-c', value
  ])
})

t.test('the structured mode says so in its content type', async t => {
  t.same(structuredHeaders(full, ['x-a', 'b']), [
    'content-type', 'application/cloudevents+json; charset=UTF-8', 'traceparent', 'on-the-wire', 'tracestate', 'a=b', 'x-a', 'b'
  ])
})

t.test('what is passed in is not changed', async t => {
  const extra = Object.freeze(['x-a', 'b'])
  binaryHeaders(full, extra)
  structuredHeaders(full, extra)
  t.same(extra, ['x-a', 'b'])
})

t.test('events that differ in nothing but their id share one list, and one that differs in anything has its own', async t => {
  const first = { ...full, traceparent: undefined, tracestate: undefined }
  const extra = ['x-a', 'b']
  t.equal(binaryHeaders(first, []), binaryHeaders({ ...first, id: 'other' }, []))
  t.equal(binaryHeaders(first, extra), binaryHeaders({ ...first, id: 'other' }, extra))
  t.not(binaryHeaders(first, extra), binaryHeaders(first, ['x-a', 'b']))
  const others: readonly Partial<Envelope>[] = [
    { source: '/other' }, { type: 'other' }, { subject: 'other' }, { time: '2026-01-31T09:30:01Z' }, { dataschema: 'urn:o' },
    { extensions: new Map() }, { datacontenttype: 'text/plain' }, { traceparent: 'other' }, { tracestate: 'o=1' }
  ]
  for (const other of others) {
    const headers = binaryHeaders(first, [])
    const changed = binaryHeaders({ ...first, ...other }, [])
    t.not(changed, headers, Object.keys(other).join())
    t.notSame(changed, headers, Object.keys(other).join())
  }
})

t.test('more extension names than are remembered are all named right', async t => {
  for (let i = 0; i < 1_000; i++) {
    const name = i % 3 === 0 ? `x${i}${'y'.repeat(80)}` : `x${i}`
    const headers = binaryHeaders(envelopeOf({ extensions: new Map([[name, 'v']]) }), [])
    if (headers[6] !== `ce_${name}`) t.fail(name)
  }
  t.equal(binaryHeaders(envelopeOf({ extensions: new Map([['x1', 'v']]) }), [])[6], 'ce_x1')
})

t.test('the CloudEvents SDK reads the same event from the headers', async t => {
  const flat = binaryHeaders(full, [])
  const headers: Record<string, string> = { [idName]: full.id }
  for (let i = 0; i < flat.length; i += 2) headers[String(flat[i])] = String(flat[i + 1])
  const message = { headers, body: '{"a":1}', key: '', value: '{"a":1}' }
  const event = Kafka.toEvent(message)
  t.match(event, { id: 'a', source: '/s', type: 't', subject: 'é', dataschema: 'urn:x:y', datacontenttype: 'application/json' })
})
