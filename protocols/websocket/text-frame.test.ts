// Text messages: what is read from them, how data stays as it was sent, and what is wrong with the others.

import t from 'tap'
import fc from 'fast-check'
import { readText } from './text-frame.ts'

const read = (message: string | object): ReturnType<typeof readText> =>
  readText(Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)))
const event = { type: 'event', id: 1, channel: 'a' }

function dataOf (message: string | object): string {
  const found = read(message)
  if (found.type !== 'event') throw new Error(JSON.stringify(found))
  const { data, contentType, checked } = found.body
  return `${data?.toString('latin1')} ${contentType} ${checked}`
}

t.test('data is passed on as it stands there', async t => {
  const odd = '{"a" : 1e999, "b":12345678901234567890, "c":"\\u0061\\ud800"}'
  t.equal(dataOf(`{"id":1, "data" : ${odd} ,"type":"event","channel":"a"}`), `${odd} application/json true`)
  t.equal(dataOf({ ...event, data: null }), 'null application/json true')
  t.equal(dataOf({ ...event, text: 'a"b' }), 'a"b text/plain; charset=utf-8 false')
  t.equal(dataOf({ ...event, base64: 'AP8=' }), '\0\u00ff undefined false')
  t.equal(dataOf({ ...event, base64: '_w' }), '\u00ff undefined false')
  t.equal(dataOf({ ...event, base64: 'YWJj' }), 'abc undefined false')
  t.equal(dataOf({ ...event, base64: '' }), ' undefined false')
  t.equal(dataOf({ ...event, cloudevent: { id: 1 } }), '{"id":1} application/cloudevents+json true')
  t.equal(dataOf(event), 'undefined undefined false')
})

t.test('each type has its members', async t => {
  t.match(read({ ...event, channel: 7, attributes: { 'ce-id': '\u00e9' }, receipt: true }), {
    type: 'event', channel: 7, pairs: ['ce-id', '\u00e9'], receipt: true
  })
  t.same(read({ type: 'channel', number: 3, channel: 'a/b' }), { type: 'channel', number: 3, channel: 'a/b', pairs: [] })
  t.same(read({ type: 'open' }), { type: 'open', receipts: false })
  t.same(read({ type: 'authenticate', token: 't', attributes: { 'x-api-key': 'k' } }), {
    type: 'authenticate', pairs: ['x-api-key', 'k', 'authorization', 'Bearer t']
  })
})

const broken: readonly (readonly [message: string | object, pointer: string])[] = [
  [{ ...event, data: 1, text: 'a' }, '/text'],
  [{ ...event, text: 1 }, '/text'],
  [{ ...event, text: 'a\ud800' }, '/text'],
  [{ ...event, base64: 'a b' }, '/base64'],
  [{ ...event, base64: 'YWJjZ' }, '/base64'],
  [{ ...event, base64: 'YWJj=' }, '/base64'],
  [{ ...event, channel: null }, '/channel'],
  [{ ...event, channel: -1 }, '/channel'],
  [{ ...event, receipt: 1 }, '/receipt'],
  [{ ...event, attributes: [] }, '/attributes'],
  [{ ...event, attributes: { a: 1 } }, '/attributes'],
  [{ ...event, attributes: { A: 'b' } }, '/attributes'],
  [{ ...event, attributes: { a: '\n' } }, '/attributes/a'],
  [{ ...event, attributes: { a: '\udc00' } }, '/attributes/a'],
  [{ ...event, 'dat/a': 1 }, '/dat~1a'],
  ['{"type":"event","id":1,"channel":"a","data":1,"data":2}', '/data']
]

t.test('an event that has an id can be told what is wrong with it', async t => {
  for (const [message, pointer] of broken) {
    t.match(read(message), { type: 'broken', id: 1, refusal: { code: 'malformed', pointer } }, JSON.stringify(message))
  }
})

t.test('anything else is unreadable, and says why', async t => {
  const texts = [
    '', 'null', '[]', '{', '{}', '{"type":1}', { type: 'constructor' }, { type: 'event' }, { ...event, id: -1 },
    { ...event, id: '1' }, '{"type":"event","id":1.0}', '{"type":"event","id":9007199254740992}', { type: 'channel' },
    { type: 'channel', number: 1, channel: 1 }, { type: 'open', receipts: 'yes' }, { type: 'open', more: 1 },
    { type: 'authenticate', token: '' + '\n' }, `{"type":"event",${Array.from({ length: 30 }, (_, at) => `"a${at}":1`).join()}}`
  ]
  for (const text of texts) {
    const found = read(text)
    t.equal(found.type, 'unreadable', JSON.stringify(text))
    if (found.type === 'unreadable') t.ok(found.reason.length > 10)
  }
})

t.test('no text makes it throw', async () => {
  const json = fc.json({ maxDepth: 3 })
  fc.assert(fc.property(fc.oneof(fc.string(), json, json.map(one => `{"type":"event","id":1,"data":${one}}`)), text => {
    return typeof read(text).type === 'string'
  }), { numRuns: 2_000 })
})
