// Tests of what is asked before a body is read: who, method, path, format, size, budget, in that order.

import t from 'tap'
import type { Credentials } from '../../src/contract/adapter.ts'
import { refuse } from '../../src/contract/outcome.ts'
import { anonymous } from '../../test/support/fake-ingress.ts'
import { routeView, startRest, until } from '../../test/support/rest-rig.ts'

const unknown = refuse('unauthenticated', 'send an API key in x-api-key')

t.test('whoever is not known gets 401 everywhere and learns nothing else', async t => {
  const { request, ingress } = await startRest(t)
  ingress.authenticated = () => unknown
  const attempts: [string, string, Record<string, string>][] = [
    ['POST', '/v1/events/orders/eu', {}], ['POST', '/v1/events/none', {}], ['POST', '/v1/none', {}], ['GET', '/', {}],
    ['GET', '/v1/events/orders/eu', {}], ['OPTIONS', '/v1/events/orders/eu', {}], ['GET', '/openapi.json', {}],
    ['POST', '/v1/events/%zz', {}], ['POST', '/v1/events/orders/eu', { 'content-type': 'application/cloudevents+protobuf' }],
    ['POST', '/v1/events/orders/eu', { 'content-encoding': 'compress' }], ['HEAD', '/kafka', {}]
  ]
  const texts = new Set<string>()
  for (const [method, path, headers] of attempts) {
    const body = method === 'POST' ? { body: 'x' } : {}
    const answer = await request(method, path, { headers: { ...headers, 'x-request-id': 'same' }, ...body })
    t.equal(answer.status, 401, `${method} ${path}`)
    t.equal(answer.headers.get('www-authenticate'), 'ApiKey realm="sluice"')
    if (method !== 'HEAD') texts.add(answer.text)
  }
  t.equal(texts.size, 1, 'all the same document')
  t.equal(ingress.reservedBytesPeak, 0)
})

t.test('credentials are headers and query arguments', async t => {
  const { request, ingress } = await startRest(t)
  const seen: unknown[] = []
  ingress.authenticated = (credentials: Credentials) => {
    seen.push([credentials.attributes.get('x-api-key'), credentials.argument('access_token')])
    return anonymous
  }
  await request('POST', '/v1/events/a?access_token=t%201', { headers: { 'X-Api-Key': 'k' }, body: 'x' })
  t.same(seen, [['k', 't 1']])
})

t.test('a promise of a principal is waited for, a broken one is internal', async t => {
  const { request, ingress } = await startRest(t)
  ingress.authenticated = async () => anonymous
  t.equal((await request('POST', '/v1/events/a', { body: 'x' })).status, 200)
  ingress.authenticated = async () => unknown
  t.equal((await request('POST', '/v1/events/a', { body: 'x' })).status, 401)
  ingress.authenticated = async () => { throw new Error('broken') }
  t.match((await request('POST', '/v1/events/a', { body: 'x' })).json, { status: 500, code: 'internal', outcome: 'unknown' })
})

t.test('nothing is read or reserved before the sender is known', async t => {
  const { raw, ingress } = await startRest(t)
  let answerWith: ((principal: typeof anonymous) => void) | undefined
  ingress.authenticated = () => new Promise(resolve => { answerWith = resolve })
  const client = raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc')
  await until(() => answerWith !== undefined)
  t.equal(ingress.reservedBytesPeak, 0)
  answerWith?.(anonymous)
  await client.until(({ status }) => status === 200)
  t.equal(ingress.reservedBytesPeak, 3)
})

t.test('a sender that leaves while it is being authenticated leaves nothing behind', async t => {
  const { raw, ingress, adapter } = await startRest(t)
  let answerWith: ((principal: typeof anonymous) => void) | undefined
  ingress.authenticated = () => new Promise(resolve => { answerWith = resolve })
  const client = raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\n')
  await until(() => answerWith !== undefined)
  client.socket.destroy()
  await until(() => client.closed)
  await new Promise(resolve => { setImmediate(resolve) })
  answerWith?.(anonymous)
  await until(() => adapter.gauges.get('requests_in_flight')?.() === 0)
  t.equal(ingress.reservedBytes, 0)
  t.equal(ingress.envelopes.length, 0)
})

