// Tests of the REST door as a module: thin path, registration of aliases, bytes that are no HTTP, random bytes, drain.

import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import t from 'tap'
import fc from 'fast-check'
import { refuse } from '../../src/contract/outcome.ts'
import { FakeIngress, receiptOf } from '../../test/support/fake-ingress.ts'
import { silentLog } from '../../test/support/odd-envelopes.ts'
import { restDefaults, routeView, startRest, until } from '../../test/support/rest-rig.ts'
import { rest } from './index.ts'

t.test('one event is wrapped, ingested and answered with its receipt', async t => {
  const { request, ingress } = await startRest(t)
  const answer = await request('POST', '/v1/events/orders/eu', {
    headers: { 'content-type': 'application/json' }, body: '{"a": 1e999}'
  })
  t.equal(answer.status, 200)
  t.same(answer.json, {
    outcome: 'written', id: 'made-0', source: '/orders/eu', ack: 'kafka', topic: 'topic1', partition: 0, offset: 0
  })
  t.match(ingress.envelopes[0], {
    channel: 'orders/eu', wrapped: true, id: '', source: '', type: '', datacontenttype: 'application/json', patient: false
  })
  t.equal(ingress.envelopes[0]?.data?.toString(), '{"a": 1e999}')
  t.equal(ingress.reservedBytes, 0)
  t.ok(ingress.reservedBytesPeak >= 12)
})

t.test('two routes may share a path but not a method of it', async t => {
  const create = (...methods: string[][]) => rest.create({
    config: restDefaults, ingress: new FakeIngress(), version: '1', log: silentLog,
    routes: methods.map((list, at) => routeView({ name: `r${at}`, channel: `c${at}`, own: { http: { path: '/same', methods: list } } }))
  })
  t.doesNotThrow(() => create(['GET'], ['POST']))
  t.throws(() => create(['GET', 'POST'], ['POST']), /route r1: POST \/same is the alias of another route/)
})

t.test('creating it starts nothing', async t => {
  const ingress = new FakeIngress()
  const adapter = rest.create({ config: restDefaults, ingress, version: '1', log: silentLog, routes: [] })
  t.equal(ingress.draining.watchersCount, 0)
  await adapter.drain()
})

t.test('a request that comes before the routes are ready waits for them', async t => {
  const ingress = new FakeIngress()
  const adapter = rest.create({ config: restDefaults, ingress, version: '1', log: silentLog, routes: [] })
  const server = createServer()
  const peer = { address: '', port: 0, secure: false, connectionId: 1 }
  adapter.attach({ protocol: 'http', server, onSocket: () => {}, peerOf: () => peer })
  server.listen(0, '127.0.0.1')
  t.teardown(() => { server.close() })
  const port = await new Promise<number>(resolve => {
    server.once('listening', () => { resolve((server.address() as { port: number }).port) })
  })
  const answers = await Promise.all([1, 2].map(() => fetch(`http://127.0.0.1:${port}/v1/events/a`, { method: 'POST', body: 'x' })))
  t.same(answers.map(({ status }) => status), [200, 200])
  server.closeAllConnections()
})

