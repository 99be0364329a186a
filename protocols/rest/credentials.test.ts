// Tests of what a sender shows: query arguments, and a body that is read before anybody knows who sends it.

import { gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import type { Test } from 'tap'
import type { Credentials } from '../../src/contract/adapter.ts'
import { isRefusal, refuse } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { anonymous, receiptOf } from '../../test/support/fake-ingress.ts'
import type { FakeIngress } from '../../test/support/fake-ingress.ts'
import { startRest, until } from '../../test/support/rest-rig.ts'
import type { RestRig } from '../../test/support/rest-rig.ts'

const bytesMax = 2_000_000
const seenLate = refuse('unauthenticated', 'the signature does not match')

interface Asked { readonly bodies: (Buffer | Refusal)[] }

/** From now on every sender is asked for its body, and let in where the body could be read. */
function askForBodies (ingress: FakeIngress, most = bytesMax): Asked {
  const bodies: (Buffer | Refusal)[] = []
  ingress.authenticated = async (credentials: Credentials) => {
    const body = await credentials.body?.(most) ?? refuse('internal', 'there is no body to ask for')
    bodies.push(body)
    return isRefusal(body) ? body : anonymous
  }
  return { bodies }
}

/** Nothing is held any more, under either budget. */
async function nothingIsHeld (t: Test, { ingress, adapter }: RestRig): Promise<void> {
  await until(() => adapter.gauges.get('requests_in_flight')?.() === 0)
  t.equal(ingress.preAuthBytes, 0)
  t.equal(ingress.reservedBytes, 0)
  t.equal(adapter.gauges.get('reserved_bytes')?.(), 0)
}

function chunked (head: string, parts: readonly (string | Buffer)[]): Buffer {
  const chunks = parts.flatMap(part => [Buffer.from(`${part.length.toString(16)}\r\n`), Buffer.from(part), Buffer.from('\r\n')])
  return Buffer.concat([Buffer.from(`${head}transfer-encoding: chunked\r\n\r\n`), ...chunks, Buffer.from('0\r\n\r\n')])
}

t.test('query arguments are decoded, and those of one name are joined', async t => {
  const { request, ingress } = await startRest(t)
  const seen: (string | undefined)[] = []
  ingress.authenticated = (credentials: Credentials) => {
    seen.push(...['key', 'empty', 'none'].map(name => credentials.argument(name)))
    return anonymous
  }
  await request('POST', '/v1/events/a?key=a%20b&key=c&empty=', { body: 'x' })
  await request('POST', '/v1/events/a', { body: 'x' })
  t.same(seen, ['a b, c', '', undefined, undefined, undefined, undefined])
})

const cloudEvent = '{"specversion":"1.0","id":"1","source":"/s","type":"t","data":1}'
const manyLines = Array.from({ length: 5_000 }, (_, i) => `{"line":${i}}`).join('\n')
const large = Buffer.alloc(400_000, 'abcdefgh')
const largeText = Array.from({ length: 40_000 }, () => Math.random().toString(36)).join('')

const formats: [what: string, headers: Record<string, string>, body: string | Buffer, eventsCount: number][] = [
  ['an event of any kind', { 'content-type': 'text/plain' }, 'hello', 1],
  ['an empty body', { 'content-type': 'text/plain' }, '', 1],
  ['a large event', { 'content-type': 'application/octet-stream' }, large, 1],
  ['a structured CloudEvent', { 'content-type': 'application/cloudevents+json' }, cloudEvent, 1],
  ['a batch', { 'content-type': 'application/cloudevents-batch+json' }, `[${cloudEvent},${cloudEvent}]`, 2],
  ['items', { 'content-type': 'application/vnd.sluice.batch+json' }, '[1,{"a":2},"3"]', 3],
  ['lines', { 'content-type': 'application/x-ndjson' }, manyLines, 5_000],
  ['a small compressed event', { 'content-encoding': 'gzip' }, gzipSync('{"a":1}'), 1],
  ['a large compressed event', { 'content-encoding': 'zstd', 'content-type': 'text/plain' }, zstdCompressSync(largeText), 1],
  ['compressed lines', { 'content-encoding': 'gzip', 'content-type': 'application/x-ndjson' }, gzipSync(manyLines), 5_000]
]

for (const [what, headers, body, eventsCount] of formats) {
  const sent = Buffer.from(body)

  t.test(`${what}: is the same event, whether its body was asked for before or not`, async t => {
    const rig = await startRest(t)
    const plain = await rig.request('POST', '/v1/events/a', { headers, body })
    const expected = rig.ingress.envelopes.splice(0).map(({ data }) => data?.toString('latin1'))
    t.equal(expected.length, eventsCount)
    const { bodies } = askForBodies(rig.ingress)
    const signed = await rig.request('POST', '/v1/events/a', { headers, body })
    t.same([signed.status, rig.ingress.envelopes.map(({ data }) => data?.toString('latin1'))], [plain.status, expected])
    t.ok(bodies.length === 1 && Buffer.isBuffer(bodies[0]) && bodies[0].equals(sent), 'as it was sent')
    await nothingIsHeld(t, rig)
  })

  t.test(`${what}: is the same event when it comes in chunks`, async t => {
    const rig = await startRest(t)
    const { bodies } = askForBodies(rig.ingress)
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')
    const half = Math.ceil(sent.length / 2)
    const parts = [sent.subarray(0, half), sent.subarray(half)].filter(part => part.length > 0)
    const client = rig.raw(chunked(`POST /v1/events/a HTTP/1.1\r\nhost: h\r\n${lines}`, parts))
    await client.until(({ status }) => status !== 0)
    await until(() => rig.ingress.envelopes.length === eventsCount)
    t.ok(Buffer.isBuffer(bodies[0]) && bodies[0].equals(sent), 'as it was sent')
    await nothingIsHeld(t, rig)
  })
}

t.test('the very bytes that were looked at become the event', async t => {
  const rig = await startRest(t)
  const { bodies } = askForBodies(rig.ingress)
  await rig.request('POST', '/v1/events/a', { body: 'x'.repeat(1_000) })
  const [body] = bodies
  t.ok(Buffer.isBuffer(body) && rig.ingress.envelopes[0]?.data === body)
})

t.test('a length that was announced is reserved at once, chunks as they come, and both until the node has room', async t => {
  const rig = await startRest(t)
  const { ingress } = rig
  let letIn: (() => void) | undefined
  ingress.authenticated = async (credentials: Credentials) => {
    const body = await credentials.body?.(bytesMax)
    await new Promise<void>(resolve => { letIn = resolve })
    return isRefusal(body) ? body : anonymous
  }
  ingress.outcomeOf = () => undefined
  const client = rig.raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\n')
  await until(() => ingress.preAuthBytes === 10)
  client.socket.write('0123456789')
  await until(() => letIn !== undefined)
  t.same([ingress.preAuthBytes, ingress.reservedBytes], [10, 0])
  letIn?.()
  await until(() => ingress.pending.length === 1)
  t.same([ingress.preAuthBytes, ingress.reservedBytes], [0, 10])
  for (const { envelope, settle } of ingress.pending) settle(receiptOf(envelope, 0))
  await client.until(({ status }) => status === 200)

  const second = rig.raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n')
  await until(() => ingress.preAuthBytes === 4)
  second.socket.write('3\r\nefg\r\n')
  await until(() => ingress.preAuthBytes === 7)
  second.socket.destroy()
  await until(() => ingress.preAuthBytes === 0)
})

t.test('asked twice, the body is one promise, and it is read once', async t => {
  const rig = await startRest(t)
  rig.ingress.authenticated = async (credentials: Credentials) => {
    const first = credentials.body?.(100)
    t.equal(credentials.body?.(50), first)
    await first
    t.equal(credentials.body?.(100), first)
    return anonymous
  }
  t.equal((await rig.request('POST', '/v1/events/a', { body: 'x'.repeat(80) })).status, 200)
  await nothingIsHeld(t, rig)
})

t.test('a request without a body has an empty one', async t => {
  const rig = await startRest(t)
  const { bodies } = askForBodies(rig.ingress)
  const client = rig.raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\n\r\n')
  await client.until(({ status }) => status === 200)
  t.same(bodies, [Buffer.alloc(0)])
  t.equal(rig.ingress.envelopes[0]?.data, null)
})

t.test('a body above what may be read is refused: before its first byte where it says so, else at that byte', async t => {
  const rig = await startRest(t)
  askForBodies(rig.ingress, 10)
  const announced = rig.raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: 11\r\n\r\n')
  t.equal((await announced.until(({ status }) => status !== 0)).status, 413)
  const inChunks = rig.raw(chunked('POST /v1/events/a HTTP/1.1\r\nhost: h\r\n', ['012345', '67890']))
  t.equal((await inChunks.until(({ status }) => status !== 0)).status, 413)
  announced.socket.destroy()
  await nothingIsHeld(t, rig)
})

t.test('without room in the budget of the unproven the answer is 503, and nothing is read', async t => {
  const rig = await startRest(t)
  rig.ingress.preAuthBytesMax = 10
  askForBodies(rig.ingress)
  t.equal((await rig.request('POST', '/v1/events/a', { body: 'x'.repeat(11) })).status, 503)
  const inChunks = rig.raw(chunked('POST /v1/events/a HTTP/1.1\r\nhost: h\r\n', ['012345', '67890']))
  t.equal((await inChunks.until(({ status }) => status !== 0)).status, 503)
  await nothingIsHeld(t, rig)
})

t.test('a sender whose signature does not match is told so, and its bytes go back', async t => {
  const rig = await startRest(t)
  rig.ingress.authenticated = async (credentials: Credentials) => {
    await credentials.body?.(bytesMax)
    return seenLate
  }
  for (let i = 0; i < 3; i++) t.equal((await rig.request('POST', '/v1/events/a', { body: 'forged' })).status, 401)
  t.equal(rig.ingress.envelopes.length, 0)
  t.equal(rig.ingress.reservedBytesPeak, 0)
  await nothingIsHeld(t, rig)
})

t.test('without room in the node the event is refused, and both budgets are whole again', async t => {
  const rig = await startRest(t)
  askForBodies(rig.ingress)
  rig.ingress.reservation = () => refuse('overloaded', 'the byte budget is used up')
  const headers = { 'content-type': 'application/x-ndjson' }
  t.equal((await rig.request('POST', '/v1/events/a', { body: 'x' })).status, 503)
  const lines = await rig.request('POST', '/v1/events/a', { body: '1\n2\n', headers })
  t.match(lines.text, /"code":"overloaded".*\n.*"code":"overloaded"/)
  const client = rig.raw(chunked('POST /v1/events/a HTTP/1.1\r\nhost: h\r\n', ['a', 'b']))
  t.equal((await client.until(({ status }) => status !== 0)).status, 503)
  await nothingIsHeld(t, rig)
})

t.test('whoever waits for leave to send its body gets it when the body is asked for', async t => {
  const rig = await startRest(t)
  askForBodies(rig.ingress)
  const head = 'POST /v1/events/a HTTP/1.1\r\nhost: h\r\nexpect: 100-continue\r\n'
  const client = rig.raw(`${head}content-length: 2\r\n\r\n`)
  await client.until(({ text }) => text.startsWith('HTTP/1.1 100 Continue\r\n\r\n'))
  client.socket.write('ok')
  await client.until(({ text }) => text.includes('HTTP/1.1 200'))
  const tooLarge = rig.raw(`${head}content-length: ${bytesMax + 1}\r\n\r\n`)
  t.equal((await tooLarge.until(({ closed }) => closed)).status, 413)
  t.notMatch(tooLarge.text, /100 Continue/)
  await nothingIsHeld(t, rig)
})

t.test('a body that stands still or never ends is given up in time', async t => {
  const rig = await startRest(t, { config: { bodyIdleTimeoutMs: 100, bodyTimeoutMs: 60_000 } })
  const { bodies } = askForBodies(rig.ingress)
  const client = rig.raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nabc')
  t.equal((await client.until(({ status }) => status !== 0)).status, 408)
  await until(() => bodies.length === 1)
  t.match(bodies[0], { code: 'malformed' })
  client.socket.destroy()
  await nothingIsHeld(t, rig)
  const slow = await startRest(t, { config: { bodyIdleTimeoutMs: 60_000, bodyTimeoutMs: 100 } })
  askForBodies(slow.ingress)
  const drop = slow.raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n')
  t.equal((await drop.until(({ status }) => status !== 0)).status, 408)
  drop.socket.destroy()
  await nothingIsHeld(t, slow)
})

t.test('a sender that leaves or breaks off in the middle leaves nothing behind', async t => {
  const rig = await startRest(t)
  const { bodies } = askForBodies(rig.ingress)
  const client = rig.raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: 10\r\n\r\nabc')
  await until(() => rig.ingress.preAuthBytes === 10)
  client.socket.destroy()
  await until(() => bodies.length === 1)
  t.ok(isRefusal(bodies[0]))
  await nothingIsHeld(t, rig)
  const broken = rig.raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n')
  t.equal((await broken.until(({ closed }) => closed)).status, 400)
  await until(() => bodies.length === 2)
  await nothingIsHeld(t, rig)
  t.equal(rig.ingress.envelopes.length, 0)
})

t.test('whoever is known without the body it was asked for is waited for, if the body comes whole', async t => {
  const rig = await startRest(t)
  rig.ingress.authenticated = async (credentials: Credentials) => {
    void credentials.body?.(10)
    return anonymous
  }
  const client = rig.raw('POST /v1/events/a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n')
  await until(() => rig.ingress.preAuthBytes === 2)
  client.socket.write('0\r\n\r\n')
  t.equal((await client.until(({ status }) => status !== 0)).status, 200)
  t.equal((await rig.request('POST', '/v1/events/a', { body: 'x'.repeat(11) })).status, 200, 'nothing of it was read')
  const spoiled = rig.raw(chunked('POST /v1/events/a HTTP/1.1\r\nhost: h\r\n', ['0123456789', '0']))
  t.equal((await spoiled.until(({ status }) => status !== 0)).status, 413)
  await nothingIsHeld(t, rig)
})

t.test('requests that follow on the connection are read on', async t => {
  const rig = await startRest(t)
  askForBodies(rig.ingress)
  const one = (text: string): string => `POST /v1/events/a HTTP/1.1\r\nhost: h\r\ncontent-length: ${text.length}\r\n\r\n${text}`
  const client = rig.raw(one('first') + one('second') + one('third'))
  await client.until(({ text }) => text.split('HTTP/1.1 200').length === 4)
  t.same(rig.ingress.envelopes.map(({ data }) => data?.toString()), ['first', 'second', 'third'])
  t.equal(rig.ingress.connectionIds.size, 1)
  await nothingIsHeld(t, rig)
})
