// Tests of the decoder: the same as the generated one on every message, rules of CloudEvents, and bytes that are none.

import t from 'tap'
import fc from 'fast-check'
import { noAttributes } from '../../src/contract/envelope.ts'
import type { Envelope } from '../../src/contract/envelope.ts'
import { isRefusal } from '../../src/contract/outcome.ts'
import type { Refusal } from '../../src/contract/outcome.ts'
import { anonymous } from '../../test/support/fake-ingress.ts'
import { flatEvent } from '../../test/support/grpc-client.ts'
import { Metadata } from './attributes.ts'
import { Decoder } from './decode.ts'
import type { Shared } from './decode.ts'
import { EventReading, readFlat, readOfficial } from './event-reading.ts'
import { CloudEvent } from './generated/io/cloudevents/v1/cloudevents.ts'
import type { CloudEvent_CloudEventAttributeValue as Value } from './generated/io/cloudevents/v1/cloudevents.ts'
import {
  Event, PublishBatchRequest, PublishRequest, PublishStreamRequest
} from './generated/sluice/v1/ingest.ts'
import { WireReader } from './wire-reader.ts'

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const shared: Shared = {
  principal: anonymous, attributes: noAttributes, receivedAtMs: 5, traceparent: undefined, tracestate: undefined,
  peer: { address: '127.0.0.1', port: 1, secure: false, connectionId: 1 }
}

function read (readEvent: typeof readFlat, bytes: Uint8Array): EventReading | undefined {
  const reader = new WireReader()
  const reading = new EventReading()
  reader.begin(Buffer.from(bytes))
  readEvent(reader, bytes.length, reading)
  return reader.broken ? undefined : reading
}

const text = fc.string({ unit: 'binary', maxLength: 40 }).map(one => one.toWellFormed())
const extension = fc.oneof(
  fc.record({ value: fc.constant(undefined) }),
  fc.record({ value: text.map(one => ({ $case: 'text' as const, text: one })) }),
  fc.record({ value: fc.integer().map(integer => ({ $case: 'integer' as const, integer })) }),
  fc.record({ value: fc.boolean().map(boolean => ({ $case: 'boolean' as const, boolean })) })
)
// The generated reader keeps maps in plain objects, which have no such name of their own.
const key = text.filter(one => one !== '__proto__')
const flat: fc.Arbitrary<Event> = fc.record({
  channel: text, id: text, source: text, type: text, subject: text, datacontenttype: text, dataschema: text, time: text,
  data: fc.option(fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes)), { nil: undefined }),
  traceparent: text, tracestate: text,
  extensions: fc.dictionary(key, extension, { maxKeys: 4, noNullPrototype: true }),
  attributes: fc.dictionary(key, text, { maxKeys: 4, noNullPrototype: true })
})

t.test('a flat event is read as the generated reader reads it', async t => {
  fc.assert(fc.property(flat, event => {
    const bytes = Event.encode(event).finish()
    const expected = Event.decode(bytes)
    const reading = read(readFlat, bytes)
    const { data, extensions, attributes, ...texts } = expected
    t.match(reading, texts)
    t.same(reading?.data, data ?? null)
    const named = Object.entries(extensions).flatMap(([name, { value }]) =>
      value === undefined ? [] : [[name, Object.entries(value).find(([at]) => at === value.$case)?.[1]]])
    t.same([...reading?.extensions ?? []], named)
    t.same(reading?.attributes ?? [], Object.entries(attributes).flat())
  }), { numRuns: 300 })
})

const attr: fc.Arbitrary<Value['attr']> = fc.oneof(
  fc.boolean().map(ceBoolean => ({ $case: 'ceBoolean' as const, ceBoolean })),
  fc.integer().map(ceInteger => ({ $case: 'ceInteger' as const, ceInteger })),
  text.map(ceString => ({ $case: 'ceString' as const, ceString })),
  fc.uint8Array({ maxLength: 20 }).map(bytes => ({ $case: 'ceBytes' as const, ceBytes: Buffer.from(bytes) })),
  text.map(ceUri => ({ $case: 'ceUri' as const, ceUri })),
  text.map(ceUriRef => ({ $case: 'ceUriRef' as const, ceUriRef }))
)

