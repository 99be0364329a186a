// The JSON format: one row per rule, bytes that stay what they were, and events of the CloudEvents SDK.

import { isDeepStrictEqual } from 'node:util'
import { CloudEvent, HTTP } from 'cloudevents'
import fc from 'fast-check'
import t from 'tap'
import { decodeBatch, decodeStructured, encodeStructured } from './cloudevents-json.ts'
import type { StructuredEvent } from './cloudevents-json.ts'
import { depthMax } from './json.ts'
import { isRefusal } from './outcome.ts'
import type { Refusal } from './outcome.ts'

function decode (text: string | Buffer): StructuredEvent | Refusal {
  const bytes = Buffer.concat([Buffer.from('{'), Buffer.from(text), Buffer.from('}')])
  return decodeStructured(bytes, 1, bytes.length - 1)
}

function eventOf (text: string | Buffer): StructuredEvent {
  const event = decode(text)
  if (isRefusal(event)) throw new Error(event.detail)
  return event
}

const head = '"specversion":"1.0","id":"a","source":"/s","type":"t"'

/** An event with these further members. */
function withMembers (members: string): string {
  return `{${head}${members === '' ? '' : ','}${members}}`
}

t.test('attributes of every type are read', async t => {
  const { context, data, dataChecked } = eventOf(withMembers(
    '"subject":"s\\u00e9","time":"2026-01-31T09:30:00.123456789Z","dataschema":"urn:x:y"' +
    ',"datacontenttype":"text/plain","text":"v","count":-5,"zero":-0,"yes":true,"no":false,"unset":null'
  ))
  t.same(context, {
    id: 'a',
    source: '/s',
    type: 't',
    subject: 'sé',
    time: '2026-01-31T09:30:00.123456789Z',
    datacontenttype: 'text/plain',
    dataschema: 'urn:x:y',
    extensions: new Map<string, unknown>([['text', 'v'], ['count', -5], ['zero', 0], ['yes', true], ['no', false]])
  })
  t.equal(data, null)
  t.equal(dataChecked, false)
})

t.test('a null attribute equals an absent one', async t => {
  const { context } = eventOf(withMembers('"subject":null,"time":null,"datacontenttype":null,"data_base64":null,"x":null'))
  t.match(context, { subject: undefined, time: undefined, datacontenttype: undefined })
  t.equal(context.extensions.size, 0)
  t.match(decode('{"specversion":"1.0","id":null,"source":"/s","type":"t"}'), { code: 'invalid-event', pointer: '/id' })
})

t.test('JSON data keeps its bytes, and its implied content type is made explicit', async t => {
  for (const json of ['{ "b" : 1e999 , "a":[ 9007199254740993 ],"a":2 }', '"text \\u00e9"', '1.50', 'true', 'null', '[]', '"é\\ud800"']) {
    for (const type of ['', ',"datacontenttype":"Application/JSON; x=y"', ',"datacontenttype":"application/vnd.a+json"']) {
      const event = eventOf(withMembers(`"data":  ${json} ${type}`))
      t.equal(event.data?.toString(), json)
      t.equal(event.dataChecked, true)
      if (type === '') t.equal(event.context.datacontenttype, 'application/json')
    }
  }
  const bytes = Buffer.from(withMembers('"data":[1]'))
  const event = decodeStructured(bytes, 0, bytes.length)
  t.ok(!isRefusal(event) && event.data?.buffer === bytes.buffer, 'nothing is copied')
})

t.test('data of another content type is the text of a string', async t => {
  const type = '"datacontenttype":"text/xml"'
  t.equal(eventOf(withMembers(`${type},"data":"<a>é</a>"`)).data?.toString(), '<a>é</a>')
  t.equal(eventOf(withMembers(`"data":"<a b=\\"c\\"/>\\ud83d\\ude00\\/",${type}`)).data?.toString(), '<a b="c"/>😀/')
  t.match(eventOf(withMembers(`${type},"data":""`)), { data: Buffer.alloc(0), dataChecked: false })
  for (const data of ['{}', '1', 'null', 'true', '[]', '"\\ud800"']) {
    t.match(decode(withMembers(`${type},"data":${data}`)), { code: 'invalid-event', pointer: '/data' }, data)
  }
})

t.test('data_base64 is decoded strictly and implies no content type', async t => {
  for (const [base64, hex] of [
    ['', ''], ['AA==', '00'], ['AAE=', '0001'], ['+/+/', 'fbffbf'], ['\\u0041A\\u003d=', '00'], ['+\\/+\\/', 'fbffbf']
  ] as const) {
    const event = eventOf(withMembers(`"data_base64":"${base64}"`))
    t.equal(event.data?.toString('hex'), hex, base64)
    t.equal(event.context.datacontenttype, undefined)
    t.equal(event.dataChecked, false)
  }
  for (const base64 of ['A', 'AA', 'AAA', 'AA=', 'A===', 'AB==', 'AAF=', 'AA==\\n', ' AA==', '-_-_', 'AA==AA==', 'é', 'AA*=', '====']) {
    t.match(decode(withMembers(`"data_base64":"${base64}"`)), { code: 'invalid-event', pointer: '/data_base64' }, base64)
  }
  for (const value of ['1', '{}', '[]', 'true']) {
    t.match(decode(withMembers(`"data_base64":${value}`)), { code: 'invalid-event', pointer: '/data_base64' }, value)
  }
  t.match(decode(withMembers('"data":1,"data_base64":"AA=="')), { code: 'invalid-event', detail: /both/ })
  t.match(decode(withMembers('"data_base64":"AA==","data":null')), { code: 'invalid-event', detail: /both/ })
})

