// Everything a sender should not send, to a whole gateway: each is told what is wrong, memory is bounded, it lives.

import t from 'tap'
import type { Test } from 'tap'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { constants, createGzip, gzipSync } from 'node:zlib'
import { startGatewayProcess } from '../support/gateway-process.ts'
import type { GatewayProcess } from '../support/gateway-process.ts'
import { journalContents } from '../support/journal-history.ts'
import { metricOf } from '../support/metrics.ts'
import { until } from '../support/until.ts'

const residentBytesMax = 512 * 1024 * 1024
const mebibyte = 1024 * 1024

const config = `
listeners:
  - { protocol: http, port: 0 }
  - { protocol: health, port: 0 }
workers: 2
sink: journal
journal: { segmentBytesMax: 1MiB }
limits: { memoryBytesMax: 512MiB, bufferBytesMax: 16MiB, connectionsPerPeerMax: 600 }
connections: { headersTimeoutMs: 2000 }
rest: { bodyIdleTimeoutMs: 1000, bodyBytesMax: 2MiB, decompressedBytesMax: 4MiB, lineBytesMax: 64KiB, streamIdleTimeoutMs: 5000 }
routes:
  - { name: bad, channel: bad, topic: bad }
`

interface Answer { readonly status: number, readonly head: string, readonly body: string }

/** A raw connection: what is written as it is, what comes back as text until it ends. */
class Wire {
  readonly socket: Socket
  text = ''
  closed = false

  constructor (port: number) {
    this.socket = connect(port, '127.0.0.1')
    this.socket.on('data', (chunk: Buffer) => { this.text += chunk.toString('latin1') })
    this.socket.on('error', () => { /* the gateway may close first, which is for the test to judge */ })
    this.socket.on('close', () => { this.closed = true })
  }

  /** The first answer, once its body is whole, or undefined where the connection ended without one. */
  async answer (): Promise<Answer | undefined> {
    const whole = (): Answer | undefined => {
      const at = this.text.indexOf('\r\n\r\n')
      if (at === -1) return undefined
      const head = this.text.slice(0, at)
      const bytes = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
      const body = this.text.slice(at + 4)
      return body.length < bytes ? undefined : { status: Number(head.slice(9, 12)), head, body: body.slice(0, bytes) }
    }
    await until(() => whole() !== undefined || this.closed, { timeoutMs: 20_000, what: () => `an answer after: ${this.text}` })
    return whole()
  }
}

function head (lines: readonly string[], path = '/v1/events/bad'): string {
  return [`POST ${path} HTTP/1.1`, 'host: x', ...lines, '', ''].join('\r\n')
}

const folder = t.testdir()
const gateway: GatewayProcess = await startGatewayProcess(folder, config)
t.teardown(() => gateway.kill())
let residentBytesMost = 0
const meter = setInterval(() => { residentBytesMost = Math.max(residentBytesMost, gateway.residentBytes()) }, 50)
t.teardown(() => clearInterval(meter))
let goodCount = 0

