// Tests of the formats over the wire: wrapped events, CloudEvents in three modes, arrays.

import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import { startRest } from '../../test/support/rest-rig.ts'

const structured = { 'content-type': 'application/cloudevents+json' }
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

t.test('any type is one wrapped event with its bytes untouched', async t => {
  const { request, ingress } = await startRest(t)
  const bytes = Buffer.from([0, 255, 10, 13, 128])
  const headers = { 'content-type': 'Application/X-Custom; a=B', traceparent, tracestate: 'v=1', 'x-request-id': 'r-1' }
  const answer = await request('POST', '/v1/events/a', { headers, body: bytes })
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('x-request-id'), 'r-1')
  t.match(ingress.envelopes[0], {
    wrapped: true, datacontenttype: 'Application/X-Custom; a=B', dataChecked: false, traceparent, tracestate: 'v=1', data: bytes
  })
})

t.test('an empty body is an event without data', async t => {
  const { request, ingress } = await startRest(t)
  await request('POST', '/v1/events/a')
  await request('POST', '/v1/events/a', { headers: { 'content-type': 'text/plain' }, body: '' })
  t.same(ingress.envelopes.map(({ data }) => data), [null, null])
})

t.test('an Idempotency-Key is the id of a wrapped event', async t => {
  const { request, ingress } = await startRest(t)
  for (const key of ['"quoted key"', 'bare']) await request('POST', '/v1/events/a', { headers: { 'idempotency-key': key }, body: 'x' })
  t.same(ingress.envelopes.map(({ id }) => id), ['quoted key', 'bare'])
  t.equal((await request('POST', '/v1/events/a', { headers: { 'idempotency-key': 'k'.repeat(1_024) }, body: 'x' })).status, 400)
})

t.test('ce- headers make a CloudEvent, decoded once, its data the body', async t => {
  const { request, ingress } = await startRest(t)
  const headers = {
    'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't', 'CE-Subject': 'Euro%20%E2%82%AC', 'ce-partitionkey': 'p',
    'content-type': 'text/plain'
  }
  t.equal((await request('POST', '/v1/events/a', { headers, body: 'hello' })).status, 200)
  const [event] = ingress.envelopes
  t.match(event, { wrapped: false, id: '1', source: '/s', type: 't', subject: 'Euro \u20ac', datacontenttype: 'text/plain' })
  t.equal(event?.extensions.get('partitionkey'), 'p')
  t.equal(event?.data?.toString(), 'hello')
})

t.test('a CloudEvent that misses something is refused, never completed', async t => {
  const { request, ingress } = await startRest(t)
  const complete: Record<string, string> = { 'ce-specversion': '1.0', 'ce-id': '1', 'ce-source': '/s', 'ce-type': 't' }
  for (const name of Object.keys(complete)) {
    const { [name]: _left, ...headers } = complete
    t.match(await request('POST', '/v1/events/a', { headers, body: 'x' }), { status: 422, json: { code: 'invalid-event' } }, name)
  }
  const wrong: [string, string][] = [['ce-datacontenttype', 'text/plain'], ['ce-specversion', '2.0'], ['ce-subject', '%C0%A0']]
  for (const [name, value] of wrong) {
    const answer = await request('POST', '/v1/events/a', { headers: { ...complete, [name]: value }, body: 'x' })
    t.ok([400, 422].includes(answer.status), name)
  }
  t.equal(ingress.envelopes.length, 0)
})

t.test('a structured CloudEvent keeps the bytes of its data', async t => {
  const { request, ingress } = await startRest(t)
  const body = '{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"n": 1e999}}'
  for (const type of ['application/cloudevents+json', 'Application/CloudEvents+JSON; charset=UTF-8']) {
    t.equal((await request('POST', '/v1/events/a', { headers: { 'content-type': type }, body })).status, 200, type)
  }
  t.equal(ingress.envelopes[1]?.data?.toString(), '{"n": 1e999}')
  t.match(ingress.envelopes[1], { wrapped: false, dataChecked: true })
})