t.test('a CloudEvent of the official format is read as the generated reader reads it', async t => {
  const event = fc.record({
    id: text, source: text, specVersion: text, type: text,
    attributes: fc.dictionary(key, fc.record({ attr }), { maxKeys: 4, noNullPrototype: true }),
    data: fc.option(fc.uint8Array({ maxLength: 100 }).map(bytes =>
      ({ $case: 'binaryData' as const, binaryData: Buffer.from(bytes) })), { nil: undefined })
  })
  fc.assert(fc.property(event, one => {
    const bytes = CloudEvent.encode(one).finish()
    const { id, source, specVersion, type, attributes } = CloudEvent.decode(bytes)
    const reading = read(readOfficial, bytes)
    t.match(reading, { id, source, specversion: specVersion, type, official: true })
    t.same(reading?.data, one.data === undefined ? null : Buffer.from(one.data.binaryData))
    t.same([...reading?.extensions ?? []].map(([name]) => name), Object.keys(attributes))
  }), { numRuns: 300 })
})

t.test('bytes that the generated reader cannot read are not read here either, and nothing throws', async () => {
  const decoder = new Decoder()
  const valid = flat.map(event => PublishRequest.encode({ event: { $case: 'flat', flat: event }, channel: 'a' }).finish())
  const damaged = fc.tuple(valid, fc.nat(), fc.nat(255)).map(([bytes, at, byte]) => {
    const copy = Uint8Array.from(bytes)
    if (copy.length > 0) copy[at % copy.length] = byte
    return copy
  })
  fc.assert(fc.property(fc.oneof(damaged, fc.uint8Array({ maxLength: 200 })), bytes => {
    let readable = true
    try {
      PublishRequest.decode(bytes)
    } catch {
      readable = false
    }
    const events = [
      decoder.one(Buffer.from(bytes), shared), decoder.many(Buffer.from(bytes), shared, 10),
      decoder.streamed(Buffer.from(bytes), shared, '')
    ]
    return events.length === 3 && (readable || isRefusal(events[0]))
  }), { numRuns: 2_000 })
})

function one (parts: Partial<Event>, around = ''): Envelope | Refusal {
  const bytes = PublishRequest.encode({ event: { $case: 'flat', flat: flatEvent(parts) }, channel: around }).finish()
  return new Decoder().one(Buffer.from(bytes), shared)
}

t.test('plain data is wrapped, anything that describes it makes it a CloudEvent', async t => {
  const plain = one({ channel: 'orders/eu', id: 'key', datacontenttype: 'text/plain', data: Buffer.from('x') })
  t.match(plain, { channel: 'orders/eu', id: 'key', wrapped: true, datacontenttype: 'text/plain', source: '' })
  const full = one({ channel: 'c', id: '1', source: '/s', type: 't', subject: 'u', time: '2026-01-02T03:04:05Z', dataschema: 'x:y' })
  t.match(full, { wrapped: false, subject: 'u', time: '2026-01-02T03:04:05Z', dataschema: 'x:y', data: null })
  for (const parts of [{ source: '/s' }, { type: 't' }, { subject: 's' }, { time: '2026-01-02T03:04:05Z' }, { dataschema: 'x:y' }]) {
    t.match(one({ channel: 'c', ...parts }), { code: 'invalid-event', pointer: '/id' }, JSON.stringify(parts))
  }
})

