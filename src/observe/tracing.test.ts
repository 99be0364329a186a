// Tests of tracing: who decides what is sampled, which context travels on, and that a span really reaches a receiver.

import { execFile } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { Context, Span, SpanOptions, Tracer } from '@opentelemetry/api'
import fc from 'fast-check'
import t from 'tap'
import type { Envelope } from '../contract/envelope.ts'
import { noAttributes, noExtensions } from '../contract/envelope.ts'
import { refuse } from '../contract/outcome.ts'
import type { Receipt } from '../contract/outcome.ts'
import { createEventTracer, formatTraceparent, noTracer, parseTraceparent, startTracing } from './tracing.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'
const sampled = `00-${traceId}-${spanId}-01`
const unsampled = `00-${traceId}-${spanId}-00`
const destination = { route: 'orders', topic: 'orders.eu', template: 'orders.{region}' }
const receipt: Receipt = {
  outcome: 'written', id: 'e1', source: '/shop', ack: 'kafka', topic: 'orders.eu', partition: 3, offset: 41, journal: undefined
}

function envelopeWith (parts: Partial<Envelope>, anonymous = false): Envelope {
  return {
    id: 'e1', source: '/shop', type: 'com.example.order', subject: undefined, time: undefined,
    datacontenttype: undefined, dataschema: undefined, extensions: noExtensions, channel: 'orders/eu', wrapped: false,
    data: Buffer.from('canary-payload'), dataChecked: false, principal: { name: 'anna', groups: [], anonymous },
    attributes: noAttributes, peer: { address: '127.0.0.1', port: 1, secure: false, connectionId: 1 },
    receivedAtMs: 0, traceparent: undefined, tracestate: undefined, patient: false, ...parts
  }
}

/** A tracer that keeps what it is asked for. */
function spyTracer () {
  const started: { name: string, options: SpanOptions | undefined, context: Context | undefined }[] = []
  const told: unknown[] = []
  const span = {
    spanContext: () => ({ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: 1 }),
    setAttribute: (...args: unknown[]) => { told.push(args) },
    setStatus: (status: unknown) => { told.push(status) },
    end: () => { told.push('end') }
  } as unknown as Span
  const tracer = {
    startSpan: (name: string, options?: SpanOptions, context?: Context) => {
      started.push({ name, options, context })
      return span
    }
  } as unknown as Tracer
  return { tracer, started, told }
}

t.test('a sender that supplies a context decides by its flag, whatever the ratio', async t => {
  const { tracer, started } = spyTracer()
  const always = createEventTracer({ sampleRatio: 1, tracer })
  const never = createEventTracer({ sampleRatio: 0, tracer })
  t.equal(always.begin(envelopeWith({ traceparent: unsampled }), destination), undefined)
  t.equal(never.begin(envelopeWith({ traceparent: sampled }), destination)?.traceparent, sampled, 'and keeps its context')
  t.match(started, [{ name: 'send orders.{region}', options: { kind: SpanKind.PRODUCER, links: [] } }])
  t.equal(started.length, 1)
})

t.test('an anonymous sender decides nothing: its context is linked and the ratio counts', async t => {
  const { tracer, started } = spyTracer()
  const never = createEventTracer({ sampleRatio: 0, tracer })
  t.equal(never.begin(envelopeWith({ traceparent: sampled }, true), destination), undefined)
  const always = createEventTracer({ sampleRatio: 1, tracer })
  t.equal(always.begin(envelopeWith({ traceparent: unsampled }, true), destination)?.traceparent, unsampled)
  t.match(started, [{ options: { links: [{ context: { traceId, spanId } }] } }])
})

t.test('without a context the ratio decides, and the record gets the context of the span', async t => {
  const { tracer } = spyTracer()
  let next = 0
  const half = createEventTracer({ sampleRatio: 0.5, tracer, random: () => next })
  next = 0.5
  t.equal(half.begin(envelopeWith({}), destination), undefined)
  next = 0.499
  t.equal(half.begin(envelopeWith({}), destination)?.traceparent, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`)
  const broken = half.begin(envelopeWith({ traceparent: 'nonsense' }), destination)
  t.equal(broken?.traceparent, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`, 'a broken context counts as none')
})

t.test('a span ends with where the event is, or with the code of its refusal', async t => {
  const { tracer, told } = spyTracer()
  const { begin } = createEventTracer({ sampleRatio: 1, tracer })
  begin(envelopeWith({}), destination)?.end(receipt)
  t.same(told, [
    ['sluice.ack', 'kafka'], ['messaging.destination.partition.id', '3'], ['messaging.kafka.offset', 41], 'end'
  ])
  told.length = 0
  begin(envelopeWith({}), destination)?.end(refuse('sink-unavailable', 'canary-detail'))
  t.same(told, [
    ['error.type', 'sink-unavailable'], { code: SpanStatusCode.ERROR, message: 'sink-unavailable' }, 'end'
  ])
})

t.test('no payload and no principal is in a span', async t => {
  const { tracer, started } = spyTracer()
  createEventTracer({ sampleRatio: 1, tracer }).begin(envelopeWith({ subject: 'x' }), destination)
  t.notMatch(JSON.stringify(started[0]?.options), /canary|anna/)
  t.equal(started[0]?.options?.attributes?.['cloudevents.event_subject'], 'x')
})

