// Records: each format, where keys come from, what is refused, and what never travels.

import t from 'tap'
import { attributesOf, envelopeWith } from '../../test/support/odd-envelopes.ts'
import { routeWith } from '../../test/support/route-settings.ts'
import type { Envelope, ExtensionValue } from '../contract/envelope.ts'
import { isRefusal } from '../contract/outcome.ts'
import type { Refusal } from '../contract/outcome.ts'
import { allHeaders } from '../contract/record.ts'
import type { SinkRecord } from '../contract/sink.ts'
import type { RouteSettings } from './config.ts'
import { checkData, checkEvent, planRecord, toRecord } from './record.ts'
import type { RecordPlan } from './record.ts'
import { createRouter } from './router.ts'

const secretNames = new Set(['authorization', 'cookie', 'x-api-key'])

function planWith (parts: Partial<RouteSettings>): RecordPlan {
  return planRecord(routeWith(parts), { secretNames, keyBytesMax: 16 })
}

function recordOrRefusal (route: Partial<RouteSettings>, envelope: Partial<Envelope>): SinkRecord | Refusal {
  const router = createRouter([routeWith(route)])
  if (!('match' in router)) throw new Error(JSON.stringify(router))
  const made = envelopeWith(envelope)
  const match = router.match(made.channel)
  if (isRefusal(match)) throw new Error(match.detail)
  return toRecord(made, match, planWith(route))
}

function recordOf (route: Partial<RouteSettings>, envelope: Partial<Envelope> = {}): SinkRecord {
  const record = recordOrRefusal(route, envelope)
  if (isRefusal(record)) throw new Error(record.detail)
  return record
}

function pairsOf (record: SinkRecord): Record<string, string> {
  const pairs: Record<string, string> = {}
  const headers = allHeaders(record)
  for (let at = 0; at < headers.length; at += 2) pairs[String(headers[at])] = String(headers[at + 1])
  return pairs
}

const tagged = attributesOf([
  [':path', '/x'], ['x-tag', '1'], ['x-api-key', 's3cret'], ['x-other', 'o'], ['x-tag', '2'], ['authorization', 's3cret']
])
const extensions = new Map<string, ExtensionValue>([['partitionkey', 'p1'], ['count', 7], ['flag', false]])

t.test('binary: attributes are headers and the value is the received bytes themselves', async t => {
  const data = Buffer.from('{"a": 1e999}')
  const record = recordOf({ topic: 'orders.{region}' }, {
    data, extensions, subject: 's', time: '2026-01-31T09:30:00Z', traceparent: '00-a-b-01', attributes: tagged
  })
  t.equal(record.value, data, 'not even copied')
  t.match(record, { topic: 'orders.eu', key: null, timestampMs: 1_790_000_000_000, id: '1', source: '/shop/eu' })
  t.same(pairsOf(record), {
    'ce_specversion': '1.0',
    'ce_id': '1',
    'ce_source': '/shop/eu',
    'ce_type': 'com.example.order',
    'ce_subject': 's',
    'ce_time': '2026-01-31T09:30:00Z',
    'ce_partitionkey': 'p1',
    'ce_count': '7',
    'ce_flag': 'false',
    'content-type': 'application/json',
    'traceparent': '00-a-b-01'
  })
})

t.test('structured: the value is the whole event and says so', async t => {
  const record = recordOf({ format: 'structured' }, { data: Buffer.from('{"n":12345678901234567890}') })
  t.equal(pairsOf(record)['content-type'], 'application/cloudevents+json; charset=UTF-8')
  const text = record.value?.toString() ?? ''
  t.match(JSON.parse(text), { specversion: '1.0', id: '1', source: '/shop/eu', type: 'com.example.order' })
  t.match(text, '"data":{"n":12345678901234567890}', 'numbers are not rounded')
})