t.test('a structured body that is broken or incomplete is refused with where', async t => {
  const { request } = await startRest(t)
  t.match(await request('POST', '/v1/events/a', { headers: structured, body: '{"specversion":' }), { status: 400, json: { detail: /byte/ } })
  t.match(await request('POST', '/v1/events/a', { headers: structured, body: '' }), { status: 400 })
  const missing = await request('POST', '/v1/events/a', { headers: structured, body: '{"specversion":"1.0","id":"1","type":"t"}' })
  t.match(missing, { status: 422, json: { code: 'invalid-event', pointer: '/source' } })
})

t.test('a CloudEvents batch has one result per event, in order, also where some are refused', async t => {
  const { request, ingress } = await startRest(t)
  ingress.outcomeOf = (envelope, index) => index === 1 ? refuse('forbidden', 'no') : receiptOf(envelope, index)
  const event = (id: string) => `{"specversion":"1.0","id":"${id}","source":"/s","type":"t","data":${id}}`
  const body = `[${event('0')},{"id":"broken"},${event('2')},${event('3')}]`
  const answer = await request('POST', '/v1/events/a', { headers: { 'content-type': 'application/cloudevents-batch+json' }, body })
  t.equal(answer.status, 207)
  t.match(answer.json, [
    { index: 0, outcome: 'written', id: '0' }, { index: 1, outcome: 'refused', code: 'invalid-event' },
    { index: 2, outcome: 'refused', code: 'forbidden' }, { index: 3, outcome: 'written', id: '3' }
  ])
  t.same(ingress.batches, [1, 2])
  t.match(ingress.refusals, [{ refusal: { code: 'invalid-event' }, arrival: { channel: 'a' } }], 'what the node cannot know')
  t.equal(ingress.reservedBytes, 0)
})

t.test('a JSON array of data is one event per item, with the bytes of the item', async t => {
  const { request, ingress } = await startRest(t)
  const headers = { 'content-type': 'application/vnd.sluice.batch+json' }
  const answer = await request('POST', '/v1/events/a', { headers, body: ' [ {"a" : 1} , 2,"x" ,null ] ' })
  t.equal(answer.status, 200)
  t.match(answer.json, [{ index: 0 }, { index: 1 }, { index: 2 }, { index: 3 }])
  t.same(ingress.envelopes.map(({ data }) => data?.toString()), ['{"a" : 1}', '2', '"x"', 'null'])
  t.match(ingress.envelopes[0], { wrapped: true, datacontenttype: 'application/json', dataChecked: true })
  t.same(ingress.batches, [4])
  t.same((await request('POST', '/v1/events/a', { headers, body: '[]' })).json, [])
})

t.test('a broken array is one refusal, and so is one with too many items', async t => {
  const { request, ingress } = await startRest(t, { config: { batchEventsMax: 3 } })
  const types = ['application/vnd.sluice.batch+json', 'application/cloudevents-batch+json']
  for (const type of types) {
    const headers = { 'content-type': type }
    for (const body of ['', '{}', '[1,', '[1]x', '[1 2]']) {
      t.match(await request('POST', '/v1/events/a', { headers, body }), { status: 400, json: { code: 'malformed' } }, type + body)
    }
    t.match(await request('POST', '/v1/events/a', { headers, body: '[1,2,3,4]' }), { status: 413, json: { code: 'too-large' } }, type)
  }
  t.equal(ingress.envelopes.length, 0)
  t.equal(ingress.reservedBytes, 0)
})

t.test('headers that describe one event do not go with a body that describes its own', async t => {
  const { request } = await startRest(t)
  for (const type of [
    'application/cloudevents+json', 'application/cloudevents-batch+json', 'application/vnd.sluice.batch+json', 'application/x-ndjson'
  ]) {
    for (const name of ['ce-id', 'idempotency-key']) {
      const answer = await request('POST', '/v1/events/a', { headers: { 'content-type': type, [name]: '1' }, body: '[]' })
      t.equal(answer.status, 400, `${type} ${name}`)
    }
  }
})

t.test('202 is the answer where nothing but its receipt was promised', async t => {
  const { request, ingress } = await startRest(t)
  ingress.outcomeOf = (envelope, index) => ({ ...receiptOf(envelope, index), ack: 'none' })
  t.match(await request('POST', '/v1/events/a', { body: 'x' }), { status: 202, json: { outcome: 'written', ack: 'none' } })
})