t.test('what breaks a rule of CloudEvents is an invalid event with its pointer', async t => {
  const table: [string, string][] = [
    ['"x":{}', '/x'], ['"x":[1]', '/x'], ['"x":1.0', '/x'], ['"x":1e3', '/x'], ['"x":2147483648', '/x'], ['"X":1', '/X'],
    ['"a b":""', '/a b'], ['"time":5', '/time'], ['"time":"now"', '/time'], ['"subject":""', '/subject'], ['"subject":{}', '/subject'],
    ['"x":"\\u0000"', '/x'], ['"x":"\\udead"', '/x'], ['"datacontenttype":"json"', '/datacontenttype'],
    ['"id":"b"', '/id'], ['"\\u0069d":"b"', '/id'], ['"x":1,"x":1', '/x'], ['"x":null,"x":1', '/x'], ['"x":1,"x":null', '/x'],
    ['"x":null,"x":null', '/x'], ['"id":null', '/id'], ['"data":1,"data":1', '/data'], ['"subject":null,"subject":"s"', '/subject'],
    ['"data_base64":"","data_base64":""', '/data_base64'], ['"data_base64":null,"data_base64":""', '/data_base64']
  ]
  for (const [members, pointer] of table) t.match(decode(withMembers(members)), { code: 'invalid-event', pointer }, members)
  for (const [name, text] of [
    ['specversion', '{"id":"a","source":"/s","type":"t"}'], ['id', '{"specversion":"1.0","source":"/s","type":"t"}'],
    ['source', '{"specversion":"1.0","id":"a","type":"t"}'], ['type', '{"specversion":"1.0","id":"a","source":"/s"}'],
    ['specversion', '{"specversion":"0.3","id":"a","source":"/s","type":"t"}'], ['specversion', '{}']
  ] as const) t.match(decode(text), { code: 'invalid-event', pointer: `/${name}` }, text)
})

t.test('what is not JSON is malformed at a byte', async t => {
  const table: [string, number][] = [
    ['', 0], ['[]', 0], ['"a"', 0], ['{', 1], ['{"id":}', 6], ['{"id":"a",}', 10], ['{"id":"\n"}', 7], ['\ufeff{}', 0], ['{}{}', 2]
  ]
  for (const [text, offset] of table) {
    t.match(decode(text), { code: 'malformed', detail: new RegExp(`at byte ${offset}$`) }, JSON.stringify(text).slice(0, 20))
  }
  const deep = '['.repeat(depthMax) + ']'.repeat(depthMax)
  t.match(decode(withMembers(`"data":${deep}`)), { code: 'malformed', detail: /deeper than 64/ })
})

t.test('a batch has an outcome for every item, or one for all', async t => {
  const text = Buffer.from(`[ ${withMembers('"data":1')} , {"id":"b"}, 5,${withMembers('')}]`)
  const batch = decodeBatch(text, 0, text.length, 4)
  if (isRefusal(batch)) throw new Error(batch.detail)
  t.equal(batch.length, 4)
  t.match(batch[0], { context: { id: 'a' }, data: Buffer.from('1') })
  t.match(batch[1], { code: 'invalid-event' })
  t.match(batch[2], { code: 'malformed' })
  t.match(batch[3], { context: { id: 'a' }, data: null })
  t.match(decodeBatch(text, 0, text.length, 3), { code: 'too-large', detail: /3 events/ })
  t.match(decodeBatch(text, 0, text.length - 1, 4), { code: 'malformed', detail: new RegExp(`byte ${text.length - 1}$`) })
  t.match(decodeBatch(Buffer.from('{}'), 0, 2, 4), { code: 'malformed' })
  t.same(decodeBatch(Buffer.from('[]'), 0, 2, 4), [])
})

const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter(text => !/[\0-\x1f\x7f-\x9f]/.test(text))
const extension = fc.tuple(fc.stringMatching(/^x[a-z0-9]{1,10}$/), fc.oneof(word, fc.boolean(), fc.integer()))
const anyContext = fc.record({
  id: word,
  source: fc.webPath().map(path => `/x${path}`),
  type: word,
  subject: fc.option(word, { nil: undefined }),
  time: fc.constantFrom(undefined, '2026-01-31T09:30:00Z'),
  datacontenttype: fc.constantFrom('application/json', 'text/plain', 'application/vnd.a+json; v=1', undefined),
  dataschema: fc.constantFrom(undefined, 'urn:x:y'),
  extensions: fc.array(extension, { maxLength: 4 }).map(pairs => new Map(pairs))
})