t.test('raw: the value and the listed headers, nothing else', async t => {
  const data = Buffer.from([0, 0xff])
  const record = recordOf({ format: 'raw', headers: ['x-tag'] }, { data, datacontenttype: undefined, attributes: tagged })
  t.equal(record.value, data)
  t.same(record.headers, ['x-tag', '1', 'x-tag', '2'])
  t.same(recordOf({ format: 'raw' }, { attributes: tagged }).headers, [])
})

t.test('kong: the value is the wrapper, and what the wrapper refuses is refused', async t => {
  const record = recordOf({ format: 'kong', headers: ['x-other'] }, { attributes: tagged })
  t.match(JSON.parse(String(record.value)), { body: '{"customerId":"c1"}', headers: { 'x-tag': ['1', '2'] } })
  t.same(record.headers, ['x-other', 'o'])
  t.notMatch(String(record.value), 's3cret')
  t.match(recordOrRefusal({ format: 'kong' }, { data: Buffer.from('{') }), { code: 'malformed' })
})

t.test('secrets do not travel in any format, even where the operator lists them', async t => {
  for (const format of ['binary', 'structured', 'raw', 'kong'] as const) {
    const headers = ['authorization', 'x-api-key', 'x-tag']
    const record = recordOf({ format, headers }, { attributes: tagged })
    t.notMatch(String(record.value) + record.headers.join('\n'), 's3cret', format)
    t.match(record.headers.join(' '), 'x-tag 1 x-tag 2', `${format}: the others do, repeats in order`)
  }
})

t.test('a key comes from a template, the principal or an extension', async t => {
  t.equal(recordOf({}).key, null)
  t.equal(recordOf({ key: { template: 'k-{region}' } }).key?.toString(), 'k-eu')
  t.equal(recordOf({ key: { template: '' } }).key?.toString(), '', 'an empty key is a key')
  t.equal(recordOf({ key: { principal: true } }).key?.toString(), 'factory-7')
  t.equal(recordOf({ key: { extension: 'partitionkey' } }, { extensions }).key?.toString(), 'p1')
  t.equal(recordOf({ key: { extension: 'count' } }, { extensions }).key?.toString(), '7')
  t.equal(recordOf({ key: { extension: 'flag' } }, { extensions }).key?.toString(), 'false')
  t.match(recordOrRefusal({ key: { extension: 'absent' } }, { extensions }), {
    code: 'invalid-event', pointer: '/absent', detail: /extension absent, which is missing/
  })
})

t.test('a key comes from the data as it is written there', async t => {
  const json = '{"s":"c\\u00e91","n":1.0e3,"yes":true,"no":false,"in":{"list":[0,{"x":"deep"}]},"a/b~c":"odd","":"empty"}'
  const keys: [string, string][] = [
    ['/s', 'cé1'], ['/n', '1.0e3'], ['/yes', 'true'], ['/no', 'false'],
    ['/in/list/1/x', 'deep'], ['/in/list/0', '0'], ['/a~1b~0c', 'odd'], ['/', 'empty']
  ]
  for (const [pointer, key] of keys) {
    t.equal(recordOf({ key: { pointer } }, { data: Buffer.from(json) }).key?.toString(), key, pointer)
  }
  t.equal(recordOf({ key: { pointer: '' } }, { data: Buffer.from(' "whole" ') }).key?.toString(), 'whole')
})

t.test('data without a usable key is refused and the pointer says where', async t => {
  const data = Buffer.from('{"nil":null,"obj":{},"list":[1]}')
  const refused: [string, RegExp][] = [
    ['/absent', /is missing/], ['/nil/x', /is missing/], ['/list/1', /is missing/],
    ['/nil', /must be a string, a number or a boolean/], ['/obj', /must be/], ['/list', /must be/]
  ]
  for (const [pointer, words] of refused) {
    t.match(recordOrRefusal({ key: { pointer } }, { data }), {
      code: 'invalid-event', pointer: `/data${pointer}`, detail: words
    }, pointer)
  }
  const needsJson = { code: 'invalid-event', detail: /needs JSON data/ }
  const key = { pointer: '/a' }
  t.match(recordOrRefusal({ key }, { data, datacontenttype: 'text/plain' }), needsJson)
  t.match(recordOrRefusal({ key, allowTombstone: true }, { data: null }), needsJson)
})