const notHttp: [string, string, number][] = [
  ['garbage', 'garbage\r\n\r\n', 400],
  ['a TLS hello', '\x16\x03\x01\x02\x00\x01\x00\x01', 400],
  ['no host', 'POST /v1/events/a HTTP/1.1\r\ncontent-length: 1\r\n\r\nx', 400],
  ['Content-Length and Transfer-Encoding', 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 400],
  ['two Content-Lengths', 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nxx', 400],
  ['a signed Content-Length', 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: +1\r\n\r\nx', 400],
  ['a folded header', 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\nx: a\r\n b\r\ncontent-length: 1\r\n\r\nx', 400],
  ['space before the colon', 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length : 1\r\n\r\nx', 400],
  ['an unknown transfer coding', 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n', 400],
  ['two transfer codings', 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n', 400],
  ['NUL in a header', 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\nx: a\0b\r\n\r\n', 400],
  ['a huge header', `POST /v1/events/a HTTP/1.1\r\nhost: h\r\nx: ${'y'.repeat(100_000)}\r\n\r\n`, 431],
  ['a huge target', `POST /${'y'.repeat(100_000)} HTTP/1.1\r\nhost: h\r\n\r\n`, 431],
  ['huge chunk extensions', `POST /v1/events/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1;${'x'.repeat(100_000)}\r\nx\r\n0\r\n\r\n`, 413],
  ['a chunk size that is none', 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nx\r\n0\r\n\r\n', 400]
]

t.test('bytes that are not HTTP as it should be get a problem document and the end of their connection', async t => {
  const { raw, ingress } = await startRest(t)
  for (const [name, text, status] of notHttp) {
    const client = await raw(Buffer.from(text, 'latin1')).until(({ closed }) => closed)
    t.equal(client.status, status, name)
    t.match(client.text, /application\/problem\+json/, name)
    t.match(client.text, /"requestId":"/, name)
    t.match(client.text, /\r\nconnection: close/i, name)
  }
  t.equal(ingress.envelopes.length, 0)
  t.equal(ingress.reservedBytes, 0)
})

t.test('bad bytes behind a request that is under way spoil nothing of its answer', async t => {
  const { raw, ingress } = await startRest(t)
  ingress.outcomeOf = () => undefined
  const client = raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\nxgarbage\r\n\r\n')
  await until(() => ingress.pending.length === 1)
  t.equal(client.text, '')
  ingress.pending[0]?.settle({
    outcome: 'written', id: '1', source: '/', ack: 'disk', topic: undefined, partition: undefined, offset: undefined,
    journal: '1:2'
  })
  await client.until(({ closed }) => closed)
  t.match(client.text, /^HTTP\/1\.1 200 OK[^]*connection: close[^]*"journal":"1:2"\}$/i)
})

t.test('bad bytes behind pipelined requests never take the place of an earlier answer', async t => {
  const { raw, ingress, server } = await startRest(t)
  ingress.outcomeOf = (envelope, index) => index === 0 ? undefined : receiptOf(envelope, index)
  const post = 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\n\r\n'
  let received: Socket | undefined
  server.on('connection', (socket: Socket) => { received = socket })
  const client = raw(`${post}1${post}2`)
  await until(() => ingress.envelopes.length === 2)
  client.socket.write('garbage\r\n\r\n')
  await until(() => received?.bytesRead === 2 * post.length + 13)
  t.equal(client.text, '')
  ingress.pending[0]?.settle(refuse('delivery-timeout', 'late'))
  await client.until(({ closed }) => closed)
  t.match(client.text, /^HTTP\/1\.1 504 [^]*HTTP\/1\.1 200 [^]*"offset":1\}/)
})

t.test('random bytes never break the door', async t => {
  const config = { bodyIdleTimeoutMs: 100, streamIdleTimeoutMs: 100 }
  const { raw, request, ingress, adapter } = await startRest(t, { config })
  const head = 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\n'
  const types = ['application/json', 'application/cloudevents+json', 'application/cloudevents-batch+json',
    'application/vnd.sluice.batch+json', 'application/x-ndjson']
  const attempt = fc.record({
    type: fc.constantFrom(...types), coding: fc.constantFrom('', 'content-encoding: gzip\r\n', 'content-encoding: zstd\r\n'),
    body: fc.uint8Array({ maxLength: 300 }), cut: fc.nat(600)
  })
  await fc.assert(fc.asyncProperty(attempt, async ({ type, coding, body, cut }) => {
    const bytes = Buffer.concat([
      Buffer.from(`${head}content-type: ${type}\r\n${coding}content-length: ${body.length}\r\n\r\n`), Buffer.from(body)
    ])
    const client = raw(bytes.subarray(0, Math.max(1, cut)))
    client.socket.end()
    await client.until(({ closed }) => closed)
  }), { numRuns: 150 })
  await until(() => adapter.gauges.get('requests_in_flight')?.() === 0)
  t.equal(ingress.reservedBytes, 0)
  t.equal((await request('POST', '/v1/events/a', { body: 'x' })).status, 200)
})

t.test('draining waits for nothing when nothing is in flight', async t => {
  const { adapter, request } = await startRest(t)
  await request('POST', '/v1/events/a', { body: 'x' })
  await adapter.drain()
  t.pass('it resolved')
})
