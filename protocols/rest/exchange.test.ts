// Tests of a request's life: answers only after the outcome, everything released on every way out, time limits.

import t from 'tap'
import { refuse } from '../../src/contract/outcome.ts'
import type { RefusalCode } from '../../src/contract/outcome.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import { startRest, until } from '../../test/support/rest-rig.ts'
import { replies } from './reply.ts'

const post = (length: number, body = ''): string => `POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: ${length}\r\n\r\n${body}`

t.test('the answer waits for the outcome, and the bytes are held as long', async t => {
  const { raw, ingress } = await startRest(t)
  ingress.outcomeOf = () => undefined
  const client = raw(post(5, 'hello'))
  await until(() => ingress.pending.length === 1)
  t.equal(client.text, '')
  t.equal(ingress.reservedBytes, 5)
  const [pending] = ingress.pending
  if (pending === undefined) return
  pending.settle(receiptOf(pending.envelope, 3))
  await client.until(({ status }) => status === 200)
  t.equal(ingress.reservedBytes, 0)
  pending.settle(refuse('internal', 'a second outcome changes nothing'))
})

t.test('every refusal is a problem document with a request id', async t => {
  const { request, ingress } = await startRest(t)
  for (const code of Object.keys(replies) as RefusalCode[]) {
    ingress.outcomeOf = () => refuse(code, `because ${code}`)
    const answer = await request('POST', '/v1/events/a', { body: 'x' })
    t.equal(answer.status, replies[code].status, code)
    t.equal(answer.headers.get('content-type'), 'application/problem+json')
    t.match(answer.json, { type: `urn:sluice:refusal:${code}`, code, detail: `because ${code}` })
    t.equal(answer.headers.get('x-request-id'), (answer.json as { requestId: string }).requestId)
  }
  t.equal(ingress.reservedBytes, 0)
})

t.test("the sender's request id is used where it is fit for a log", async t => {
  const { request, ingress } = await startRest(t)
  ingress.outcomeOf = () => refuse('forbidden', 'no')
  t.match((await request('POST', '/v1/events/a', { headers: { 'x-request-id': 'abc-1' }, body: 'x' })).json, { requestId: 'abc-1' })
  for (const id of ['two words', 'x'.repeat(200), '"']) {
    const { requestId } = (await request('POST', '/v1/events/a', { headers: { 'x-request-id': id }, body: 'x' })).json as { requestId: string }
    t.match(requestId, /^[A-Za-z0-9_-]{8}-[0-9a-z]+$/, id)
  }
})

