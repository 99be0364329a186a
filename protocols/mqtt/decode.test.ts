// Tests of messages becoming envelopes: wrapped, CloudEvents in binary and structured mode, and what travels beside.

import t from 'tap'
import { isRefusal } from '../../src/contract/outcome.ts'
import { anonymous } from '../../test/support/fake-ingress.ts'
import { publishPacket } from '../../test/support/mqtt-client.ts'
import { MessageAttributes } from './attributes.ts'
import type { Properties, UserProperty } from './codec/properties.ts'
import { noProperties } from './codec/properties.ts'
import { decodeMessage } from './decode.ts'
import type { Message, Sender } from './decode.ts'

const peer = { address: '127.0.0.1', port: 1, secure: false, connectionId: 1 }
const sender5: Sender = {
  version: 5, clientId: 'sensor', principal: anonymous, peer, structured311: false, contentType: undefined,
  plain: new MessageAttributes({ clientId: 'sensor', retain: false, properties: noProperties })
}
const sender4: Sender = { ...sender5, version: 4 }
const event = Buffer.from('{"specversion":"1.0","id":"1","source":"/s","type":"t","data":{"a":1e999}}')
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

function decoded (message: Partial<Message>, sender = sender5) {
  const found = decodeMessage(publishPacket(message), sender, 'a/b', 5)
  if (isRefusal(found)) throw new Error(found.detail)
  return found
}

function refused (message: Partial<Message>, sender = sender5) {
  const found = decodeMessage(publishPacket(message), sender, 'a/b', 5)
  return isRefusal(found) ? [found.code, found.pointer] : 'decoded'
}

const user = (...userProperties: UserProperty[]): Properties => ({ userProperties })
const binary: UserProperty[] = [['specversion', '1.0'], ['id', '1'], ['source', '/s'], ['type', 't']]

t.test('a message is wrapped, its payload as it came', async t => {
  for (const sender of [sender4, sender5]) {
    const payload = Buffer.from([0, 255])
    const found = decoded({ payload }, sender)
    t.match(found, { id: '', source: '', type: '', wrapped: true, channel: 'a/b', receivedAtMs: 5, patient: true, dataChecked: false })
    t.equal(found.data, payload, 'not a copy')
    t.equal(found.datacontenttype, undefined)
    t.equal(found.attributes, sender.plain, 'one object for all that have nothing of their own')
  }
  t.equal(decoded({ payload: Buffer.alloc(0) }).data, null)
  t.equal(decoded({ qos: 0 }).patient, false)
})

t.test('a content type is the message\'s own, else the configured one', async t => {
  t.equal(decoded({ properties: { contentType: 'text/plain' } }, { ...sender5, contentType: 'a/b' }).datacontenttype, 'text/plain')
  t.equal(decoded({}, { ...sender4, contentType: 'application/json' }).datacontenttype, 'application/json')
})

t.test('a CloudEvent in structured mode', async t => {
  const found = decoded({ payload: event, properties: { contentType: 'application/cloudevents+json; charset=utf-8' } })
  t.match(found, { id: '1', source: '/s', type: 't', wrapped: false })
  t.equal(found.data?.toString(), '{"a":1e999}', 'the data is not written anew')
  t.match(decoded({ payload: event }, { ...sender4, structured311: true }), { id: '1', wrapped: false })
  t.match(decoded({ payload: event, retain: true }, { ...sender4, structured311: true }), { id: '1', wrapped: false })
  t.match(decoded({ payload: event }, { ...sender5, structured311: true }), { wrapped: true }, 'MQTT 5 says what it is')
  t.same(refused({ payload: Buffer.from('{}'), properties: { contentType: 'application/cloudevents+json' } }),
    ['invalid-event', '/specversion'])
  for (const contentType of ['application/cloudevents+avro', 'application/cloudevents-batch+json']) {
    t.same(refused({ properties: { contentType } }), ['invalid-event', undefined], contentType)
  }
})

t.test('a CloudEvent in binary mode', async t => {
  const found = decoded({
    properties: {
      contentType: 'application/json',
      userProperties: [...binary, ['time', '2026-01-31T09:30:00Z'], ['region', 'eu'], ['X-Own', 'v'], ['traceparent', traceparent]]
    }
  })
  t.match(found, { id: '1', source: '/s', type: 't', datacontenttype: 'application/json', wrapped: false, traceparent })
  t.same([...found.extensions], [['region', 'eu'], ['traceparent', traceparent]], 'a name that no attribute has is none')
  t.equal(found.attributes.get('x-own'), 'v')
  const said = decoded({ properties: { contentType: 'a/b', userProperties: [...binary, ['datacontenttype', 'a/b']] } })
  t.equal(said.datacontenttype, 'a/b', 'emitters say it twice')
  t.equal(decoded({ properties: user(...binary, ['datacontenttype', 'a/b']) }).datacontenttype, 'a/b')
  t.same(refused({ properties: { contentType: 'a/b', userProperties: [...binary, ['datacontenttype', 'c/d']] } }),
    ['invalid-event', '/datacontenttype'])
  t.same(refused({ properties: user(['specversion', '1.0'], ['id', '1']) }), ['invalid-event', '/source'])
  t.same(refused({ properties: user(...binary, ['id', '2']) }), ['invalid-event', '/id'])
})

t.test('a payload that is announced as UTF-8 is UTF-8', async t => {
  const properties = { payloadFormatIndicator: 1 }
  t.equal(decoded({ properties, payload: Buffer.from('\u20ac') }).data?.toString(), '\u20ac')
  t.same(refused({ properties, payload: Buffer.from([0xff]) }), ['invalid-event', undefined])
})

t.test('trace context is read from user properties, a malformed one is none', async t => {
  t.match(decoded({ properties: user(['traceparent', traceparent], ['tracestate', 'a=1']) }), { traceparent, tracestate: 'a=1' })
  t.match(decoded({ properties: user(['traceparent', 'x'], ['tracestate', 'a=1']) }), { traceparent: undefined, tracestate: undefined })
})

t.test('what MQTT has beside the payload are attributes, which no user property can stand for', async t => {
  const { attributes } = decoded({
    retain: true,
    properties: {
      responseTopic: 'r', correlationData: Buffer.from([1, 2]), messageExpiryInterval: 5, payloadFormatIndicator: 0,
      userProperties: [['A', '1'], ['a', '2'], ['MQTT-Client-Id', 'forged'], ['mqtt-own', 'x'], [':path', '/']]
    }
  })
  const pairs: [string, string][] = []
  attributes.forEach((name, value) => pairs.push([name, value]))
  t.same(pairs, [
    ['mqtt-client-id', 'sensor'], ['mqtt-retain', 'true'], ['mqtt-response-topic', 'r'], ['mqtt-correlation-data', 'AQI='],
    ['mqtt-message-expiry-interval', '5'], ['mqtt-payload-format-indicator', '0'], ['a', '1'], ['a', '2']
  ])
  t.same(['a', 'mqtt-client-id', 'mqtt-own', ':path', 'b'].map(name => attributes.get(name)), ['1', 'sensor', undefined, undefined, undefined])
})