t.test('what is encoded is decoded the same, its data byte for byte', async t => {
  const json = fc.jsonValue().map(value => Buffer.from(JSON.stringify(value, null, 1)))
  // White space around JSON is no part of it: it does not come back.
  const bytes = fc.uint8Array().map(array => Buffer.from(array)).filter(one => !/^[ \t\r\n]|[ \t\r\n]$/.test(one.toString('latin1')))
  const data = fc.option(fc.oneof(json, bytes))
  fc.assert(fc.property(anyContext, data, (context, data) => {
    const encoded = encodeStructured(context, data)
    JSON.parse(encoded.toString())
    const decoded = eventOf(encoded)
    return isDeepStrictEqual(decoded.context, { ...context }) && isDeepStrictEqual(decoded.data, data)
  }), { numRuns: 1_000 })
  t.pass('no counterexample')
})

t.test('JSON data stands in the event as it is, anything else as base64', async t => {
  const { context } = eventOf(withMembers('"datacontenttype":"application/json"'))
  t.match(encodeStructured(context, Buffer.from('{ "a" : 1e999 }')).toString(), /,"data":\{ "a" : 1e999 \}\}$/)
  const spaced = encodeStructured(context, Buffer.from(' 0\n'))
  t.match(spaced.toString(), /,"data": 0\n\}$/)
  t.same(eventOf(spaced).data, Buffer.from('0'), 'white space around it is no part of it')
  t.match(encodeStructured(context, Buffer.from('{"a":')).toString(), /,"data_base64":"eyJhIjo="\}$/, 'broken JSON breaks nothing')
  t.match(encodeStructured(context, Buffer.from('1,"id":2')).toString(), /,"data_base64":/, 'data cannot add members')
  t.match(encodeStructured({ ...context, datacontenttype: 'text/plain' }, Buffer.from('é')).toString(), /,"data_base64":"w6k="\}$/)
  t.match(encodeStructured({ ...context, datacontenttype: undefined }, Buffer.from('1')).toString(), /"t","data_base64":"MQ=="\}$/)
  t.equal(encodeStructured(context, null).toString().includes('data_base64'), false)
})

t.test('no bytes make the decoder throw', async t => {
  const seed = Buffer.from(withMembers(
    '"subject":null,"x":5,"time":"2026-01-31T09:30:00Z","datacontenttype":"text/plain","data":"a\\n"'
  ))
  const damage = fc.array(fc.tuple(fc.nat(seed.length - 1), fc.constantFrom(...Buffer.from('"\\{}[],:01nt\n'), 0x80, 0xff)), {
    minLength: 1,
    maxLength: 4
  })
  fc.assert(fc.property(damage, damage => {
    const broken = Buffer.from(seed)
    for (const [at, byte] of damage) broken[at] = byte
    const outcome = decodeStructured(broken, 0, broken.length)
    return isRefusal(outcome) ? outcome.code === 'malformed' || outcome.code === 'invalid-event' : outcome.context.id !== ''
  }), { numRuns: 5_000 })
  t.pass('no counterexample')
})

t.test('events of the CloudEvents SDK are accepted', async t => {
  const common = { id: 'sdk-1', source: 'https://example.com/shop', type: 'order.placed' }
  const json = HTTP.structured(new CloudEvent({ ...common, subject: 'Größe', datacontenttype: 'application/json', data: { a: [1, 'é'] }, ext: 5 }))
  const event = eventOf(String(json.body))
  t.match(event.context, { ...common, subject: 'Größe', datacontenttype: 'application/json' })
  t.equal(event.context.extensions.get('ext'), 5)
  t.same(JSON.parse(String(event.data)), { a: [1, 'é'] })
  const binary = HTTP.structured(new CloudEvent({ ...common, datacontenttype: 'application/octet-stream', data: new Uint32Array([1, 2]) }))
  t.equal(isRefusal(decode(String(binary.body))), false)
  const text = HTTP.structured(new CloudEvent({ ...common, datacontenttype: 'text/plain', data: 'plain "text"' }))
  t.equal(eventOf(String(text.body)).data?.toString(), 'plain "text"')
  const bare = HTTP.structured(new CloudEvent(common))
  t.equal(eventOf(String(bare.body)).data, null)
})

t.test('the CloudEvents SDK accepts what is encoded', async t => {
  const { context } = eventOf(withMembers('"datacontenttype":"application/json","subject":"é","ext":true'))
  const body = encodeStructured(context, Buffer.from('{"a":[1]}')).toString()
  const event = HTTP.toEvent({ headers: { 'content-type': 'application/cloudevents+json' }, body })
  t.match(event, { id: 'a', source: '/s', type: 't', subject: 'é', ext: true, data: { a: [1] } })
})