/** A good event, which is taken whatever came before it. */
async function takesGood (t: Test): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${gateway.port}/v1/events/bad`, {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"good":true}'
  })
  t.equal(response.status, 200, 'a good event is taken afterwards')
  await response.arrayBuffer()
  goodCount++
}

interface Expected { readonly status: number, readonly code: string, readonly detail?: RegExp }

async function refused (t: Test, bytes: string | Buffer, expected: Expected): Promise<Wire> {
  const wire = new Wire(gateway.port)
  t.teardown(() => wire.socket.destroy())
  wire.socket.write(bytes)
  const answer = await wire.answer()
  t.equal(answer?.status, expected.status, answer === undefined ? 'closed without an answer' : answer.body)
  t.match(answer?.head, /content-type: application\/problem\+json/i)
  t.match(JSON.parse(answer?.body ?? '{}'), {
    type: `urn:sluice:refusal:${expected.code}`, status: expected.status, code: expected.code, outcome: 'refused', requestId: /./,
    title: /./, detail: expected.detail ?? /./
  })
  await takesGood(t)
  return wire
}

function whole (lines: readonly string[], body: string | Buffer, path?: string): Buffer {
  const bytes = Buffer.from(body)
  return Buffer.concat([Buffer.from(head([...lines, `content-length: ${bytes.length}`], path)), bytes])
}

const json = 'content-type: application/json'

t.test('malformed JSON', t => refused(t, whole([json], '{"a":'), { status: 400, code: 'malformed', detail: /JSON/ }))

t.test('invalid UTF-8 in JSON', t => refused(t, whole([json], Buffer.from([0x22, 0xc3, 0x28, 0x22])), {
  status: 400, code: 'malformed', detail: /UTF-8/i
}))

t.test('a CloudEvent without an id', async t => {
  await refused(t, whole(['content-type: application/cloudevents+json'], '{"specversion":"1.0","source":"/a","type":"b"}'), {
    status: 422, code: 'invalid-event', detail: /\bid\b/
  })
  await refused(t, whole([json, 'ce-specversion: 1.0', 'ce-source: /a', 'ce-type: b'], '{}'), {
    status: 422, code: 'invalid-event', detail: /\bid\b/
  })
})

t.test('an unknown channel', t => refused(t, whole([json], '{}', '/v1/events/nowhere'), { status: 404, code: 'no-route' }))

t.test('a Content-Length of 2 GiB is refused before a byte of it', async t => {
  const wire = await refused(t, head([json, `content-length: ${2 * 1024 * mebibyte}`]), { status: 413, code: 'too-large' })
  t.match(wire.text, /connection: close/i)
})

t.test('50,000 headers', async t => {
  const lines = Array.from({ length: 50_000 }, (_, at) => `x-${at}: 1`)
  await refused(t, head([json, 'content-length: 2', ...lines]) + '{}', { status: 431, code: 'headers-too-large' })
})

t.test('a record that the journal cannot take', t => refused(t, whole([json], `"${'x'.repeat(1_200_000)}"`), {
  status: 413, code: 'too-large', detail: /journal/
}))

t.test('a gzip bomb', async t => {
  const bomb = gzipSync(Buffer.alloc(64 * mebibyte), { level: constants.Z_BEST_COMPRESSION })
  await refused(t, whole([json, 'content-encoding: gzip'], bomb), { status: 413, code: 'too-large' })
})

t.test('a body that stops half-way', async t => {
  await refused(t, head([json, 'content-length: 100']) + '{"half":', { status: 408, code: 'request-timeout' })
  const gone = new Wire(gateway.port)
  gone.socket.write(head([json, 'content-length: 100']) + '{"half":')
  gone.socket.end()
  await until(() => gone.closed, { timeoutMs: 20_000, what: () => 'the end of a connection whose sender went away' })
  await takesGood(t)
})

t.test('an NDJSON line without an end', async t => {
  const wire = new Wire(gateway.port)
  t.teardown(() => wire.socket.destroy())
  wire.socket.write(head(['content-type: application/x-ndjson', 'transfer-encoding: chunked']))
  const chunk = Buffer.alloc(65_536, 0x78)
  for (let count = 0; count < 1_024 && !wire.closed; count++) {
    wire.socket.write('10000\r\n')
    wire.socket.write(chunk)
    if (!wire.socket.write('\r\n')) await new Promise(resolve => { wire.socket.once('drain', resolve).once('close', resolve) })
  }
  if (!wire.closed) wire.socket.write('6\r\n\n{"a":\r\n9\r\n1}\n{"b":2\r\n2\r\n}\n\r\n0\r\n\r\n')
  await until(() => wire.text.includes('"index":2') || wire.closed, { timeoutMs: 20_000, what: () => wire.text.slice(0, 2_000) })
  t.match(wire.text, /"index":0,"outcome":"refused","code":"too-large"/, 'the line is refused')
  t.match(wire.text, /"index":1,"outcome":"written"/, 'what comes after it is taken')
  t.match(wire.text, /"index":2,"outcome":"written"/)
  goodCount += 2
  await takesGood(t)
})

t.test('a bomb in an NDJSON stream', async t => {
  const wire = new Wire(gateway.port)
  t.teardown(() => wire.socket.destroy())
  wire.socket.write(head(['content-type: application/x-ndjson', 'content-encoding: gzip', 'transfer-encoding: chunked']))
  const gzip = createGzip({ level: 9 })
  gzip.on('data', (bytes: Buffer) => {
    if (!wire.closed) wire.socket.write(`${bytes.length.toString(16)}\r\n${bytes.toString('latin1')}\r\n`, 'latin1')
  })
  for (let count = 0; count < 64; count++) gzip.write(Buffer.alloc(mebibyte, 0x20))
  gzip.end()
  await until(() => /too-large|malformed/.test(wire.text) || wire.closed, { timeoutMs: 20_000, what: () => wire.text })
  t.match(wire.text, /"code":"too-large"/)
  await takesGood(t)
})

t.test('300 slow connections', { timeout: 60_000 }, async t => {
  const wires = Array.from({ length: 300 }, (_, at) => {
    const wire = new Wire(gateway.port)
    // Some dawdle in their headers, some in their bodies.
    wire.socket.write(at % 2 === 0 ? 'POST /v1/events/bad HTTP/1.1\r\nhost: x\r\nx-slow: ' : head([json, 'content-length: 50000']) + '{')
    return wire
  })
  t.teardown(() => { for (const { socket } of wires) socket.destroy() })
  const drip = setInterval(() => { for (const { socket, closed } of wires.slice(0, 100)) if (!closed) socket.write('1') }, 200)
  t.teardown(() => clearInterval(drip))
  await takesGood(t)
  await until(() => wires.slice(100).every(wire => wire.closed), {
    timeoutMs: 40_000, what: () => `all to be closed; ${wires.filter(wire => !wire.closed).length} are open`
  })
  clearInterval(drip)
  for (const { text } of wires.slice(100)) if (text !== '' && !text.startsWith('HTTP/1.1 408')) t.fail(text)
  t.ok(wires.some(wire => wire.text.startsWith('HTTP/1.1 408')), 'they were told that time ran out')
  await takesGood(t)
})

t.test('after all of it nothing is held, nothing bad is stored, and it lives', async t => {
  await until(async () => await metricOf(gateway.healthPort, 'sluice_budget_used_bytes') === 0, {
    timeoutMs: 15_000, what: () => 'all bytes given back'
  })
  t.equal(await metricOf(gateway.healthPort, 'sluice_worker_restarts_total'), 0, 'no worker was lost')
  clearInterval(meter)
  t.comment(`${Math.round(residentBytesMost / mebibyte)} MiB resident at most`)
  t.ok(residentBytesMost < residentBytesMax, `${Math.round(residentBytesMost / mebibyte)} MiB resident at most`)
  t.ok(await gateway.stop())
  t.notMatch(gateway.log(), /"level":"(error|fatal)"|UnhandledPromise|settled twice/)
  const { stored, damage } = await journalContents(join(folder, 'data/journal'))
  t.same(damage, [])
  t.equal(stored.length, goodCount, 'only the good events are there')
})
