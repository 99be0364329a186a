// Tests of streamed lines: results in order while the stream is open, bounds that stop reading, ends of every kind.

import t from 'tap'
import { gzipSync } from 'node:zlib'
import { refuse } from '../../src/contract/outcome.ts'
import { receiptOf } from '../../test/support/fake-ingress.ts'
import { startRest, until } from '../../test/support/rest-rig.ts'
import type { RawClient } from '../../test/support/rest-rig.ts'

const lines = { 'content-type': 'application/x-ndjson' }
const open = 'POST /v1/events/orders/eu HTTP/1.1\r\nhost: h\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n'
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`

/** The result lines in a chunked answer. */
function results (client: RawClient): Record<string, unknown>[] {
  const body = client.text.slice(client.text.indexOf('\r\n\r\n') + 4).replace(/(^|\r\n)[0-9a-f]+\r\n/g, '').replace(/\r\n/g, '')
  return body.split('\n').filter(line => line.startsWith('{') && line.endsWith('}')).map(line => JSON.parse(line) as Record<string, unknown>)
}

t.test('every line is one event and gets one result, in order', async t => {
  const { request, ingress } = await startRest(t)
  const answer = await request('POST', '/v1/events/orders/eu', { headers: lines, body: '{"a":1}\r\n\n{"b" : 2}\n"last"' })
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('content-type'), 'application/x-ndjson')
  const found = answer.text.trimEnd().split('\n').map(line => JSON.parse(line) as unknown)
  t.match(found, [{ index: 0, outcome: 'written', offset: 0 }, { index: 1, offset: 1 }, { index: 2, offset: 2 }])
  t.same(ingress.envelopes.map(({ data }) => data?.toString()), ['{"a":1}', '{"b" : 2}', '"last"'])
  t.match(ingress.envelopes[0], { wrapped: true, datacontenttype: 'application/json', dataChecked: false, channel: 'orders/eu' })
  t.same(ingress.batches.reduce((sum, count) => sum + count, 0), 3)
  t.equal(ingress.reservedBytes, 0)
})

t.test('a line is as old as the chunk that completed it, not as its stream', async t => {
  const { raw, ingress } = await startRest(t)
  const real = Date.now
  t.teardown(() => { Date.now = real })
  let nowMs = 1_790_000_000_000
  Date.now = () => nowMs
  const client = raw(open + chunk('1\n2'))
  await until(() => ingress.envelopes.length === 1)
  nowMs += 3_600_000
  client.socket.write(chunk('2\n3\n'))
  await until(() => ingress.envelopes.length === 3)
  nowMs += 1_000
  client.socket.write(`${chunk(`${'x'.repeat(2_000_000)}\n`)}0\r\n\r\n`)
  await until(() => ingress.refusals.length === 1)
  t.same(ingress.envelopes.map(({ receivedAtMs }) => receivedAtMs - 1_790_000_000_000), [0, 3_600_000, 3_600_000])
  t.equal(ingress.refusals[0]?.arrival.receivedAtMs, nowMs, 'also a line that is refused')
  client.socket.destroy()
})

t.test('the other names of the type mean the same, and a stream without lines is an empty answer', async t => {
  const { request } = await startRest(t)
  for (const type of ['application/ndjson', 'application/jsonl', 'application/x-ndjson; charset=utf-8']) {
    t.match((await request('POST', '/v1/events/a', { headers: { 'content-type': type }, body: '1\n2\n' })).text, /"index":1/, type)
  }
  for (const body of ['', '\n\r\n']) {
    const answer = await request('POST', '/v1/events/a', { headers: lines, body })
    t.equal(answer.status, 200)
    t.equal(answer.text, '')
  }
})

t.test('results come while the stream is open, held back only by an earlier line', async t => {
  const { raw, ingress } = await startRest(t)
  ingress.outcomeOf = () => undefined
  const client = raw(open + chunk('1\n2\n') + chunk('3\n'))
  await until(() => ingress.pending.length === 3)
  const [first, second, third] = ingress.pending
  second?.settle(refuse('invalid-event', 'no'))
  third?.settle(receiptOf(third.envelope, 3))
  first?.settle(receiptOf(first.envelope, 1))
  await until(() => results(client).length === 3)
  t.match(results(client), [{ index: 0, outcome: 'written' }, { index: 1, code: 'invalid-event' }, { index: 2, outcome: 'written' }])
  t.equal(ingress.reservedBytes, 0)
  client.socket.write('0\r\n\r\n')
  await client.until(({ text }) => text.endsWith('0\r\n\r\n'))
})

t.test('a line cut anywhere is one line', async t => {
  const { raw, ingress } = await startRest(t)
  const client = raw(open)
  for (const part of ['{"a', '":', '1}', '\n{"b":2}', '\n']) {
    await new Promise(resolve => { client.socket.write(chunk(part), resolve) })
  }
  await until(() => ingress.envelopes.length === 2)
  t.same(ingress.envelopes.map(({ data }) => data?.toString()), ['{"a":1}', '{"b":2}'])
  client.socket.destroy()
})

t.test('a line that is too long gets its refusal and the rest goes on', async t => {
  const { request, ingress } = await startRest(t, { config: { lineBytesMax: 100 } })
  const answer = await request('POST', '/v1/events/a', { headers: lines, body: `1\n${'x'.repeat(100_000)}\n2\n${'y'.repeat(101)}` })
  const found = answer.text.trimEnd().split('\n').map(line => JSON.parse(line) as { index: number, code?: string })
  t.match(found, [{ index: 0 }, { index: 1, code: 'too-large' }, { index: 2 }, { index: 3, code: 'too-large' }])
  t.same(ingress.refusals.map(({ refusal }) => refusal.code), ['too-large', 'too-large'], 'the node hears of them')
  t.equal(ingress.envelopes.length, 2)
  t.equal(ingress.reservedBytes, 0)
})

t.test('an endless line is read but not held', async t => {
  const { raw, ingress } = await startRest(t, { config: { lineBytesMax: 10_000 } })
  const client = raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-type: application/jsonl\r\ncontent-length: 20000000\r\n\r\n')
  const part = Buffer.alloc(100_000, 0x78)
  for (let count = 0; count < 100; count++) if (!client.socket.write(part)) await new Promise(resolve => { client.socket.once('drain', resolve) })
  await until(() => client.socket.writableLength === 0)
  t.ok(ingress.reservedBytesPeak < 200_000, String(ingress.reservedBytesPeak))
  client.socket.destroy()
  await until(() => ingress.reservedBytes === 0)
})

t.test('reading stops at the limit of events in flight and goes on when there is room', async t => {
  const { raw, ingress } = await startRest(t, { config: { linesInFlightMax: 10 } })
  ingress.outcomeOf = () => undefined
  const client = raw(open + chunk('1\n'.repeat(35)) + chunk('2\n'.repeat(5)) + '0\r\n\r\n')
  await until(() => ingress.pending.length >= 10)
  await new Promise(resolve => { setImmediate(resolve) })
  t.equal(ingress.pending.length, 10)
  for (let settled = 0; settled < 40; settled++) {
    await until(() => ingress.pending.length > settled)
    t.ok(ingress.pending.length - settled <= 10)
    const pending = ingress.pending[settled]
    if (pending !== undefined) pending.settle(receiptOf(pending.envelope, settled))
  }
  await client.until(({ text }) => text.endsWith('0\r\n\r\n'))
  t.equal(results(client).length, 40)
  t.equal(ingress.reservedBytes, 0)
})

t.test('many more lines than may be in flight pass through one request', async t => {
  const { request, ingress } = await startRest(t, { config: { linesInFlightMax: 100 } })
  const answer = await request('POST', '/v1/events/a', { headers: lines, body: '{"n":1}\n'.repeat(150_000) })
  const found = answer.text.trimEnd().split('\n')
  t.equal(found.length, 150_000)
  t.match(JSON.parse(found[149_999] ?? ''), { index: 149_999, offset: 149_999 })
  t.equal(ingress.reservedBytes, 0)
})

t.test('pressure stops reading until it is over', async t => {
  const { raw, request, ingress } = await startRest(t)
  const client = raw(open + chunk('1\n'))
  await until(() => ingress.envelopes.length === 1)
  ingress.pressure.set(true)
  client.socket.write(chunk('2\n') + '0\r\n\r\n')
  // Two round trips of other requests are time enough to read the line, were it read.
  for (let count = 0; count < 2; count++) await request('POST', '/v1/events/a', { body: 'x' })
  t.equal(ingress.envelopes.length, 3)
  ingress.pressure.set(false)
  await client.until(({ text }) => text.endsWith('0\r\n\r\n'))
  t.equal(ingress.envelopes.length, 4)
  t.equal(ingress.pressure.watchersCount, 0, 'nothing watches any more')
})

t.test('lines that the budget does not grant are told so, and the stream goes on', async t => {
  const { raw, ingress } = await startRest(t)
  ingress.reservation = () => refuse('overloaded', 'full', { retryAfterMs: 10 })
  const client = raw(open + chunk('1\n2\n'))
  await until(() => results(client).length === 2)
  ingress.reservation = undefined
  client.socket.write(chunk('3\n') + '0\r\n\r\n')
  await client.until(({ text }) => text.endsWith('0\r\n\r\n'))
  t.match(results(client), [{ code: 'overloaded', retryAfterMs: 10 }, { code: 'overloaded' }, { index: 2, outcome: 'written' }])
  t.equal(ingress.reservedBytes, 0)
})

t.test('a line of which the budget refused any part is refused, also the last one, which needs no LF', async t => {
  const { raw, ingress } = await startRest(t)
  const client = raw(open)
  const steps: [text: string, refused: boolean, pushed: number][] = [
    ['"all granted"\n"fir', false, 1], ['st granted"\n', true, 2], ['"first ref', true, 2], ['used, ', false, 2],
    ['rest granted"\n"next"\n', false, 4], ['"last refused"', true, 4]
  ]
  let askedCount = 0
  for (const [at, [text, refused, count]] of steps.entries()) {
    ingress.reservation = () => {
      askedCount++
      return refused ? refuse('overloaded', 'full', { retryAfterMs: 10 }) : undefined
    }
    client.socket.write(chunk(text))
    await until(() => askedCount === at + 1 && results(client).length === count)
  }
  client.socket.write('0\r\n\r\n')
  await client.until(({ text }) => text.endsWith('0\r\n\r\n'))
  t.match(results(client), [
    { outcome: 'written' }, { code: 'overloaded' }, { code: 'overloaded' }, { outcome: 'written' }, { code: 'overloaded' }
  ])
  t.same(ingress.envelopes.map(({ data }) => data?.toString()), ['"all granted"', '"next"'])
  t.equal(ingress.reservedBytes, 0)
})

t.test('a stream that breaks off: what was ingested stays, the part of a line does not count, nothing stays reserved', async t => {
  const { raw, ingress, adapter } = await startRest(t)
  ingress.outcomeOf = () => undefined
  const client = raw(open + chunk('1\n2\n{"par'))
  await until(() => ingress.pending.length === 2)
  client.socket.destroy()
  await until(() => ingress.reservedBytes === 4)
  t.equal(adapter.gauges.get('streams_open')?.(), 1, 'it waits for its outcomes')
  for (const { envelope, settle } of ingress.pending) settle(receiptOf(envelope, 0))
  await until(() => adapter.gauges.get('requests_in_flight')?.() === 0)
  t.equal(ingress.reservedBytes, 0)
  t.equal(ingress.envelopes.length, 2)
  t.equal(adapter.gauges.get('streams_open')?.(), 0)
})

t.test('bytes that are no chunk end the stream with a last line that says so', async t => {
  const { raw, ingress } = await startRest(t, { config: { streamIdleTimeoutMs: 400 } })
  const client = raw(open + chunk('1\n'))
  await until(() => results(client).length === 1)
  client.socket.write('not a chunk\r\n')
  await client.until(({ closed }) => closed)
  t.match(results(client), [{ index: 0, outcome: 'written' }, { outcome: 'refused', code: 'malformed' }])
  t.equal(ingress.reservedBytes, 0)
})

t.test('a stream that stands still ends with a last line, or with 408 before the first', async t => {
  const { raw, ingress } = await startRest(t, { config: { streamIdleTimeoutMs: 200 } })
  const silent = await raw(open).until(({ closed }) => closed)
  t.equal(silent.status, 408)
  const client = raw(open + chunk('1\n{"par'))
  await client.until(({ closed }) => closed)
  t.match(results(client), [{ index: 0, outcome: 'written' }, { code: 'request-timeout', outcome: 'refused', retryable: true }])
  t.equal(ingress.envelopes.length, 1)
  t.equal(ingress.reservedBytes, 0)
})

t.test('an outcome that takes long is not a stream that stands still', async t => {
  const { raw, ingress } = await startRest(t, { config: { streamIdleTimeoutMs: 100 } })
  ingress.outcomeOf = () => undefined
  const client = raw(open + chunk('1\n'))
  await until(() => ingress.pending.length === 1)
  await raw(open).until(({ closed }) => closed)
  t.equal(client.closed, false, 'another stream, begun later, was closed for standing still')
  const [pending] = ingress.pending
  if (pending !== undefined) pending.settle(receiptOf(pending.envelope, 0))
  await until(() => results(client).length === 1)
  client.socket.destroy()
})

t.test('a reader that does not read stops the stream, and loses it in the end', async t => {
  const { raw, ingress, adapter } = await startRest(t, { config: { resultBytesMax: 10_000, streamIdleTimeoutMs: 300 } })
  const client = raw(open)
  client.socket.pause()
  const part = chunk('{"n":1}\n'.repeat(5_000))
  for (let count = 0; count < 100; count++) client.socket.write(part)
  await until(() => ingress.envelopes.length > 5_000)
  await until(() => adapter.gauges.get('streams_open')?.() === 0, 20_000)
  t.ok(ingress.envelopes.length < 500_000, String(ingress.envelopes.length))
  t.equal(ingress.reservedBytes, 0)
  client.socket.destroy()
})

t.test('when the gateway stops, a stream gets the results of what it sent and then its end', async t => {
  const { raw, ingress, adapter } = await startRest(t)
  ingress.outcomeOf = () => undefined
  const client = raw(open + chunk('1\n'))
  await until(() => ingress.pending.length === 1)
  ingress.draining.set(true)
  const drained = adapter.drain()
  const [pending] = ingress.pending
  if (pending !== undefined) pending.settle(receiptOf(pending.envelope, 0))
  await drained
  await client.until(({ closed }) => closed)
  t.match(results(client), [{ index: 0, outcome: 'written' }, { code: 'shutting-down', outcome: 'refused', retryable: true }])
  t.equal(ingress.reservedBytes, 0)
})

t.test('a compressed stream is read as it comes, a broken one ends with a last line', async t => {
  const { request, raw, ingress } = await startRest(t, { config: { linesInFlightMax: 50, streamIdleTimeoutMs: 400 } })
  const body = Array.from({ length: 30_000 }, (_, i) => `{"n":${Math.imul(i, 2_654_435_761)}}\n`).join('')
  const answer = await request('POST', '/v1/events/a', { headers: { ...lines, 'content-encoding': 'gzip' }, body: gzipSync(body, { level: 1 }) })
  t.equal(answer.text.trimEnd().split('\n').length, 30_000)
  t.equal(ingress.reservedBytes, 0)
  const cut = gzipSync('1\n2\n')
  const broken = Buffer.concat([cut.subarray(0, cut.length - 8), Buffer.alloc(8)])
  const head = `POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-type: application/jsonl\r\ncontent-encoding: gzip\r\ncontent-length: ${broken.length}\r\n\r\n`
  const client = raw(Buffer.concat([Buffer.from(head), broken]))
  await client.until(({ text }) => text.includes('"malformed"'))
  t.equal(ingress.reservedBytes, 0)
  client.socket.destroy()
})

t.test('a compressed stream that grows too fast is refused', async t => {
  const { request, ingress } = await startRest(t)
  const bomb = gzipSync(Buffer.alloc(30_000_000, 0x78))
  const answer = await request('POST', '/v1/events/a', { headers: { ...lines, 'content-encoding': 'gzip' }, body: bomb })
  t.match(answer.text, /"too-large"/)
  t.ok(ingress.reservedBytesPeak < 4_000_000)
  await until(() => ingress.reservedBytes === 0)
})