const parses: [text: string, valid: boolean, why: string][] = [
  [sampled, true, 'version 00'],
  [`01-${traceId}-${spanId}-01-what-comes-later`, true, 'a later version with more fields'],
  [`00-${traceId}-${spanId}-01-more`, false, 'version 00 with more fields'],
  [`ff-${traceId}-${spanId}-01`, false, 'the forbidden version'],
  [`00-${'0'.repeat(32)}-${spanId}-01`, false, 'a trace id of zeros'],
  [`00-${traceId}-${'0'.repeat(16)}-01`, false, 'a span id of zeros'],
  [sampled.toUpperCase(), false, 'capital letters'],
  [sampled + ' ', false, 'something behind it'],
  ['', false, 'nothing']
]
for (const [text, valid, why] of parses) {
  t.test(`a trace context: ${why}`, async t => { t.equal(parseTraceparent(text) !== undefined, valid) })
}

t.test('what is parsed is formatted back, and no text makes parsing throw', async t => {
  const hex = (length: number) =>
    fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length })
  fc.assert(fc.property(hex(32), hex(16), hex(2), (trace, span, flags) => {
    const text = `00-${trace}-${span}-${flags}`
    const parsed = parseTraceparent(text)
    t.equal(parsed === undefined ? /-0+-/.test(text) : formatTraceparent(parsed), parsed === undefined ? true : text)
  }))
  fc.assert(fc.property(fc.string(), text => { t.equal(parseTraceparent(text), undefined) }))
})

const tracingUrl = new URL('tracing.ts', import.meta.url).href

/** Runs code in a process of its own and resolves to what it printed as JSON. */
async function inChild (code: string): Promise<unknown> {
  const args = ['--input-type=module', '--eval', code]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 })
  return JSON.parse(stdout)
}

// The parts of the SDK are CommonJS or ES modules: a loader hook sees both kinds.
const watchLoads = `
  import { registerHooks } from 'node:module'
  const loaded = []
  registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context) } })
  const { startTracing, createEventTracer } = await import(${JSON.stringify(tracingUrl)})
`

t.test('nothing of the SDK is loaded where no receiver is configured', async t => {
  t.equal(await startTracing({ sampleRatio: 1, serviceName: 's' }, '0'), undefined)
  t.equal(noTracer.begin(envelopeWith({ traceparent: sampled }), destination), undefined)
  const loaded = await inChild(`${watchLoads}
    await startTracing({ sampleRatio: 1, serviceName: 's' }, '0')
    console.log(JSON.stringify(loaded))
  `) as string[]
  t.ok(loaded.some(url => url.includes('/@opentelemetry/api/')), 'the hook sees what is loaded')
  t.same(loaded.filter(url => /@opentelemetry\/(?!api\/)/.test(url)), [])
})

t.test('a span arrives at the configured receiver, with name, service and ids', async t => {
  const bodies: { path: string | undefined, body: Buffer }[] = []
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
      bodies.push({ path: request.url, body: Buffer.concat(chunks) })
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    })
  })
  await new Promise<void>(resolve => { receiver.listen(0, '127.0.0.1', resolve) })
  t.teardown(() => receiver.close())
  const otlpUrl = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/v1/traces`
  const envelope = JSON.stringify({ ...envelopeWith({ traceparent: sampled }), data: null })
  const told = await inChild(`${watchLoads}
    const stop = await startTracing(${JSON.stringify({ otlpUrl, sampleRatio: 0, serviceName: 'front-door' })}, '1.2.3')
    const traced = createEventTracer({ sampleRatio: 0 }).begin(${envelope}, ${JSON.stringify(destination)})
    traced.end(${JSON.stringify(receipt)})
    await stop()
    console.log(JSON.stringify({ traceparent: traced.traceparent, sdk: loaded.some(url => url.includes('sdk-node')) }))
  `)
  t.same(told, { traceparent: sampled, sdk: true })
  t.same(bodies.map(({ path }) => path), ['/v1/traces'])
  const body = bodies[0]?.body ?? Buffer.alloc(0)
  for (const text of ['send orders.{region}', 'front-door', '1.2.3', 'com.example.order', 'messaging.kafka.offset']) {
    t.ok(body.includes(text), `it holds ${text}`)
  }
  t.ok(body.includes(Buffer.from(traceId, 'hex')), 'in the trace of its sender')
  t.ok(body.includes(Buffer.from(spanId, 'hex')), 'below the span of its sender')
})

t.test('a receiver that is down does not keep the gateway from stopping', async t => {
  const told = await inChild(`${watchLoads}
    const settings = { otlpUrl: 'http://127.0.0.1:9/v1/traces', sampleRatio: 1, serviceName: 's' }
    const stop = await startTracing(settings, '0')
    createEventTracer({ sampleRatio: 1 }).begin(${JSON.stringify({ ...envelopeWith({}), data: null })},
      ${JSON.stringify(destination)}).end(${JSON.stringify(receipt)})
    const startedMs = performance.now()
    await stop()
    console.log(JSON.stringify(performance.now() - startedMs))
    process.exit()
  `) as number
  t.ok(told < 10_000, `it stopped after ${told} ms`)
})
