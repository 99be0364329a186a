// What becomes of a PUBLISH: its channel, CloudEvents in both modes, plain messages, attributes and trace context.

import t from 'tap'
import { peer } from '../../test/support/odd-envelopes.ts'
import { plant } from '../../test/support/bridge-rig.ts'
import type { PublishPacket } from '../mqtt/codec/packet.ts'
import type { Properties } from '../mqtt/codec/properties.ts'
import { channelOf, decode } from './decode.ts'
import type { Shared } from './decode.ts'
import { isRefusal } from '../../src/contract/outcome.ts'

const shared: Shared = {
  settings: { stripPrefix: '', addPrefix: '' }, principal: plant, peer
}

function publish (text: string, properties: Properties = {}, more: Partial<PublishPacket> = {}): PublishPacket {
  return {
    type: 'PUBLISH', dup: false, qos: 1, retain: false, topicName: 'orders/eu', packetId: 1, properties,
    payload: Buffer.from(text), ...more
  }
}

const structured = { contentType: 'application/cloudevents+json' }
const event = '{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":1e999}}'
const binary = [['specversion', '1.0'], ['id', '1'], ['source', '/s'], ['type', 't'], ['line', '7']] as const

t.test('a plain message is wrapped: the router gives it what a CloudEvent has', async t => {
  t.match(decode(publish('{"a":1}', { contentType: 'application/json' }), shared, 5), {
    channel: 'orders/eu', wrapped: true, id: '', source: '', type: '', datacontenttype: 'application/json',
    data: Buffer.from('{"a":1}'), dataChecked: false, principal: plant, peer, receivedAtMs: 5, patient: true
  })
  t.match(decode(publish(''), shared, 5), { data: null, datacontenttype: undefined })
})

t.test('the content type of the settings stands for one that is missing', async t => {
  const typed: Shared = { ...shared, settings: { ...shared.settings, contentType: 'application/json' } }
  t.match(decode(publish('1'), typed, 5), { datacontenttype: 'application/json' })
  t.match(decode(publish('1', { contentType: 'text/plain' }), typed, 5), { datacontenttype: 'text/plain' })
  const events: Shared = { ...shared, settings: { ...shared.settings, contentType: 'application/cloudevents+json' } }
  t.match(decode(publish(event), events, 5), { id: '1', wrapped: false })
})

t.test('a CloudEvent in structured mode is taken as it is', async t => {
  const found = decode(publish(event, structured), shared, 5)
  t.match(found, { id: '1', source: '/s', type: 't', wrapped: false, datacontenttype: 'application/json' })
  t.equal(isRefusal(found) ? '' : found.data?.toString(), '{"a":1e999}')
  t.match(decode(publish('{"specversion":"1.0"}', structured), shared, 5), { code: 'invalid-event' })
  t.match(decode(publish('{', structured), shared, 5), { code: 'malformed' })
})

t.test('a CloudEvent in binary mode has its attributes in user properties', async t => {
  const found = decode(publish('x', { contentType: 'text/plain', userProperties: [...binary, ['X-Other', 'no attribute']] }), shared, 5)
  t.match(found, { id: '1', source: '/s', type: 't', wrapped: false, datacontenttype: 'text/plain' })
  t.same(isRefusal(found) ? [] : [...found.extensions], [['line', '7']])
  t.match(decode(publish('x', { userProperties: [['specversion', '1.0'], ['id', '1']] }), shared, 5), {
    code: 'invalid-event', pointer: '/source'
  })
})

t.test('what contradicts itself, or is in a form that is not read, is refused', async t => {
  const twice = [...binary, ['datacontenttype', 'text/html']] as const
  t.match(decode(publish('x', { contentType: 'text/plain', userProperties: twice }), shared, 5), { code: 'invalid-event' })
  t.match(decode(publish('x', { contentType: 'text/html', userProperties: twice }), shared, 5), {
    datacontenttype: 'text/html'
  })
  t.match(decode(publish('x', { contentType: 'application/cloudevents+avro' }), shared, 5), { code: 'invalid-event' })
  const notText = publish('', { payloadFormatIndicator: 1 }, { payload: Buffer.from([0xff]) })
  t.match(decode(notText, shared, 5), { code: 'invalid-event' })
})

t.test('topics become channels, and those that cannot are refused', async t => {
  const cases: readonly [topic: string, strip: string, add: string, channel: string | undefined][] = [
    ['orders/eu', '', '', 'orders/eu'],
    ['/plant/7/temp', '/plant/', 'sensors/', 'sensors/7/temp'],
    ['other/7', 'plant/', 'sensors/', 'sensors/other/7'],
    ['/leading', '', '', undefined],
    ['$SYS/load', '', '', undefined],
    ['a//b', '', '', undefined],
    ['plant/', 'plant/', '', undefined]
  ]
  for (const [topic, stripPrefix, addPrefix, channel] of cases) {
    const found = channelOf(topic, { stripPrefix, addPrefix })
    if (channel === undefined) t.match(found, { code: 'malformed' }, topic)
    else t.equal(found, channel, topic)
  }
  t.match(decode(publish('x', {}, { topicName: '$SYS/load' }), shared, 5), { code: 'malformed' })
})

t.test('what travels beside the payload are attributes, and none of them can be forged', async t => {
  const found = decode(publish('x', {
    contentType: 'text/plain', responseTopic: 'answers', correlationData: Buffer.from([1, 2]),
    userProperties: [['X-Line', '7'], ['mqtt-topic', 'forged'], [':path', '/forged'], ['x-line', '8']]
  }, { retain: true }), shared, 5)
  if (isRefusal(found)) throw new Error(found.detail)
  const pairs: [string, string][] = []
  found.attributes.forEach((name, value) => { pairs.push([name, value]) })
  t.same(pairs, [
    ['mqtt-topic', 'orders/eu'], ['mqtt-qos', '1'], ['mqtt-retain', 'true'],
    ['mqtt-response-topic', 'answers'], ['mqtt-correlation-data', 'AQI='], ['x-line', '7'], ['x-line', '8']
  ])
  t.equal(found.attributes.get('x-line'), '7')
  t.equal(found.attributes.get('mqtt-topic'), 'orders/eu')
  t.equal(found.attributes.get('mqtt-constructor'), undefined)
  t.equal(found.attributes.get(':path'), undefined)
  t.equal(found.attributes.get('absent'), undefined)
})

t.test('trace context is passed on where it is one', async t => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
  const traced = (value: string): unknown =>
    decode(publish('x', { userProperties: [['traceparent', value], ['tracestate', 'a=1']] }), shared, 5)
  t.match(traced(traceparent), { traceparent, tracestate: 'a=1' })
  t.match(traced('00-00000000000000000000000000000000-b7ad6b7169203331-01'), { traceparent: undefined, tracestate: undefined })
  t.match(traced('nonsense'), { traceparent: undefined })
})
