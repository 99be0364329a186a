// Record headers of CloudEvents on Kafka, in both modes.

import { Kafka } from 'cloudevents'
import t from 'tap'
import { binaryHeaders, structuredHeaders } from './cloudevents-kafka.ts'
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

t.test('an event with nothing optional has the four required headers', async t => {
  t.same(binaryHeaders(envelopeOf({}), []), ['ce_specversion', '1.0', 'ce_id', 'a', 'ce_source', '/s', 'ce_type', 't'])
})

t.test('attributes have a prefix, the content type, the trace and further headers have none', async t => {
  const value = Buffer.from([0xff])
  t.same(binaryHeaders(full, ['x-a', 'b', 'x-c', value]), [
    'ce_specversion', '1.0', 'ce_id', 'a', 'ce_source', '/s', 'ce_type', 't', 'ce_subject', 'é',
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
  const extra = ['x-a', 'b']
  binaryHeaders(full, extra).push('more')
  structuredHeaders(full, extra).push('more')
  t.same(extra, ['x-a', 'b'])
})

t.test('more extension names than are remembered are all named right', async t => {
  for (let i = 0; i < 1_000; i++) {
    const name = i % 3 === 0 ? `x${i}${'y'.repeat(80)}` : `x${i}`
    const headers = binaryHeaders(envelopeOf({ extensions: new Map([[name, 'v']]) }), [])
    if (headers[8] !== `ce_${name}`) t.fail(name)
  }
  t.equal(binaryHeaders(envelopeOf({ extensions: new Map([['x1', 'v']]) }), [])[8], 'ce_x1')
})

t.test('the CloudEvents SDK reads the same event from the headers', async t => {
  const flat = binaryHeaders(full, [])
  const headers: Record<string, string> = {}
  for (let i = 0; i < flat.length; i += 2) headers[String(flat[i])] = String(flat[i + 1])
  const message = { headers, body: '{"a":1}', key: '', value: '{"a":1}' }
  const event = Kafka.toEvent(message)
  t.match(event, { id: 'a', source: '/s', type: 't', subject: 'é', dataschema: 'urn:x:y', datacontenttype: 'application/json' })
})