t.test('texts keep the rules of CloudEvents, also after one that did', async t => {
  const decoder = new Decoder()
  const send = (parts: Partial<Event>): Envelope | Refusal => decoder.one(Buffer.from(PublishRequest.encode({
    event: { $case: 'flat', flat: flatEvent({ channel: 'c', id: '1', source: '/s', type: 't', ...parts }) }, channel: ''
  }).finish()), shared)
  t.match(send({}), { source: '/s' })
  const wrong: readonly (readonly [Partial<Event>, string])[] = [
    [{ source: 'a b' }, '/source'], [{ type: 'a\u0001' }, '/type'], [{ id: '\u0085' }, '/id'], [{ time: 'now' }, '/time'],
    [{ dataschema: 'relative' }, '/dataschema'], [{ datacontenttype: 'json' }, '/datacontenttype'],
    [{ extensions: { Upper: { value: { $case: 'text', text: 'x' } } } }, '/Upper'],
    [{ extensions: { id: { value: { $case: 'text', text: 'x' } } } }, '/id']
  ]
  for (const [parts, pointer] of wrong) {
    t.match(send(parts), { code: 'invalid-event', pointer }, JSON.stringify(parts))
    t.match(send({}), { source: '/s' }, 'the next one is fine')
  }
  t.match(send({ channel: 'a//b' }), { code: 'malformed' })
  t.match(send({ channel: 'a//b' }), { code: 'malformed' }, 'also the second time')
})

t.test('extensions keep their types, attributes stand beside the metadata of the call, which keep their values', async t => {
  const bytes = PublishRequest.encode({
    channel: 'orders/eu', event: { $case: 'flat', flat: flatEvent({
      id: '1', source: '/s', type: 't', attributes: { 'x-own': 'mine', 'x-call': 'mine', ':path': 'forged' },
      extensions: {
        a: { value: { $case: 'text', text: 'x' } }, b: { value: { $case: 'integer', integer: -5 } },
        c: { value: { $case: 'boolean', boolean: true } }, d: { value: undefined }
      }
    }) }
  }).finish()
  const attributes = new Metadata([':path', '/p', 'x-call', '1', 'grpc-timeout', '1S', 'te', 'trailers'])
  const envelope = new Decoder().one(Buffer.from(bytes), { ...shared, attributes })
  if (isRefusal(envelope)) throw new Error(envelope.detail)
  t.same([...envelope.extensions], [['a', 'x'], ['b', -5], ['c', true]])
  const names = ['x-own', 'x-call', ':path', 'grpc-timeout', 'te']
  t.same(names.map(name => envelope.attributes.get(name)), ['mine', '1', '/p', undefined, undefined])
  const all: string[] = []
  envelope.attributes.forEach((name, value) => { all.push(`${name}=${value}`) })
  t.same(all, ['x-call=1', 'x-own=mine'])
})

t.test('the trace context of an event comes before that of the call, and a broken one is ignored', async t => {
  t.match(one({ channel: 'c', traceparent, tracestate: 'a=b' }), { traceparent, tracestate: 'a=b' })
  t.match(one({ channel: 'c', traceparent: 'nonsense', tracestate: 'a=b' }), { traceparent: undefined, tracestate: undefined })
})

t.test('the channel stands in the event, or around it, or around all', async t => {
  t.match(one({ channel: 'inner' }, 'outer'), { channel: 'inner' })
  t.match(one({}, 'outer'), { channel: 'outer' })
  t.match(one({}), { code: 'malformed' })
  const request = PublishBatchRequest.encode({ channel: 'all', events: [
    { channel: '', event: { $case: 'flat', flat: flatEvent({}) } },
    { channel: 'own', event: { $case: 'flat', flat: flatEvent({}) } },
    { channel: '', event: undefined }
  ] }).finish()
  t.match(new Decoder().many(Buffer.from(request), shared, 3), [{ channel: 'all' }, { channel: 'own' }, { code: 'malformed' }])
})

function official (parts: Partial<CloudEvent>): Envelope | Refusal {
  const cloudEvent: CloudEvent = {
    id: '1', source: '/s', specVersion: '1.0', type: 't', attributes: {}, data: undefined, ...parts
  }
  const bytes = PublishRequest.encode({ event: { $case: 'cloudEvent', cloudEvent }, channel: 'c' }).finish()
  return new Decoder().one(Buffer.from(bytes), shared)
}

const attribute = (attr: Value['attr']): Value => ({ attr })