t.test('unknown paths are 404, other methods 405 with Allow, OPTIONS 204 with Allow', async t => {
  const { request } = await startRest(t)
  for (const path of ['/', '/v1', '/v1/event/x', '/V1/events/x', '//v1/events/x', '/v1/events']) {
    t.match(await request('POST', path, { body: 'x' }), { status: 404, json: { code: 'unknown-path' } }, path)
  }
  for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'PROPFIND', 'QUERY']) {
    const answer = await request(method, '/v1/events/a')
    t.match(answer, { status: 405, json: { code: 'method-not-allowed' } }, method)
    t.equal(answer.headers.get('allow'), 'OPTIONS, POST')
  }
  const head = await request('HEAD', '/v1/events/a')
  t.equal(head.status, 405)
  t.equal(head.text, '')
  const options = await request('OPTIONS', '/v1/events/a')
  t.equal(options.status, 204)
  t.equal(options.headers.get('allow'), 'OPTIONS, POST')
})

t.test('TRACE and CONNECT are refused', async t => {
  const { raw } = await startRest(t)
  t.equal((await raw('TRACE /v1/events/a HTTP/1.1\r\nhost: h\r\n\r\n').until(({ text }) => text.endsWith('}'))).status, 405)
  const tunnel = await raw('CONNECT example.org:80 HTTP/1.1\r\nhost: example.org:80\r\n\r\n').until(({ closed }) => closed)
  t.equal(tunnel.status, 405)
  t.match(tunnel.text, /"code":"method-not-allowed"/)
})

t.test('a channel that breaks the grammar is malformed', async t => {
  const { request, ingress } = await startRest(t)
  for (const path of ['a//b', '', '%C0%A0', '%zz', '%00', '$sys', '_x', 'a%2F..%2Fb', 'x'.repeat(300)]) {
    const answer = await request('POST', `/v1/events/${path}`, { body: 'x' })
    t.equal(answer.status, 400, path)
    t.match(answer.json, { code: 'malformed', outcome: 'refused', retryable: false })
  }
  t.equal(ingress.envelopes.length, 0)
})

t.test('levels, encoding and query of the path make the channel', async t => {
  const { request, ingress } = await startRest(t)
  for (const path of ['a/b/c', 'a%2Fb', 'caf%C3%A9', 'a%2520b', 'a?channel=b', '%2e%2e%2e']) {
    t.equal((await request('POST', `/v1/events/${path}`, { body: 'x' })).status, 200, path)
  }
  t.same(ingress.envelopes.map(({ channel }) => channel), ['a/b/c', 'a/b', 'caf\u00e9', 'a%20b', 'a', '...'])
})

t.test('a foreign CloudEvents format and a broken type are 415 with Accept', async t => {
  const { raw } = await startRest(t)
  for (const type of ['application/cloudevents+avro', ';;', 'json']) {
    const client = raw(`POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-type: ${type}\r\ncontent-length: 1\r\n\r\nx`)
    await client.until(({ text }) => text.endsWith('}'))
    t.equal(client.status, 415, type)
    t.match(client.text, /\r\naccept: [^\r]*application\/cloudevents\+json/)
  }
})

t.test('a Content-Length above the limit is 413 before a byte is read', async t => {
  const { raw, ingress } = await startRest(t)
  const client = raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: 2147483648\r\n\r\n')
  await client.until(({ text }) => text.includes('}'))
  t.equal(client.status, 413)
  t.match(client.text, /\r\nconnection: close\r\n/i)
  t.equal(ingress.reservedBytesPeak, 0)
  await client.until(({ closed }) => closed)
})

t.test('a refused reservation is told, with when to come back', async t => {
  const { request, ingress } = await startRest(t)
  ingress.reservation = () => refuse('overloaded', 'full', { retryAfterMs: 1_500 })
  const answer = await request('POST', '/v1/events/a', { body: 'xyz' })
  t.match(answer, { status: 503, json: { code: 'overloaded', retryAfterMs: 1_500, retryable: true } })
  t.equal(answer.headers.get('retry-after'), '2')
  t.equal(ingress.reservedBytes, 0)
})