t.test('data that was found to be JSON has keys whatever its content type says', async t => {
  const envelope = { data: Buffer.from('{"a":"k"}'), dataChecked: true, datacontenttype: undefined }
  t.equal(recordOf({ key: { pointer: '/a' } }, envelope).key?.toString(), 'k')
})

t.test('a key above its limit is refused, counted in bytes', async t => {
  const keyed = (text: string): SinkRecord | Refusal =>
    recordOrRefusal({ key: { pointer: '' } }, { data: Buffer.from(JSON.stringify(text)) })
  t.notOk(isRefusal(keyed('x'.repeat(16))))
  t.match(keyed('x'.repeat(17)), { code: 'invalid-event', detail: /17 bytes, 16 are allowed/ })
  t.match(keyed('ä'.repeat(9)), { code: 'invalid-event', detail: /18 bytes/ })
})

t.test('an event without data is refused, or a null value where the route allows it', async t => {
  const nothing = envelopeWith({ data: null })
  t.match(checkData(nothing, planWith({})), { code: 'invalid-event', pointer: '/data' })
  t.equal(checkData(nothing, planWith({ allowTombstone: true })), undefined)
  t.equal(checkData(nothing, planWith({ format: 'kong' })), undefined)
  for (const format of ['binary', 'raw', 'structured'] as const) {
    t.equal(recordOf({ format, allowTombstone: true }, { data: null }).value, null, format)
  }
  t.match(pairsOf(recordOf({ format: 'structured', allowTombstone: true }, { data: null })), { ce_id: '1' })
  t.equal(checkData(envelopeWith({ data: Buffer.alloc(0), datacontenttype: 'text/plain' }), planWith({})), undefined)
})

t.test('data that says it is an event itself is refused where readers would believe it', async t => {
  const told = (format: RouteSettings['format'], datacontenttype: string, data: Buffer | null): unknown =>
    checkEvent(envelopeWith({ datacontenttype, data }), planWith({ format, allowTombstone: true }))
  for (const type of ['application/cloudevents+json', 'Application/CloudEvents-batch+avro; charset=utf-8']) {
    for (const data of [Buffer.from('{}'), null]) {
      t.match(told('binary', type, data), { code: 'invalid-event', pointer: '/datacontenttype' })
      t.equal(told('raw', type, data), undefined)
    }
    t.equal(told('structured', type, Buffer.from('{}')), undefined, 'it stands within the event')
    t.match(told('structured', type, null), { code: 'invalid-event' }, 'a tombstone is of the binary mode')
  }
  t.equal(told('binary', 'application/vnd.cloudevents+json', Buffer.from('{}')), undefined)
})

t.test('data that says it is JSON is checked, unless its route trusts it and needs nothing from it', async t => {
  const broken = envelopeWith({ data: Buffer.from('{"a":1,}') })
  const mistake = { code: 'malformed', detail: /not well-formed JSON.*at byte 7/ }
  t.match(checkData(broken, planWith({})), mistake)
  t.match(checkData({ ...broken, datacontenttype: 'application/vnd.x+json; charset=utf-8' }, planWith({})), mistake)
  t.equal(checkData(broken, planWith({ json: 'trust' })), undefined)
  t.match(checkData(broken, planWith({ json: 'trust', key: { pointer: '/a' } })), mistake)
  t.equal(checkData({ ...broken, dataChecked: true }, planWith({})), undefined)
  t.equal(checkData({ ...broken, datacontenttype: 'text/plain' }, planWith({})), undefined)
  t.equal(checkData({ ...broken, datacontenttype: undefined }, planWith({})), undefined)
  t.match(checkData(envelopeWith({ data: Buffer.alloc(0) }), planWith({})), { code: 'malformed' })
  t.equal(checkData(envelopeWith({}), planWith({})), undefined)
})