t.test('a body that breaks off is not ingested and gives everything back', async t => {
  const { raw, ingress, adapter } = await startRest(t)
  for (const text of [post(100, 'half'), 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n']) {
    const client = raw(text)
    await until(() => ingress.reservedBytes > 0)
    client.socket.destroy()
    await until(() => ingress.reservedBytes === 0)
  }
  t.equal(adapter.gauges.get('requests_in_flight')?.(), 0)
  t.equal(ingress.envelopes.length, 0)
})

t.test('a half-closed body is not ingested either', async t => {
  const { raw, ingress, adapter } = await startRest(t)
  const client = raw(post(100, 'half'))
  await until(() => ingress.reservedBytes > 0)
  client.socket.end()
  await until(() => adapter.gauges.get('requests_in_flight')?.() === 0)
  t.equal(ingress.reservedBytes, 0)
  t.equal(ingress.envelopes.length, 0)
})

t.test('a sender that leaves before the outcome: the bytes are held until it is there', async t => {
  const { raw, ingress, adapter } = await startRest(t)
  ingress.outcomeOf = () => undefined
  const client = raw(post(5, 'hello'))
  await until(() => ingress.pending.length === 1)
  client.socket.destroy()
  await until(() => client.closed)
  t.equal(ingress.reservedBytes, 5)
  const [pending] = ingress.pending
  if (pending !== undefined) pending.settle(receiptOf(pending.envelope, 0))
  t.equal(ingress.reservedBytes, 0)
  t.equal(adapter.gauges.get('requests_in_flight')?.(), 0)
})

t.test('a body that stands still is 408, and its connection is closed', async t => {
  const { raw, ingress } = await startRest(t, { config: { bodyIdleTimeoutMs: 100 } })
  const client = await raw(post(100, 'half')).until(({ closed }) => closed)
  t.equal(client.status, 408)
  t.match(client.text, /"code":"request-timeout".*"retryable":true/)
  t.match(client.text, /connection: close/i)
  t.equal(ingress.reservedBytes, 0)
  t.equal(ingress.envelopes.length, 0)
})

t.test('a body that trickles is 408 when its time is over', async t => {
  const { raw, ingress } = await startRest(t, { config: { bodyTimeoutMs: 300, bodyIdleTimeoutMs: 10_000 } })
  const client = raw(post(100_000))
  const timer = setInterval(() => { client.socket.write('x') }, 20)
  await client.until(({ closed }) => closed)
  clearInterval(timer)
  t.equal(client.status, 408)
  t.equal(ingress.reservedBytes, 0)
})

t.test('a chunked body is reserved as it comes and refused above the limit', async t => {
  const { raw, ingress } = await startRest(t, { config: { bodyBytesMax: 200_000 } })
  const client = raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n')
  const chunk = Buffer.from(`2000\r\n${'x'.repeat(0x2000)}\r\n`)
  while (client.status === 0) {
    client.socket.write(chunk)
    await new Promise(resolve => { setImmediate(resolve) })
  }
  t.equal(client.status, 413)
  t.ok(ingress.reservedBytesPeak <= 200_000)
  await until(() => ingress.reservedBytes === 0)
  t.equal(ingress.envelopes.length, 0)
  client.socket.destroy()
})

t.test('a budget that ends in the middle of a chunked body refuses it', async t => {
  const { raw, ingress } = await startRest(t)
  ingress.reservation = bytes => ingress.reservedBytes + bytes > 6 ? refuse('overloaded', 'full') : undefined
  const client = raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n')
  await until(() => ingress.reservedBytes === 5)
  client.socket.write('5\r\nhello\r\n')
  await client.until(({ status }) => status === 503)
  t.equal(ingress.reservedBytes, 0)
})

t.test('a refused request with a small body keeps its connection', async t => {
  const { raw, ingress } = await startRest(t)
  let asked = 0
  ingress.authenticated = () => ++asked === 1 ? refuse('unauthenticated', 'no') : { name: 'a', groups: [], anonymous: false }
  const client = raw(post(5, 'hello'))
  await client.until(({ status }) => status === 401)
  client.socket.write(post(5, 'again'))
  await client.until(({ text }) => text.includes('HTTP/1.1 200'))
  t.same(ingress.envelopes.map(({ data }) => data?.toString()), ['again'])
  t.equal(client.closed, false)
  client.socket.destroy()
})

t.test('a refused request whose body never ends loses its connection', async t => {
  const { raw, ingress, adapter } = await startRest(t)
  ingress.authenticated = () => refuse('unauthenticated', 'no')
  const client = raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n')
  const chunk = Buffer.from(`2000\r\n${'x'.repeat(0x2000)}\r\n`)
  const timer = setInterval(() => { client.socket.write(chunk) }, 1)
  await client.until(({ closed }) => closed)
  clearInterval(timer)
  t.equal(client.status, 401)
  t.equal(adapter.gauges.get('requests_in_flight')?.(), 0)
})

t.test('a refused request that stays silent loses its connection too', async t => {
  const { raw, ingress } = await startRest(t, { config: { bodyIdleTimeoutMs: 200 } })
  ingress.authenticated = () => refuse('unauthenticated', 'no')
  const client = await raw(post(100)).until(({ closed }) => closed)
  t.equal(client.status, 401)
})

t.test('pipelined requests are answered in their order', async t => {
  const { raw, ingress } = await startRest(t)
  ingress.outcomeOf = () => undefined
  const client = raw(post(1, '1') + post(1, '2'))
  await until(() => ingress.pending.length === 2)
  for (const { envelope, settle } of [...ingress.pending].reverse()) {
    settle({ ...receiptOf(envelope, 0), id: String(envelope.data) })
  }
  await client.until(({ text }) => text.includes('"id":"2"'))
  t.ok(client.text.indexOf('"id":"1"') < client.text.indexOf('"id":"2"'))
  client.socket.destroy()
})

t.test('the last answer while the gateway stops closes the connection', async t => {
  const { raw, ingress, adapter } = await startRest(t)
  ingress.outcomeOf = () => undefined
  const client = raw(post(1, 'x'))
  await until(() => ingress.pending.length === 1)
  ingress.draining.set(true)
  let drained = false
  const draining = adapter.drain().then(() => { drained = true })
  await new Promise(resolve => { setImmediate(resolve) })
  t.equal(drained, false, 'it waits for what is in flight')
  const [pending] = ingress.pending
  if (pending !== undefined) pending.settle(receiptOf(pending.envelope, 0))
  await draining
  await client.until(({ closed }) => closed)
  t.equal(client.status, 200)
  t.match(client.text, /connection: close/i)
})