t.test('too many header lines are 431, a too long target is 414', async t => {
  const { request, raw } = await startRest(t, { config: { headersCountMax: 20, urlBytesMax: 500 } })
  const headers = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`x-${i}`, 'v']))
  t.match(await request('POST', '/v1/events/a', { headers, body: 'x' }), { status: 431, json: { code: 'headers-too-large' } })
  t.match(await request('POST', `/v1/events/a?${'x'.repeat(500)}`), { status: 414, json: { code: 'uri-too-long' } })
  const flood = raw(`POST /v1/events/a HTTP/1.1\r\nhost: h\r\n${'x: y\r\n'.repeat(50_000)}\r\n`)
  await flood.until(({ closed }) => closed)
  t.equal(flood.status, 431)
})

t.test('headers that may come once are refused when they come twice', async t => {
  const { raw, ingress } = await startRest(t)
  for (const header of ['ce-id: 1', 'content-type: a/b', 'idempotency-key: k']) {
    const client = raw(`POST /v1/events/a HTTP/1.1\r\nhost: h\r\n${header}\r\n${header}\r\ncontent-length: 1\r\n\r\nx`)
    await client.until(({ text }) => text.endsWith('}'))
    t.equal(client.status, 400, header)
  }
  t.equal(ingress.envelopes.length, 0)
})

t.test('100 Continue is sent only to a request that may send its body', async t => {
  const { raw, ingress } = await startRest(t)
  const head = 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n'
  const welcome = await raw(head).until(({ text }) => text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'))
  welcome.socket.write('abc')
  await welcome.until(({ text }) => text.includes('HTTP/1.1 200 OK'))
  ingress.authenticated = () => unknown
  const refused = await raw(head).until(({ closed }) => closed)
  t.equal(refused.status, 401)
  t.notMatch(refused.text, /100 Continue/)
})

t.test('any other expectation is 417', async t => {
  const { raw } = await startRest(t)
  const client = await raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\nexpect: tea\r\ncontent-length: 1\r\n\r\nx').until(({ closed }) => closed)
  t.equal(client.status, 417)
  t.match(client.text, /"code":"expectation-failed"/)
})

t.test('an alias publishes under its own path and methods', async t => {
  const routes = [
    routeView({ name: 'kong-demo', channel: 'kafka', format: 'kong', own: { http: { path: '/kafka', methods: ['GET', 'POST'] } } }),
    routeView({ name: 'shop', channel: 'shop/{region}', own: { http: { path: '/in/{region}/x', methods: ['PUT'] } } })
  ]
  const { request, ingress } = await startRest(t, { routes })
  const got = await request('GET', '/kafka?a=1', { headers: { aaa: '888' } })
  t.match(got, { status: 200, json: { message: 'message sent', outcome: 'written', topic: 'topic1' } })
  t.match(ingress.envelopes[0], { channel: 'kafka', data: null, wrapped: true })
  t.equal(ingress.envelopes[0]?.attributes.get('aaa'), '888')
  t.equal(ingress.envelopes[0]?.attributes.get(':path'), '/kafka?a=1')
  t.equal(ingress.envelopes[0]?.attributes.get(':method'), 'GET')
  t.equal((await request('PUT', '/in/eu%20west/x', { body: 'b' })).status, 200)
  t.equal(ingress.envelopes[1]?.channel, 'shop/eu west')
  const wrong = await request('POST', '/in/eu/x', { body: 'b' })
  t.equal(wrong.status, 405)
  t.equal(wrong.headers.get('allow'), 'OPTIONS, PUT')
  t.notMatch((await request('PUT', '/in/eu/x', { body: 'b' })).json, { message: 'message sent' })
})

t.test('while the gateway stops, new requests are sent elsewhere and their connections closed', async t => {
  const { request, ingress } = await startRest(t)
  ingress.draining.set(true)
  const answer = await request('POST', '/v1/events/a', { body: 'x' })
  t.match(answer, { status: 503, json: { code: 'shutting-down', outcome: 'refused', retryable: true } })
  t.equal(answer.headers.get('connection'), 'close')
  t.equal(answer.headers.get('retry-after'), '1')
})