t.test('the official format is taken as it is', async t => {
  t.match(official({
    data: { $case: 'textData', textData: 'tëxt' }, attributes: {
      subject: attribute({ $case: 'ceString', ceString: 'u' }), datacontenttype: attribute({ $case: 'ceString', ceString: 'text/plain' }),
      time: attribute({ $case: 'ceTimestamp', ceTimestamp: { seconds: 1_767_323_045, nanos: 120_000_000 } })
    }
  }), { subject: 'u', time: '2026-01-02T03:04:05.12Z', datacontenttype: 'text/plain', data: Buffer.from('tëxt'), wrapped: false })
  t.match(official({ attributes: { time: attribute({ $case: 'ceTimestamp', ceTimestamp: { seconds: -1, nanos: 0 } }) } }),
    { time: '1969-12-31T23:59:59Z' })
  const value = Buffer.from([8, 1])
  t.match(official({ data: { $case: 'protoData', protoData: { typeUrl: 'https://x.example/T', value } } }),
    { datacontenttype: 'application/protobuf', dataschema: 'https://x.example/T', data: value })
  const binary = official({ attributes: { sig: attribute({ $case: 'ceBytes', ceBytes: Buffer.from('hi') }) } })
  t.same(isRefusal(binary) ? binary : [...binary.extensions], [['sig', 'aGk=']])
})

t.test('the official format has its own rules', async t => {
  const long = attribute({ $case: 'ceTimestamp', ceTimestamp: { seconds: 1e12, nanos: 0 } })
  t.match(official({ attributes: { time: long } }), { code: 'malformed' })
  t.match(official({ specVersion: '' }), { code: 'invalid-event', pointer: '/specversion' })
  t.match(official({ specVersion: '0.3' }), { code: 'invalid-event', pointer: '/specversion' })
  t.match(official({ id: '' }), { code: 'invalid-event', pointer: '/id' })
  t.match(official({ attributes: { id: attribute({ $case: 'ceString', ceString: 'x' }) } }), { pointer: '/id' })
  t.match(official({ attributes: { subject: attribute({ $case: 'ceInteger', ceInteger: 1 }) } }), { pointer: '/subject' })
})

t.test('one reading serves many events: what was read before is not taken for what comes', async () => {
  const reader = new WireReader()
  const reading = new EventReading()
  const few = fc.constantFrom('', 'a', 'b', 'ab', '\u00e9', '\u00c3\u00a9')
  const events = fc.array(fc.record({ channel: few, source: few, type: few, datacontenttype: few }), { minLength: 2 })
  fc.assert(fc.property(events, list => list.every(parts => {
    const bytes = Buffer.from(Event.encode(flatEvent(parts)).finish())
    reader.begin(bytes)
    readFlat(reader, bytes.length, reading)
    const { channel, source, type, datacontenttype } = reading
    return !reader.broken && channel === parts.channel && source === parts.source && type === parts.type &&
      datacontenttype === parts.datacontenttype
  })))
})

t.test('text that is not UTF-8 is malformed, and so are groups without end', async t => {
  const bytes = Buffer.from(PublishRequest.encode({ event: { $case: 'flat', flat: flatEvent({ id: '??' }) }, channel: 'c' }).finish())
  bytes[bytes.indexOf('?')] = 0xff
  t.match(new Decoder().one(bytes, shared), { code: 'malformed' })
  t.match(new Decoder().one(Buffer.alloc(10_000, 0xa3), shared), { code: 'malformed' })
  t.match(one({ channel: 'c', id: '\ufffd' }), { id: '\ufffd' }, 'the character itself is text')
})

t.test('a message of a stream has its number', async t => {
  const streamed = (id: number, message: PublishStreamRequest['message']): unknown =>
    new Decoder().streamed(Buffer.from(PublishStreamRequest.encode({ id, message, channel: '' }).finish()), shared, 'standing')
  const message = { $case: 'flat' as const, flat: flatEvent({}) }
  t.match(streamed(7, message), { kind: 'event', id: 7, event: { channel: 'standing' } })
  t.match(streamed(Number.MAX_SAFE_INTEGER, message), { id: Number.MAX_SAFE_INTEGER })
  t.match(streamed(0, message), { kind: 'broken', refusal: { code: 'malformed' } })
  t.match(streamed(1, undefined), { kind: 'broken', refusal: { code: 'malformed' } })
  t.match(streamed(0, { $case: 'open', open: { receipts: true, channel: 'x' } }), { kind: 'open', receipts: true, channel: 'x' })
})
